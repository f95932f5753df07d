"""A scan cut into parts: each has about as many tags as the others, and can be read alone, on any machine.

The lists are read once, by whoever cuts. A part names its tags, and is so the same at a second try.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heapreplace
from math import ceil
from typing import TypeVar

from regframe.errors import RegframeError
from regframe.oci.descriptor import Descriptor
from regframe.records import Failure, Records, Tag
from regframe.reference import Pattern
from regframe.selection import Chosen
from regframe.sources import Document, Pointer, Source
from regframe.sources.pace import Allowance
from regframe.version import tag_order

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Some tags of a registry, and what the lists have said of them.

    Attributes
    ----------
    number : int
        Which part of the scan; the first is 1.
    started : datetime
        When the scan began, which is the same for all parts.
    tags : dict of str to tuple of str
        Tags that the registry has listed, by repository.
    named : tuple of Pattern
        Images that were named, and are perhaps not there.
    only : frozenset of str
        Digests of the images of an index to read; none means all.
    pushed : dict of (repository, tag) to datetime
        When the registry says that tags were pushed.
    """

    number: int
    started: datetime
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    named: tuple[Pattern, ...] = ()
    only: frozenset[str] = frozenset()
    pushed: dict[tuple[str, str], datetime] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.named) + sum(len(tags) for tags in self.tags.values())

    @property
    def chosen(self) -> Chosen:
        """What a scan of it is to read."""
        return Chosen((*self.named, *(Pattern(repository) for repository in self.tags)), self.only)

    def failed(self, error: RegframeError) -> Records:
        """Return what is known of it when it could not be read: its tags by name, and an error for each repository."""
        counts = {repository: len(tags) for repository, tags in self.tags.items()}
        for pattern in self.named:
            counts[pattern.repository] = counts.get(pattern.repository, 0) + 1
        return Records(
            started=self.started,
            repositories=dict.fromkeys(counts),
            tags=[Tag(repository, tag) for repository, tags in self.tags.items() for tag in tags],
            failures=[
                Failure(_of_repository(error, repository, count), repository) for repository, count in counts.items()
            ],
        )


def _of_repository(error: RegframeError, repository: str, count: int) -> RegframeError:
    tags = "1 tag" if count == 1 else f"{count:,} tags"
    return RegframeError(
        f"{tags} of {repository} could not be read: {error}",
        operation="part",
        status=error.status,
        code=error.code,
        url=error.url,
    )


def is_named(pattern: Pattern) -> bool:
    """Return whether a pattern names an image, which is read without looking for it in a list."""
    return pattern.names_repository and pattern.names_tag


def cut(chosen: Chosen, listed: Records, *, at_once: int, tags_per_part: int | None) -> list[Part]:
    """Return the parts of a scan, balanced by their number of tags; the documents of a repository stay together.

    Parameters
    ----------
    chosen : Chosen
        What is to be read.
    listed : Records
        What a scan down to the names of the tags has found of it.
    at_once : int
        How many parts are read at once.
    tags_per_part : int, optional
        How many tags a part has at most; without it some parts for each of those at once, of up to 1,000 tags.
    """
    named: dict[str, list[Pattern]] = {}
    for pattern in dict.fromkeys(filter(is_named, chosen.patterns)):
        named.setdefault(pattern.repository, []).append(pattern)
    read_by_name = {(pattern.repository, pattern.tag) for patterns in named.values() for pattern in patterns}
    tags: dict[str, list[str]] = {}
    for tag in listed.tags:
        if tag.tag is not None and (tag.repository, tag.tag) not in read_by_name:
            tags.setdefault(tag.repository, []).append(tag.tag)
    total = sum(map(len, named.values())) + sum(map(len, tags.values()))
    size = tags_per_part or min(_MOST_TAGS, max(_LEAST_TAGS, ceil(total / (at_once * _PARTS_FOR_EACH))))
    whole = Part(0, listed.started, only=chosen.only)
    pieces = [
        *(replace(whole, named=tuple(some)) for found in named.values() for some in _evenly(found, size)),
        *(
            replace(whole, tags={repository: tuple(some)})
            # Neighbours in version order have most documents in common.
            for repository, found in tags.items()
            for some in _evenly(sorted(found, key=tag_order), size)
        ),
    ]
    count = ceil(total / size)
    while any(sum(map(len, some)) > size for some in _balanced(pieces, count)):
        count += 1 + count // 20
    parts = [_joined(some) for some in _balanced(pieces, count)]
    return [replace(part, number=number, pushed=_of_part(part, listed.pushed)) for number, part in enumerate(parts, 1)]


# Enough that the last part to end keeps nobody waiting for long, and that each is worth its connections.
_PARTS_FOR_EACH = 4
_LEAST_TAGS = 20
# What is lost with a worker, and what it holds in memory: some hundred MB where images have many platforms.
_MOST_TAGS = 1000


def _evenly(things: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    count = ceil(len(things) / most)
    for number in range(count):
        yield things[len(things) * number // count : len(things) * (number + 1) // count]


def _balanced(pieces: Sequence[Part], count: int) -> list[list[Part]]:
    """Put the largest first, each to where there is least (Graham's LPT, SIAM J. Appl. Math. 17 (1969), 416)."""
    loads = [(0, number) for number in range(count)]
    parts: list[list[Part]] = [[] for _ in range(count)]
    for piece in sorted(pieces, key=len, reverse=True):
        load, number = loads[0]
        parts[number].append(piece)
        heapreplace(loads, (load + len(piece), number))
    return [part for part in parts if part]


def _of_part(part: Part, times: Mapping[tuple[str, str], datetime]) -> dict[tuple[str, str], datetime]:
    keys = ((repository, tag) for repository, tags in part.tags.items() for tag in tags)
    return {key: times[key] for key in keys if key in times}


def _joined(pieces: Sequence[Part]) -> Part:
    tags: dict[str, tuple[str, ...]] = {}
    for piece in pieces:
        for repository, some in piece.tags.items():
            tags[repository] = (*tags.get(repository, ()), *some)
    return replace(pieces[0], tags=tags, named=tuple(pattern for piece in pieces for pattern in piece.named))


class ListedSource:
    """A source whose lists were read before: those of a part.

    Parameters
    ----------
    source : Source
        Where documents come from.
    part : Part
        What was listed.
    """

    def __init__(self, source: Source, part: Part) -> None:
        self._source = source
        self._part = part

    @property
    def is_local(self) -> bool:
        """Whether it is a place on this machine."""
        return self._source.is_local

    @property
    def allowance(self) -> Allowance | None:
        """What the source last said of its rate limit."""
        return self._source.allowance

    async def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the repositories of the part."""
        for repository in self._part.tags:
            yield repository

    async def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository that are in the part."""
        for tag in self._part.tags.get(repository, ()):
            yield tag

    async def push_times(
        self, repository: str, tags: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were pushed; of those that were named the source is asked."""
        if tags is not None:
            async for found in self._source.push_times(repository, tags):
                yield found
            return
        for tag in self._part.tags[repository]:
            if (repository, tag) in self._part.pushed:
                yield tag, self._part.pushed[repository, tag]

    async def resolve(self, repository: str, reference: str, known: str | None = None) -> Pointer | None:
        """Return what a tag or a digest means, if the source says so without giving the document."""
        return await self._source.resolve(repository, reference, known)

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return the manifest or the index that a tag or a digest means, or that a document names."""
        return await self._source.manifest(repository, reference)

    async def blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a blob that a document names."""
        return await self._source.blob(repository, descriptor)

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return a blob's last bytes."""
        return await self._source.end_of_blob(repository, descriptor, count)
