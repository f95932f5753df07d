"""Harbor's API.

Source: ``api/v2.0/swagger.yaml`` in goharbor/harbor. It takes the same user and password as the registry, which is on
the same host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

import msgspec

from regframe.errors import NotFound
from regframe.oci.config import parse_time
from regframe.sources.auth import Challenge
from regframe.sources.hosted.asking import PAGE_SIZE, HostedAnswers

_API = "/api/v2.0/projects"


class _Repository(msgspec.Struct):
    name: str


class _Tag(msgspec.Struct):
    name: str
    push_time: str | None = None


class _Artifact(msgspec.Struct):
    push_time: str | None = None
    tags: list[_Tag] | None = None


def is_harbor(challenge: Challenge | None) -> bool:
    """Return whether the registry asks for tokens as Harbor does (``src/core/service/token`` in goharbor/harbor)."""
    return challenge is not None and challenge.parameters.get("service") == "harbor-registry"


class Harbor:
    """Lists of a project, and ``push_time``."""

    def __init__(self, answers: HostedAnswers) -> None:
        self.title = answers.title
        self._answers = answers

    async def repositories(self, namespace: str) -> AsyncIterator[str]:
        """Yield the repositories of a project, as far as this user may see them."""
        project = namespace.partition("/")[0]
        path = f"{_API}/{project}/repositories"
        for number in self._answers.page_numbers("catalog"):
            query: dict[str, str | int] = {"page": number, "page_size": PAGE_SIZE}
            page, response = await self._answers.get(path, query, list[_Repository], "catalog", namespace=project)
            for repository in page:
                yield repository.name
            # By number: in these links a name with a slash is encoded once, and Harbor wants it twice.
            if "next" not in response.links:
                return

    async def push_times(self, repository: str, tags: Sequence[str] | None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were pushed."""
        project, _, name = repository.partition("/")
        path = f"{_API}/{project}/repositories/{quote(quote(name, safe=''), safe='')}/artifacts"
        for tag in tags or ():
            with suppress(NotFound):
                query: dict[str, str | int] = {"with_tag": "true"}
                artifact, _ = await self._answers.get(f"{path}/{tag}", query, _Artifact, "push times", repository)
                for found in _pushed(artifact):
                    yield found
        for number in self._answers.page_numbers("push times") if tags is None else ():
            query = {"with_tag": "true", "page": number, "page_size": PAGE_SIZE}
            page, response = await self._answers.get(path, query, list[_Artifact], "push times", repository)
            for artifact in page:
                for found in _pushed(artifact):
                    yield found
            if "next" not in response.links:
                return


def _pushed(artifact: _Artifact) -> list[tuple[str, datetime]]:
    pushed = [(tag.name, parse_time(tag.push_time or artifact.push_time)) for tag in artifact.tags or []]
    return [(tag, time) for tag, time in pushed if time is not None]
