"""The records of a scan to the files of an inventory, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from regframe.batches import BatchedScan
from regframe.dataset import FileFormat, InventoryFiles, append_csv, begin, finish, write_part
from regframe.formats import write_csv
from regframe.frames import SCHEMAS, Frames, frame
from regframe.inventory import About
from regframe.records import Records


class Filing:
    """Writes what batches of a scan have read; nothing is touched until there is something.

    Parameters
    ----------
    folder : str
        Where to; see :func:`regframe.dataset.begin`.
    file_format : {"csv", "parquet"}
        How.
    about : About
        What it is.
    framed : callable
        Makes frames of records.

    Attributes
    ----------
    has_begun : bool
        Whether the folder has been written to: not as long as everything has failed.
    """

    def __init__(self, folder: str, file_format: FileFormat, about: About, framed: Callable[[Records], Frames]) -> None:
        self.has_begun = False
        self._folder = folder
        self._format: FileFormat = file_format
        self._about = about
        self._framed = framed
        self._lists = Records()
        self._rows: Counter[str] = Counter()

    def add_lists(self, records: Records) -> None:
        """Write what the lists say."""
        self._lists = records
        if records.repositories:
            self._begin()

    def add(self, records: Records) -> None:
        """Write what one batch has read."""
        self._lists.repositories = records.repositories
        if (records.tags or records.kept) and not self.has_begun:
            self._begin()
        if self.has_begun:
            self._write(records.batch, replace(self._framed(records), repositories=frame("repositories")))
        else:
            self._lists.failures += records.failures

    def finish(self, *, complete: bool) -> InventoryFiles:
        """Write what is known in the end, and return where all of it is."""
        if not self.has_begun:
            self._begin()
        self._write_lists()
        about = replace(self._about, complete=complete)
        finish(self._folder, about)
        rows = {name: self._rows[name] for name in SCHEMAS} | {"repositories": len(self._lists.repositories)}
        return InventoryFiles(
            self._folder, self._format, about.registry, about.taken_at, about.complete, about.covers, rows
        )

    def interrupted(self, scan: BatchedScan) -> InventoryFiles:
        """Write what a scan has read of the batch that it was cancelled in, and the names of the tags left."""
        for records in scan.left():
            self.add(records)
        return self.finish(complete=False)

    def _begin(self) -> None:
        begin(self._folder, self._format, self._about)
        self.has_begun = True
        self._write_lists()
        errors = self._framed(self._lists).errors
        if self._format == "csv":
            append_csv(self._folder, replace(_nothing(), errors=errors))
        self._rows["errors"] += len(errors)

    def _write_lists(self) -> None:
        """Write the repositories, of which more become known, and the errors of lists beside them."""
        lists = self._framed(self._lists)
        if self._format == "csv":
            write_csv(lists.repositories, Path(self._folder, "repositories.csv"))
        else:
            write_part(self._folder, 0, replace(_nothing(), repositories=lists.repositories, errors=lists.errors))

    def _write(self, number: int, frames: Frames) -> None:
        if self._format == "csv":
            append_csv(self._folder, frames)
        else:
            write_part(self._folder, number, frames)
        for name in SCHEMAS:
            self._rows[name] += len(getattr(frames, name))


def _nothing() -> Frames:
    return Frames(**{name: frame(name) for name in SCHEMAS})
