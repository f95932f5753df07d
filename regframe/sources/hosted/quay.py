"""Quay's API: quay.io, and Red Hat Quay where it is installed.

Source: Red Hat Quay's API guide; ``endpoints/api/tag.py`` and ``repository.py`` in quay/quay. It takes tokens of its
own (OAuth), which are not used: nothing of the user's is sent there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import httpx
import msgspec

from regframe.sources.auth import Challenge
from regframe.sources.hosted.asking import PAGE_SIZE, HostedAnswers

_HOST = "quay.io"


class _Repository(msgspec.Struct):
    namespace: str
    name: str


class _Repositories(msgspec.Struct):
    repositories: list[_Repository]
    next_page: str | None = None


class _Tag(msgspec.Struct):
    name: str
    start_ts: int | None = None


class _Tags(msgspec.Struct):
    tags: list[_Tag]
    has_additional: bool = False


def is_quay(registry: str, challenge: Challenge | None) -> bool:
    """Return whether the registry is quay.io, or gives its tokens at a path where only Quay does."""
    if registry == _HOST or challenge is None:
        return registry == _HOST
    realm = httpx.URL(challenge.parameters.get("realm", ""))
    return realm.path == "/v2/auth" and realm.netloc.decode("ascii") == registry


class Quay:
    """Lists of a namespace, and since when a tag points to what it points to."""

    def __init__(self, answers: HostedAnswers) -> None:
        self.title = answers.title
        self._answers = answers

    async def repositories(self, namespace: str) -> AsyncIterator[str]:
        """Yield the public repositories of a user or an organization."""
        owner = namespace.partition("/")[0]
        query: dict[str, str | int] = {"namespace": owner, "public": "true"}
        for _ in self._answers.page_numbers("catalog"):
            page, _ = await self._answers.get("/api/v1/repository", query, _Repositories, "catalog", namespace=owner)
            for repository in page.repositories:
                yield f"{repository.namespace}/{repository.name}"
            if not page.next_page:
                return
            query["next_page"] = page.next_page

    async def push_times(self, repository: str, tags: Sequence[str] | None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags began to point to what they point to."""
        path = f"/api/v1/repository/{repository}/tag/"
        for tag in [None] if tags is None else tags:
            for number in self._answers.page_numbers("push times"):
                query: dict[str, str | int] = {"onlyActiveTags": "true", "limit": PAGE_SIZE, "page": number}
                if tag is not None:
                    query["specificTag"] = tag
                page, _ = await self._answers.get(path, query, _Tags, "push times", repository)
                for one in page.tags:
                    if (time := _time(one.start_ts)) is not None:
                        yield one.name, time
                if not page.has_additional:
                    break


def _time(seconds: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
