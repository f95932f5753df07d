"""A scan of many tags in batches: lists first, then so many tags at a time, each batch given away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import anyio
from anyio import to_thread

from regframe.records import Failure, Records, Tag
from regframe.reference import Pattern
from regframe.scan import Scan
from regframe.version import tag_order


class Wanted(NamedTuple):
    """A tag that is to be read, and how it was found."""

    repository: str
    tag: str | None
    digest: str | None = None
    listed: bool = False
    may_lack: bool = False

    @property
    def key(self) -> str:
        """What tells it from the others of its repository."""
        return self.digest or self.tag or ""


class Waiting:
    """Tags that wait to be read: of repositories that have been listed a dozen bytes each."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._open: dict[str, dict[str, Wanted]] = {}

    def add(self, wanted: Wanted) -> bool:
        """Add a tag, and return whether it is new."""
        if wanted.repository not in self._open:
            packed = self._lines.pop(wanted.repository, "")
            self._open[wanted.repository] = {tag.key: tag for tag in _unpacked(wanted.repository, packed)}
        tags = self._open[wanted.repository]
        is_new = wanted.key not in tags
        tags.setdefault(wanted.key, wanted)
        return is_new

    def pack(self, repository: str) -> None:
        """Keep what waits of a repository as one text, in the order of its tags."""
        if tags := self._open.pop(repository, None):
            ordered = sorted(tags.values(), key=lambda tag: (tag_order(tag.tag or ""), tag.digest or ""))
            self._lines[repository] = _packed(ordered)

    def batches(self, size: int, order: Iterable[str]) -> Iterator[list[Wanted]]:
        """Yield what waits, so many tags at a time, by an order of repositories; what was yielded waits no more."""
        for repository in list(self._open):
            self.pack(repository)
        batch: list[Wanted] = []
        for repository in order:
            tags = _unpacked(repository, self._lines.pop(repository, ""))
            while tags:
                space = size - len(batch)
                batch, tags = batch + tags[:space], tags[space:]
                if len(batch) == size:
                    self._lines[repository] = _packed(tags)
                    yield batch
                    batch = []
            self._lines.pop(repository, None)
        if batch:
            yield batch


def _packed(tags: Iterable[Wanted]) -> str:
    # Neither tags nor digests have white space in them.
    return "\n".join(f"{tag.tag or ''}\t{tag.digest or ''}\t{tag.listed:d}{tag.may_lack:d}" for tag in tags)


def _unpacked(repository: str, lines: str) -> list[Wanted]:
    fields = (line.split("\t") for line in lines.splitlines())
    return [
        Wanted(repository, tag or None, digest or None, listed=found[0] == "1", may_lack=found[1] == "1")
        for tag, digest, found in fields
    ]


class BatchedScan(Scan):
    """A scan whose records are given away batch by batch; the parameters are those of :class:`Scan`.

    A document that tags of several batches have in common is asked of the source by each.

    Attributes
    ----------
    tags_in_a_batch : int
        How many tags are read before their records are given away.
    """

    tags_in_a_batch = 2000

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Lists and tags are never there at once, so that none need go first.
        self._jobs = asyncio.LifoQueue()
        self._waiting = Waiting()
        self._is_listing = True
        self._told: set[str | None] = set()
        self._given: Records | None = None

    async def lists(self) -> Records:
        """Read the lists, and return what is known by them: repositories, and what failed.

        Raises
        ------
        RegframeError
            The first error, if the scan is strict.
        """
        self._add_first_jobs()
        await self._work_off()
        self._sort_repositories()
        self._is_listing = False
        self._given = self.records
        return self.records

    async def batches(self) -> AsyncIterator[Records]:
        """Yield the records of some tags at a time, in the order of an inventory; after :meth:`lists`.

        ``repositories`` are all that are known by then.

        Raises
        ------
        RegframeError
            The first error, if the scan is strict.
        """
        for batch in self._waiting.batches(self.tags_in_a_batch, self._order()):
            self._begin(batch)
            await self._work_off()
            self._sort_repositories()
            yield self.records

    async def hand_over(
        self,
        take: Callable[[Records], None],
        complete: Callable[[Records], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Give the records of each batch to a function that blocks, in a thread of its own, while the next is read.

        Parameters
        ----------
        take : callable
            It is called for one batch after the other, and when this returns or is cancelled it has ended.
        complete : callable, optional
            What is to be done with the records before.

        Raises
        ------
        RegframeError
            The first error, if the scan is strict, and what ``take`` raises.
        """
        taking: asyncio.Future[None] | None = None
        try:
            async for records in self.batches():
                if complete is not None:
                    await complete(records)
                if taking is not None:
                    await asyncio.shield(taking)
                self._given = records
                taking = asyncio.ensure_future(to_thread.run_sync(take, records))
        finally:
            if taking is not None:
                with anyio.CancelScope(shield=True):
                    await taking

    def left(self) -> Iterator[Records]:
        """Yield what an interrupted scan has not given away.

        That is what was read of the batch that it was cancelled in, and then, some tags at a time, the listed tags that
        it has not come to, by their names alone.
        """
        if self.records is not self._given:
            self._given = self.records
            yield self.so_far()
        for batch in self._waiting.batches(self.tags_in_a_batch, self._order()):
            tags = [Tag(wanted.repository, wanted.tag) for wanted in batch if wanted.tag and wanted.listed]
            yield Records(self.records.started, self.records.repositories, tags)

    def _order(self) -> list[str]:
        named = [pattern.repository for pattern in self._patterns if pattern.names_repository]
        return list(dict.fromkeys([*named, *self.records.repositories]))

    def _begin(self, batch: Sequence[Wanted]) -> None:
        before = self.records
        # Of its own: a thread may be looking at those before.
        repositories = dict(before.repositories)
        self.records = Records(before.started, repositories, seen=before.seen, estimates=before.estimates)
        self._asked = {}
        self._tags_seen = {(wanted.repository, wanted.key) for wanted in batch}
        self._undated = {}
        for wanted in reversed(batch):
            if self._push_times and wanted.tag and not wanted.digest:
                self._undated.setdefault(wanted.repository, []).append(wanted.tag)
            self._add_reading(
                wanted.repository, wanted.tag, wanted.digest, listed=wanted.listed, may_lack=wanted.may_lack
            )

    def _add_tag(
        self,
        repository: str,
        tag: str | None,
        digest: str | None = None,
        *,
        listed: bool = False,
        may_lack: bool = False,
    ) -> None:
        if self._waiting.add(Wanted(repository, tag, digest, listed, may_lack)):
            self.progress.tags += 1

    async def _list_tags(self, repository: str, globs: Sequence[Pattern], *, listed: bool) -> None:
        await super()._list_tags(repository, globs, listed=listed)
        self._waiting.pack(repository)

    async def _read_push_times(self, repository: str, tags: Sequence[str] | None = None) -> None:
        if not self._is_listing:
            await super()._read_push_times(repository, tags)

    def _fail(self, failure: Failure) -> None:
        # That push times are not told is said once of a repository, however many batches it has.
        if not self._is_listing and failure.tag is None and failure.digest is None:
            if failure.repository in self._told:
                return
            self._told.add(failure.repository)
        super()._fail(failure)
