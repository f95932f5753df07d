"""The public APIs of hosted registries, emulated: each answers as its published documents say.

Each stands beside an :class:`EmulatedRegistry`, whose tags and documents it tells of. ``pushed`` says when.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.parts.emulated_registry import EmulatedRegistry, error

PUSHED = datetime(2024, 7, 8, 9, 10, 11, 123456, tzinfo=UTC)
HUB = "hub.docker.com"


@dataclass
class HostedAPI:
    """What the emulations have in common.

    Attributes
    ----------
    registry : EmulatedRegistry
        What it tells of.
    private : set of str
        Repositories that are not shown to everybody.
    pushed : dict
        When tags were pushed, by repository and tag; :data:`PUSHED` where it is not said.
    """

    registry: EmulatedRegistry
    private: set[str] = field(default_factory=set)
    pushed: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry.overrides.insert(0, self.answer)

    def answer(self, request: web.Request) -> web.Response | None:
        """Answer a request that is for this API."""
        raise NotImplementedError

    def when(self, repository: str, tag: str) -> datetime:
        """Return when a tag was pushed."""
        return self.pushed.get((repository, tag), PUSHED)

    def below(self, namespace: str) -> list[str]:
        """Return the repositories that are shown of a namespace."""
        return [name for name in self.registry.tags if name.startswith(f"{namespace}/") and name not in self.private]


def iso(time: datetime) -> str:
    """Return a time as Go writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class DockerHub(HostedAPI):
    """``hub.docker.com``: docs.docker.com, "Docker HUB API", with what it answers to anonymous users since August 2026.

    Attributes
    ----------
    anonymous_offset : int
        How far a list goes for those who are not signed in (dotCMS/core 37025: 1,000).
    """

    anonymous_offset: int = 1000

    def answer(self, request: web.Request) -> web.Response | None:
        if request.host != HUB:
            return None
        match request.path.split("/")[2:]:
            case ["namespaces", namespace, "repositories"]:
                names = [name.partition("/")[2] for name in self.below(namespace)]
                if not names:
                    return self.failed(404, "object not found")
                return self.page(request, [self.repository(namespace, name) for name in names])
            case ["namespaces", namespace, "repositories", name, "tags", *tag]:
                repository = f"{namespace}/{name}"
                known = self.registry.tags.get(repository, {})
                if repository in self.private or not known or (tag and tag[0] not in known):
                    return self.failed(404, "object not found")
                if tag:
                    return web.json_response(self.tag(repository, tag[0]))
                return self.page(request, [self.tag(repository, one) for one in known])
        return self.failed(404, "page not found")

    def failed(self, status: int, message: str) -> web.Response:
        return web.json_response({"message": message, "errinfo": {}}, status=status)

    def page(self, request: web.Request, entries: list[dict[str, Any]]) -> web.Response:
        number = int(request.query.get("page", "1"))
        size = min(int(request.query.get("page_size", "10")), 100)
        if (number - 1) * size >= self.anonymous_offset:
            return self.failed(403, "pagination offset too large for anonymous requests; sign in to page further")
        here = entries[(number - 1) * size : number * size]
        url = f"https://{HUB}{request.path}?page={{}}&page_size={size}"
        return web.json_response(
            {
                "count": len(entries),
                "next": url.format(number + 1) if number * size < len(entries) else None,
                "previous": url.format(number - 1) if number > 1 else None,
                "results": here,
            },
            headers={"X-RateLimit-Limit": "180", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1767225600"},
        )

    def repository(self, namespace: str, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "namespace": namespace,
            "repository_type": "image",
            "status": 1,
            "status_description": "active",
            "description": "",
            "is_private": False,
            "star_count": 1,
            "pull_count": 2,
            "last_updated": iso(PUSHED),
        }

    def tag(self, repository: str, tag: str) -> dict[str, Any]:
        return {
            "creator": 1,
            "id": 2,
            "images": [],
            "last_updated": iso(self.when(repository, tag)),
            "last_updater": 1,
            "last_updater_username": "doijanky",
            "name": tag,
            "repository": 3,
            "full_size": 1000,
            "v2": True,
            "tag_status": "active",
            "tag_last_pulled": None,
            "tag_last_pushed": iso(self.when(repository, tag)),
            "media_type": "application/vnd.oci.image.index.v1+json",
            "content_type": "image",
            "digest": self.registry.tags[repository][tag],
        }


@dataclass
class Quay(HostedAPI):
    """Quay's API: ``endpoints/api/tag.py`` and ``repository.py`` in quay/quay, and Red Hat's API guide."""

    page_size: int = 100

    def answer(self, request: web.Request) -> web.Response | None:
        if request.path == "/api/v1/repository":
            return self.repositories(request)
        if request.path.startswith("/api/v1/repository/") and request.path.endswith("/tag/"):
            return self.tags(request, request.path.removeprefix("/api/v1/repository/").removesuffix("/tag/"))
        return None

    def repositories(self, request: web.Request) -> web.Response:
        namespace = request.query["namespace"]
        names = [name.partition("/")[2] for name in self.below(namespace)]
        start = int(base64.b64decode(request.query.get("next_page", "")) or b"0")
        shown = names[start : start + self.page_size] if request.query.get("public") == "true" else []
        body: dict[str, Any] = {
            "repositories": [
                {
                    "namespace": namespace,
                    "name": name,
                    "description": None,
                    "is_public": True,
                    "kind": "image",
                    "state": "NORMAL",
                    "is_starred": False,
                }
                for name in shown
            ]
        }
        if start + self.page_size < len(names):
            body["next_page"] = base64.b64encode(str(start + self.page_size).encode()).decode()
        return web.json_response(body)

    def tags(self, request: web.Request, repository: str) -> web.Response:
        if repository in self.private:
            return web.json_response(
                {"status": 401, "error_message": "Requires authentication", "title": "insufficient_scope"}, status=401
            )
        if repository not in self.registry.tags:
            return web.json_response({"status": 404, "error_type": "not_found"}, status=404)
        known = self.registry.tags[repository]
        wanted = [tag for tag in known if request.query.get("specificTag") in {None, tag}]
        number, size = int(request.query.get("page", "1")), min(int(request.query.get("limit", "50")), self.page_size)
        if request.query.get("onlyActiveTags") != "true":
            # The history goes back to what tags pointed to before.
            former = [{"name": tag, "start_ts": 1500000000, "end_ts": 1500000001} for tag in wanted]
            return web.json_response({"tags": former, "page": number, "has_additional": False})
        entries = [
            {
                "name": tag,
                "reversion": False,
                "start_ts": int(self.when(repository, tag).timestamp()),
                "manifest_digest": known[tag],
                "is_manifest_list": False,
                "size": 2275314,
                "last_modified": format_datetime(self.when(repository, tag)),
            }
            for tag in wanted[(number - 1) * size : number * size]
        ]
        return web.json_response({"tags": entries, "page": number, "has_additional": number * size < len(wanted)})


@dataclass
class Harbor(HostedAPI):
    """Harbor: ``api/v2.0/swagger.yaml`` in goharbor/harbor, its token service, and a catalog for administrators only.

    Attributes
    ----------
    username, password : str
        Of a member of every project.
    page_size : int
        The most entries of a page.
    """

    username: str = "robot$team+reader"
    password: str = "harbor-secret"
    page_size: int = 100

    @property
    def basic(self) -> str:
        """What the member sends."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def answer(self, request: web.Request) -> web.Response | None:
        sent = request.headers.get("Authorization", "")
        if request.path == "/service/token":
            if sent not in {"", self.basic}:
                return error(401, "UNAUTHORIZED", "unauthorized")
            return web.json_response({"token": "member" if sent else "anonymous", "expires_in": 1800})
        if request.path.startswith("/v2/"):
            return self.registry_api(request, sent)
        # Slashes in names are encoded twice, so the raw path is looked at.
        if request.raw_path.startswith("/api/v2.0/projects/"):
            return self.projects(request, is_member=sent == self.basic)
        return None

    def registry_api(self, request: web.Request, sent: str) -> web.Response | None:
        if not sent.startswith("Bearer "):
            challenge = f'Bearer realm="http://{self.registry.address}/service/token",service="harbor-registry"'
            return error(401, "UNAUTHORIZED", "unauthorized: unauthorized to access", WWW_Authenticate=challenge)
        if request.path == "/v2/_catalog":
            return error(401, "UNAUTHORIZED", "unauthorized to list catalog")
        if sent != "Bearer member" and any(f"/{name}/" in request.path for name in self.private):
            return error(401, "UNAUTHORIZED", "unauthorized to access repository")
        return None

    def projects(self, request: web.Request, *, is_member: bool) -> web.Response:
        parts = request.raw_path.partition("?")[0].removeprefix("/api/v2.0/projects/").split("/")
        if len(parts) == 2 and parts[1] == "repositories":
            names = [name for name in self.registry.tags if name.startswith(f"{parts[0]}/")]
            shown = [name for name in names if is_member or name not in self.private]
            if not shown:
                return error(403, "FORBIDDEN", "project not found or forbidden")
            return self.page(request, [{"name": name, "artifact_count": 1, "project_id": 2} for name in shown])
        if len(parts) in {4, 5} and parts[1] == "repositories" and parts[3] == "artifacts" and "%2F" not in parts[2]:
            repository = f"{parts[0]}/{unquote(unquote(parts[2]))}"
            known = self.registry.tags.get(repository, {})
            if not known or (repository in self.private and not is_member):
                return error(401, "UNAUTHORIZED", "unauthorized")
            digests = dict.fromkeys(known.values())
            if len(parts) == 5:
                digests = {known[parts[4]]: None} if parts[4] in known else {}
                if not digests:
                    return error(404, "NOT_FOUND", f"artifact {repository}:{parts[4]} not found")
                return web.json_response(self.artifact(repository, known, next(iter(digests))))
            return self.page(request, [self.artifact(repository, known, digest) for digest in digests])
        return error(404, "NOT_FOUND", f"path {request.raw_path} was not found")

    def page(self, request: web.Request, entries: list[dict[str, Any]]) -> web.Response:
        number = int(request.query.get("page", "1"))
        size = min(int(request.query.get("page_size", "10")), self.page_size)
        headers = {"X-Total-Count": str(len(entries))}
        if number * size < len(entries):
            # As Harbor does: the path is decoded once.
            headers["Link"] = f'<{request.path}?page={number + 1}&page_size={size}>; rel="next"'
        return web.json_response(entries[(number - 1) * size : number * size], headers=headers)

    def artifact(self, repository: str, known: dict[str, str], digest: str) -> dict[str, Any]:
        tags = [tag for tag, its in known.items() if its == digest]
        return {
            "id": 7,
            "type": "IMAGE",
            "media_type": "application/vnd.oci.image.config.v1+json",
            "digest": digest,
            "size": 1000,
            "push_time": "2024-01-01T00:00:00.000Z",
            "pull_time": "0001-01-01T00:00:00.000Z",
            "tags": [{"id": 9, "name": tag, "push_time": iso(self.when(repository, tag))} for tag in tags] or None,
        }
