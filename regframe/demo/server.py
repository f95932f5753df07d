"""The Registry HTTP API V2 over documents in memory: reading and, where that is allowed, deleting and tagging.

Source: OCI distribution-spec 1.1; where it leaves things open, as distribution 2.8 has them.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import hdrs, web

from regframe.demo.content import SampleContent, digest_of
from regframe.oci import media_types

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_REFERENCE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}|[a-z0-9+._-]+:[0-9a-fA-F]{32,}")
_CATALOG_PAGE = 100
_LARGEST_PAGE = 1000
_JSON = "application/json; charset=utf-8"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Refused(Exception):
    """An answer that is not a success, in the words of the specification ("Error Codes")."""

    def __init__(self, status: int, code: str, message: str, detail: object = None, **headers: str) -> None:
        self.status, self.code, self.message, self.detail, self.headers = status, code, message, detail, headers


@dataclass
class _Repository:
    """What one repository serves: its tags, and by digest what they lead to."""

    tags: dict[str, str]
    manifests: set[str] = field(default_factory=set)
    blobs: set[str] = field(default_factory=set)


def application(
    content: SampleContent, username: str | None = None, password: str | None = None, *, writable: bool = False
) -> web.Application:
    """Return the registry as an aiohttp application; with a user and password it asks for them (Basic).

    A writable one deletes tags and manifests, and takes manifests of what it has; its content is left as it is.
    """
    expected = base64.b64encode(f"{username}:{password}".encode()) if username is not None else None
    app = web.Application(middlewares=[_answers(expected, writable)])
    registry = _SampleRegistry(content)
    app.router.add_get("/v2/", registry.version)
    app.router.add_get("/v2/_catalog", registry.catalog)
    app.router.add_get("/v2/{name:.+}/tags/list", registry.tags)
    app.router.add_get("/v2/{name:.+}/manifests/{reference}", registry.manifest)
    app.router.add_get("/v2/{name:.+}/blobs/{digest}", registry.blob)
    app.router.add_get("/v2/{name:.+}/referrers/{digest}", registry.referrers)
    app.router.add_delete("/v2/{name:.+}/manifests/{reference}", registry.delete_manifest)
    app.router.add_put("/v2/{name:.+}/manifests/{reference}", registry.put_manifest)
    return app


def _answers(expected: bytes | None, writable: bool) -> Any:
    """Return the middleware that asks for credentials and puts refusals into the specification's form."""

    @web.middleware
    async def answer(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
            known = scheme.lower() == "basic" and hmac.compare_digest(
                given.strip().encode(errors="replace"), expected or b""
            )
            if expected is not None and not known:
                raise _Refused(
                    401,
                    "UNAUTHORIZED",
                    "authentication required",
                    **{hdrs.WWW_AUTHENTICATE: 'Basic realm="regframe sample registry"'},
                )
            if request.method not in ("GET", "HEAD") and not writable:
                message = "the sample registry is read-only"
                raise _Refused(405, "UNSUPPORTED", message, **{hdrs.ALLOW: "GET, HEAD"})
            response = await handler(request)
        except _Refused as refused:
            error = {"code": refused.code, "message": refused.message, "detail": refused.detail}
            body = json.dumps({"errors": [error]}).encode()
            response = web.Response(status=refused.status, body=body, headers={hdrs.CONTENT_TYPE: _JSON})
            response.headers.update(refused.headers)
        except web.HTTPNotFound:
            response = web.Response(status=404, text="404 page not found\n")
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        response.headers[hdrs.SERVER] = "regframe sample registry"
        return response

    return answer


class _SampleRegistry:
    """The handlers."""

    def __init__(self, content: SampleContent) -> None:
        self._manifests = dict(content.manifests)
        self._content = content
        self._parsed = {digest: _parsed(data) for digest, (_, data) in content.manifests.items()}
        self._referrers: dict[str, list[str]] = {}
        for digest, document in self._parsed.items():
            subject = document.get("subject")
            if isinstance(subject, dict):
                self._referrers.setdefault(str(subject.get("digest")), []).append(digest)
        self._repositories = {name: self._repository(tags) for name, tags in sorted(content.repositories.items())}

    def _repository(self, tags: Mapping[str, str]) -> _Repository:
        repository = _Repository(dict(tags))
        waiting = list(tags.values())
        while waiting:
            digest = waiting.pop()
            if digest not in repository.manifests:
                repository.manifests.add(digest)
                document = self._parsed.get(digest, {})
                waiting += [*_digests(document.get("manifests")), *self._referrers.get(digest, ())]
                repository.blobs |= {*_digests([document.get("config")]), *_digests(document.get("layers"))}
        return repository

    def _named(self, request: web.Request) -> _Repository:
        name = request.match_info["name"]
        if not re.fullmatch(_NAME, name):
            raise _Refused(400, "NAME_INVALID", "invalid repository name", {"name": name})
        if name not in self._repositories:
            raise _Refused(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": name})
        return self._repositories[name]

    async def version(self, _: web.Request) -> web.Response:
        return _json({})

    async def catalog(self, request: web.Request) -> web.Response:
        names, headers = _page(request, self._repositories, _CATALOG_PAGE)
        return _json({"repositories": names}, headers)

    async def tags(self, request: web.Request) -> web.Response:
        repository = self._named(request)
        tags, headers = _page(request, sorted(repository.tags), None)
        # Distribution says null, not [], of a repository without tags.
        return _json({"name": request.match_info["name"], "tags": tags if repository.tags else None}, headers)

    async def manifest(self, request: web.Request) -> web.Response:
        repository, reference = self._named(request), request.match_info["reference"]
        if not _REFERENCE.fullmatch(reference):
            raise _Refused(400, "TAG_INVALID", "manifest tag did not match URI", {"Tag": reference})
        digest = repository.tags.get(reference, reference)
        if digest not in repository.manifests or digest not in self._manifests:
            detail = {"name": request.match_info["name"], "Tag": reference}
            raise _Refused(404, "MANIFEST_UNKNOWN", "manifest unknown", detail)
        media_type, data = self._manifests[digest]
        accepted = ",".join(request.headers.getall(hdrs.ACCEPT, ["*/*"]))
        if media_type not in accepted and "*/*" not in accepted:
            message = f"the manifest is of the type {media_type}, which the request does not accept"
            raise _Refused(404, "MANIFEST_UNKNOWN", message)
        return _document(request, digest, data, media_type)

    async def delete_manifest(self, request: web.Request) -> web.Response:
        repository, reference = self._named(request), request.match_info["reference"]
        if repository.tags.pop(reference, None) is None:
            if reference not in repository.manifests:
                raise _Refused(404, "MANIFEST_UNKNOWN", "manifest unknown", {"Tag": reference})
            repository.manifests.remove(reference)
            repository.tags = {tag: digest for tag, digest in repository.tags.items() if digest != reference}
        return web.Response(status=202)

    async def put_manifest(self, request: web.Request) -> web.Response:
        repository, reference, data = self._named(request), request.match_info["reference"], await request.read()
        digest, document = digest_of(data), _parsed(data)
        lacking = {*_digests(document.get("manifests"))} - repository.manifests
        lacking |= {*_digests([document.get("config")]), *_digests(document.get("layers"))} - repository.blobs
        if lacking or not document or (":" in reference and reference != digest):
            raise _Refused(400, "MANIFEST_INVALID", "manifest invalid", sorted(lacking))
        self._parsed[digest] = document
        self._manifests[digest] = (request.content_type, data)
        repository.manifests.add(digest)
        if ":" not in reference:
            repository.tags[reference] = digest
        return web.Response(status=201, headers={"Docker-Content-Digest": digest})

    async def blob(self, request: web.Request) -> web.Response:
        repository, digest = self._named(request), request.match_info["digest"]
        if ":" not in digest or not _REFERENCE.fullmatch(digest):
            raise _Refused(400, "DIGEST_INVALID", "provided digest did not match uploaded content", {"digest": digest})
        data = self._content.blobs.get(digest) if digest in repository.blobs else None
        if data is not None:
            return _document(request, digest, data, "application/octet-stream")
        message = "blob unknown to registry"
        if digest in repository.blobs & self._content.made_up:
            message = "the sample registry's layers are made up: this one has a digest and a size, and no content"
        raise _Refused(404, "BLOB_UNKNOWN", message, {"digest": digest})

    async def referrers(self, request: web.Request) -> web.Response:
        repository, wanted = self._named(request), request.query.get("artifactType")
        listed = self._referrers.get(request.match_info["digest"], [])
        entries = [self._referrer(digest) for digest in listed if digest in repository.manifests]
        headers: dict[str, str] = {hdrs.CONTENT_TYPE: media_types.OCI_INDEX}
        if wanted:
            entries = [entry for entry in entries if entry.get("artifactType") == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        return _json({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}, headers)

    def _referrer(self, digest: str) -> dict[str, Any]:
        media_type, data = self._manifests[digest]
        document = self._parsed[digest]
        entry = {"mediaType": media_type, "digest": digest, "size": len(data)}
        config = document.get("config")
        artifact_type = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
        return entry | {
            key: value
            for key, value in (("artifactType", artifact_type), ("annotations", document.get("annotations")))
            if value
        }


def _parsed(data: bytes) -> dict[str, Any]:
    """Return a manifest, or nothing where a test serves one that is none."""
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _digests(descriptors: object) -> Iterable[str]:
    entries = descriptors if isinstance(descriptors, list) else []
    return [str(entry["digest"]) for entry in entries if isinstance(entry, dict) and "digest" in entry]


def _json(document: object, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(document).encode(), headers={hdrs.CONTENT_TYPE: _JSON, **(headers or {})})


def _page(request: web.Request, names: Iterable[str], default: int | None) -> tuple[list[str], dict[str, str]]:
    """Return one page of names, which come sorted, and the link to the next one."""
    last, asked = request.query.get("last", ""), request.query.get("n")
    size = default
    if asked is not None:
        size = int(asked) if re.fullmatch(r"\d{1,9}", asked) else 0
        if not 1 <= size <= _LARGEST_PAGE:
            raise _Refused(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": asked})
    following = [name for name in names if name > last]
    if size is None or len(following) <= size:
        return following, {}
    page = following[:size]
    query = urlencode({"last": page[-1], "n": size})
    return page, {hdrs.LINK: f'<{request.path}?{query}>; rel="next"'}


def _document(request: web.Request, digest: str, data: bytes, media_type: str) -> web.Response:
    """Return bytes with their digest, or the range of them that was asked for."""
    headers = {
        hdrs.CONTENT_TYPE: media_type,
        "Docker-Content-Digest": digest,
        hdrs.ETAG: f'"{digest}"',
        hdrs.ACCEPT_RANGES: "bytes",
    }
    if any(tag.value == digest for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if hdrs.RANGE not in request.headers:
        return web.Response(body=data, headers=headers)
    try:
        start, stop, _ = request.http_range.indices(len(data))
    except ValueError:
        start, stop = len(data), len(data)
    if start >= stop:
        raise _Refused(416, "RANGE_INVALID", "invalid content range", **{hdrs.CONTENT_RANGE: f"bytes */{len(data)}"})
    headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], headers=headers)
