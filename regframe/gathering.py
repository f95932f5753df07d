"""The records of a scan to frames in memory, batch by batch: of documents nothing stays but their rows."""

from __future__ import annotations

from collections.abc import Callable

from regframe.batches import BatchedScan
from regframe.bounds import refuse_more
from regframe.frames import SCHEMAS, Frames, Texts, stacked
from regframe.order import BELOW, errors_in_order
from regframe.records import Records, Tag


class Gathering:
    """Keeps the frames of what batches of a scan have read.

    Parameters
    ----------
    framed : callable
        Makes frames of records, which share texts with those before.
    is_local : bool
        Whether they are those of a place on this machine, of which there may be only so many rows.

    Attributes
    ----------
    kept : list of Tag
        The tags that still point where an earlier scan found them, and so were not read.
    """

    def __init__(self, framed: Callable[[Records, Texts], Frames], *, is_local: bool) -> None:
        self.kept: list[Tag] = []
        self._framed = framed
        self._is_local = is_local
        self._texts = Texts()
        self._parts: dict[int, Frames] = {}

    def add(self, records: Records) -> None:
        """Add what the lists say, or what one batch has read.

        Raises
        ------
        TooLarge
            If a place on this machine comes to more rows than it may.
        """
        self._parts[records.batch] = self._framed(records, self._texts)
        self.kept += records.kept
        if self._is_local:
            refuse_more(sum(len(getattr(part, name)) for part in self._parts.values() for name in (*BELOW, "errors")))

    def frames(self) -> Frames:
        """Return all frames, in the order of an inventory."""
        columns = {name: [getattr(part, name) for _, part in sorted(self._parts.items())] for name in SCHEMAS}
        # Each batch has all repositories that were known by then.
        columns["repositories"] = [part.repositories for part in self._parts.values()][-1:]
        # So that nothing is there twice for longer than a frame takes.
        self._parts.clear()
        whole = errors_in_order(Frames(**{name: stacked(name, columns.pop(name)) for name in SCHEMAS}))
        self._parts[0] = whole
        return whole

    def interrupted(self, scan: BatchedScan) -> Frames:
        """Return the frames of a scan that was cancelled: with what was read, and the names of the tags left."""
        for records in scan.left():
            self.add(records)
        return self.frames()
