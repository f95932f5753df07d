"""What Google's registries add to a list of tags: the repositories below, and when each manifest was uploaded.

Source: ``pkg/v1/google/list.go`` in google/go-containerregistry. Container Registry writes numbers as text, Artifact
Registry as numbers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import msgspec

from regframe.errors import TooLarge

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# As many as a list of repositories may have pages elsewhere.
_MOST_REPOSITORIES = 10_000


class TagList(Protocol):
    """One page of a list of tags, with what Google adds to it; what is not Google's is not read."""

    tags: list[str] | None
    manifest: msgspec.Raw
    child: msgspec.Raw


class _Manifest(msgspec.Struct):
    tag: list[str] = []
    time_uploaded: str | int | None = msgspec.field(default=None, name="timeUploadedMs")


def is_host(registry: str) -> bool:
    """Return whether the registry is one of Google's."""
    return registry == "gcr.io" or registry.endswith((".gcr.io", ".pkg.dev"))


def upload_times(page: TagList) -> Iterator[tuple[str, datetime]]:
    """Yield when what each tag points to was uploaded."""
    for manifest in _read(page.manifest, dict[str, _Manifest], {}).values():
        try:
            time = _EPOCH + timedelta(milliseconds=int(manifest.time_uploaded or 0))
        except (ValueError, OverflowError):
            continue
        if time > _EPOCH:
            yield from ((tag, time) for tag in manifest.tag)


class Google:
    """Lists of a namespace, and upload times, from the lists of tags of the registry itself."""

    title = "Google"

    def __init__(self, tag_lists: Callable[[str], AsyncIterator[TagList]]) -> None:
        self._tag_lists = tag_lists

    async def repositories(self, namespace: str) -> AsyncIterator[str]:
        """Yield the repositories below a namespace: each one's list names those right below it."""
        waiting, seen = [namespace], {namespace}
        while waiting:
            repository = waiting.pop()
            holds_images = False
            async for page in self._tag_lists(repository):
                holds_images = holds_images or bool(page.tags) or bool(_read(page.manifest, dict[str, _Manifest], {}))
                below = {f"{repository}/{name}" for name in _read(page.child, list[str], [])} - seen
                waiting += sorted(below, reverse=True)
                seen |= below
            if len(seen) > _MOST_REPOSITORIES:
                raise TooLarge(f"{namespace} has repositories below repositories without an end.", operation="catalog")
            if holds_images:
                yield repository

    async def push_times(self, repository: str, tags: Sequence[str] | None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when what each tag points to was uploaded."""
        async for page in self._tag_lists(repository):
            for found in upload_times(page):
                yield found


def _read(raw: msgspec.Raw, kind: type[T], otherwise: T) -> T:
    try:
        return msgspec.json.decode(raw, type=kind) if raw else otherwise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return otherwise
