"""Docker Hub's API.

Source: docs.docker.com, "Docker HUB API" (``content/reference/api/hub/latest.yaml`` in docker/docs). It has a login of
its own, which is not used: nothing of the user's is sent there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from regframe.errors import CredentialsRefused, NotFound, Unsupported
from regframe.oci.config import parse_time
from regframe.sources.hosted.asking import PAGE_SIZE, HostedAnswers

HOST = "hub.docker.com"


class _Repository(msgspec.Struct):
    name: str


class _Repositories(msgspec.Struct):
    results: list[_Repository]
    next: str | None = None


class _Tag(msgspec.Struct):
    name: str
    tag_last_pushed: str | None = None


class _Tags(msgspec.Struct):
    results: list[_Tag]
    next: str | None = None


class DockerHub:
    """Lists of a namespace, and ``tag_last_pushed``."""

    def __init__(self, answers: HostedAnswers) -> None:
        self.title = answers.title
        self._answers = answers

    async def repositories(self, namespace: str) -> AsyncIterator[str]:
        """Yield the public repositories of a user, an organization, or ``library``."""
        owner = namespace.partition("/")[0]
        for number in self._answers.page_numbers("catalog"):
            query: dict[str, str | int] = {"page": number, "page_size": PAGE_SIZE}
            path = f"/v2/namespaces/{owner}/repositories"
            page, _ = await self._answers.get(path, query, _Repositories, "catalog", namespace=owner)
            for repository in page.results:
                yield f"{owner}/{repository.name}"
            if not page.next:
                return

    async def push_times(self, repository: str, tags: Sequence[str] | None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were last pushed, the newest first.

        Raises
        ------
        Unsupported
            After the 1,000 newest tags: Docker Hub shows no more to those who are not signed in.
        """
        namespace, _, name = repository.partition("/")
        path = f"/v2/namespaces/{namespace}/repositories/{name}/tags"
        for tag in tags or ():
            with suppress(NotFound):
                one, _ = await self._answers.get(f"{path}/{tag}", {}, _Tag, "push times", repository)
                if time := parse_time(one.tag_last_pushed):
                    yield tag, time
        for number in self._answers.page_numbers("push times") if tags is None else ():
            query: dict[str, str | int] = {"page": number, "page_size": PAGE_SIZE}
            try:
                page, _ = await self._answers.get(path, query, _Tags, "push times", repository)
            except CredentialsRefused as refusal:
                if number == 1:
                    raise
                raise Unsupported(
                    f"Docker Hub tells when the {(number - 1) * PAGE_SIZE:,} newest tags of {repository} were pushed, "
                    "and no more to those who are not signed in there; the other tags have the dates of their images.",
                    operation="push times", status=refusal.status, url=refusal.url,
                ) from None  # fmt: skip
            for one in page.results:
                if time := parse_time(one.tag_last_pushed):
                    yield one.name, time
            if not page.next:
                return
