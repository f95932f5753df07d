"""One call's reading: a selection to a scan to frames, and what went wrong on the way."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pandas as pd

from regframe.batches import BatchedScan
from regframe.connection import Connection
from regframe.dataset import InventoryFiles
from regframe.errors import InvalidReference, RegframeWarning
from regframe.frames import SCHEMAS, Frames, Texts, frame
from regframe.gathering import Gathering
from regframe.inventory import Inventory
from regframe.records import Records
from regframe.reference import Pattern, is_digest
from regframe.rows import frames_of
from regframe.scan import Depth, Progress, Scan
from regframe.selection import Chosen, Selection, choose
from regframe.sources import Source
from regframe.target import Place
from regframe.uncompressed import estimate


class Reader:
    """What the calls of a registry have in common; each call has one of its own.

    Attributes
    ----------
    errors : pandas.DataFrame
        What could not be read in the last call; one row for each.
    progress : Progress
        How far the call under way has come.
    """

    def __init__(self, connection: Connection, *, warns: bool = True) -> None:
        self._connection = connection
        self._warns = warns
        self.progress = Progress()
        self.errors = frame("errors")
        self._so_far: Callable[[], Inventory] | None = None
        self._files_so_far: Callable[[], InventoryFiles] | None = None

    def stop(self) -> bool:
        """Ask the call under way to end with what it has, and return whether it will."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._connection.name}>"

    async def _frame(
        self,
        name: str,
        selection: Selection,
        depth: Depth = Depth.IMAGES,
        *,
        push_times: bool = False,
        uncompressed: bool = False,
    ) -> pd.DataFrame:
        """Return one frame of what is meant; if nothing at all could be read, raise why."""
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        async with self._connection.documents() as source:
            if depth < Depth.MANIFESTS:
                self._scanned = await self._scan(source, chosen, depth=depth).run()
                frames = self._framed(self._scanned, chosen.only)
            else:
                scan = self._batched_scan(source, chosen, depth=depth, push_times=push_times)
                gathering = self._gathering(source, chosen, {name, "repositories", "errors"})
                estimated = partial(estimate, source, concurrency=self._connection.concurrency)
                await self._gather(scan, gathering, estimated if uncompressed else None)
                frames = gathering.frames()
        self.errors = frames.errors
        asked: pd.DataFrame = getattr(frames, name)
        if asked.empty:
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=4)
        return asked

    def _gathering(self, source: Source, chosen: Chosen, names: Collection[str] = SCHEMAS) -> Gathering:
        return Gathering(
            lambda records, texts: self._framed(records, chosen.only, texts, names), is_local=source.is_local
        )

    async def _gather(
        self,
        scan: BatchedScan,
        gathering: Gathering,
        complete: Callable[[Records], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Read everything; of each batch only frames stay, and what failed."""

        def take(records: Records) -> None:
            self._scanned.failures += records.failures
            self._scanned.failed_documents |= records.failed_documents
            gathering.add(records)

        with oldest_left():
            self._scanned = await scan.lists()
            gathering.add(self._scanned)
            await scan.hand_over(take, complete)

    def _scan(
        self,
        source: Source,
        chosen: Chosen,
        *,
        depth: Depth = Depth.IMAGES,
        strict: bool | None = None,
        push_times: bool = False,
    ) -> Scan:
        options = self._options(chosen) | ({} if strict is None else {"strict": strict})
        scan = Scan(source, chosen.patterns, depth=depth, push_times=push_times, **options)
        self.progress = scan.progress
        return scan

    def _batched_scan(self, source: Source, chosen: Chosen, **options: Any) -> BatchedScan:
        scan = BatchedScan(source, chosen.patterns, **self._options(chosen), **options)
        self.progress = scan.progress
        return scan

    def _options(self, chosen: Chosen) -> dict[str, Any]:
        return {
            "platforms": self._connection.platforms,
            "only": chosen.only,
            "concurrency": self._connection.concurrency,
            "strict": self._connection.strict,
        }

    def _framed(
        self,
        records: Records,
        only: frozenset[str],
        texts: Texts | None = None,
        names: Collection[str] = SCHEMAS,
    ) -> Frames:
        with _garbage_left():
            is_local = isinstance(self._connection.reach, Place)
            return frames_of(records, self._connection.platforms, only, is_local=is_local, texts=texts, names=names)

    def _warn(self, stacklevel: int) -> None:
        if count := len(self.errors):
            things = "1 thing" if count == 1 else f"{count:,} things"
            message = f"{things} could not be read from {self._connection.name}; .errors has a row for each."
            warnings.warn(message, RegframeWarning, stacklevel=stacklevel)

    def _raise_first(self) -> None:
        failures = [failure.error for failure in self._scanned.failures]
        for error in [*failures, *self._scanned.failed_documents.values()]:
            raise error

    async def _one(self, reference: str | None, source: Source) -> Pattern:
        """Return the one image that is meant; without a reference, the only one of a place on this machine."""
        pattern = self._connection.pattern(reference) if reference else self._connection.default
        if pattern is None and source.is_local:
            pattern = await _only_image(source)
        if pattern is None or not pattern.names_repository or (pattern.tag and not pattern.names_tag):
            raise InvalidReference("Name one image, such as httpd:2-alpine.")
        return pattern if pattern.tag or pattern.digest else Pattern(pattern.repository, "latest")


async def _only_image(source: Source) -> Pattern | None:
    found = [(repository, tag) async for repository in source.repositories() async for tag in source.tags(repository)]
    if len(found) > 1:
        raise InvalidReference(f"There are {len(found):,} images; name one of them, such as {':'.join(found[0])}.")
    for repository, tag in found:
        return Pattern(repository, digest=tag) if is_digest(tag) else Pattern(repository, tag)
    return None


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Look for no cycles of objects: rows make none, and the search for them is a fifth of the time they take."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def oldest_left() -> Iterator[None]:
    """Look for cycles among new objects only, and not each time among all that the process has."""
    if gc.get_freeze_count():
        # Somebody else has said so, or another call is under way.
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
