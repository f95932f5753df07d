"""A scan of many tags in batches: lists first, then so many tags at a time, each batch given away."""

from __future__ import annotations

import asyncio
from collections import deque
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


_Packed = list[tuple[str, str]]
"""What waits of each repository, as one text."""


class Waiting:
    """Tags that wait to be read: of repositories that have been listed a dozen bytes each."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._open: dict[str, dict[str, Wanted]] = {}
        self._batches: deque[tuple[int, _Packed]] | None = None

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

    def batches(self, size: int, order: Iterable[str], *, in_order: bool) -> Iterator[tuple[int, list[Wanted]]]:
        """Yield what waits, so many tags at a time, each batch with its number from 1; another call goes on.

        Nothing is added after the first call, which says how it is cut: by an order of repositories.
        """
        if self._batches is None:
            for repository in list(self._open):
                self.pack(repository)
            cut = list(self._cut(size, order))
            self._lines.clear()
            numbers = range(len(cut)) if in_order else _spread(len(cut))
            self._batches = deque((number + 1, cut[number]) for number in numbers)
        while self._batches:
            number, packed = self._batches.popleft()
            yield number, [tag for repository, lines in packed for tag in _unpacked(repository, lines)]

    def _cut(self, size: int, order: Iterable[str]) -> Iterator[_Packed]:
        batch: _Packed = []
        space = size
        for repository in order:
            lines = self._lines.get(repository, "").splitlines()
            while lines:
                some, lines = lines[:space], lines[space:]
                batch.append((repository, "\n".join(some)))
                space -= len(some)
                if not space:
                    yield batch
                    batch, space = [], size
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


def _spread(count: int) -> list[int]:
    """Return the numbers below a count in an order each beginning of which is spread over all of them.

    It is that of J. G. van der Corput (Proc. Akad. Wet. Amsterdam 38 (1935), 813): by their bits from the last on.
    """
    bits = (count - 1).bit_length()
    mirrored = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [number for number in mirrored if number < count]


class BatchedScan(Scan):
    """A scan whose records are given away batch by batch.

    A document that tags of several batches have in common is asked of the source by each.

    Parameters
    ----------
    *arguments, **options
        Those of :class:`Scan`.
    in_order : bool
        Whether batches come in the order of an inventory. Otherwise they come from everywhere from the first on, so
        that what has been read tells how long the rest will take: repositories differ.

    Attributes
    ----------
    tags_in_a_batch : int
        How many tags are read before their records are given away.
    """

    tags_in_a_batch = 2000

    def __init__(self, *arguments: Any, in_order: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_order = in_order
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
        """Yield the records of some tags at a time, each batch in the order of an inventory; after :meth:`lists`.

        ``batch`` says which they are, and ``repositories`` are all that are known by then.

        Raises
        ------
        RegframeError
            The first error, if the scan is strict.
        """
        for number, batch in self._batches():
            self._begin(number, batch)
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
        for number, batch in self._batches():
            tags = [Tag(wanted.repository, wanted.tag) for wanted in batch if wanted.tag and wanted.listed]
            yield Records(self.records.started, self.records.repositories, tags, batch=number)

    def _batches(self) -> Iterator[tuple[int, list[Wanted]]]:
        named = [pattern.repository for pattern in self._patterns if pattern.names_repository]
        order = dict.fromkeys([*named, *self.records.repositories])
        return self._waiting.batches(self.tags_in_a_batch, order, in_order=self._in_order)

    def _begin(self, number: int, batch: Sequence[Wanted]) -> None:
        before = self.records
        # Of its own: a thread may be looking at those before.
        repositories = dict(before.repositories)
        self.records = Records(before.started, repositories, seen=before.seen, estimates=before.estimates, batch=number)
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
