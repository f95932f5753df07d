"""The files of an inventory that is written part by part: while it is read, or by several writers at once.

In the Parquet form each frame is a folder of parts, ``images.parquet/part-00001.parquet``, which pandas, Dask, DuckDB
and pyarrow read as they read the one file ``images.parquet`` of :meth:`regframe.Inventory.to_parquet`. In the CSV form
each frame is one file that grows. ``inventory.json`` says what they are, and whether all is there.

A part is what :func:`write_part` wrote, and that is a function of a folder (or a URL), a number and some frames alone:
it may be called from any process, again after it failed, and in any order of numbers. Of each part and each batch the
tags are written last: a tag that is there has all of its rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from regframe.errors import ConfigurationError, printable
from regframe.folder import is_url, open_folder, plain, shown, writing
from regframe.formats import need_pyarrow, parquet, read_frame, read_parquet_frame, write_csv
from regframe.frames import SCHEMAS, Frames, frame
from regframe.inventory import ABOUT, About, Inventory, about_in, remove_inventory

FileFormat = Literal["csv", "parquet"]
"""How an inventory is written."""

_TAGS_LAST = (*(name for name in SCHEMAS if name != "tags"), "tags")


@dataclass(frozen=True)
class InventoryFiles:
    """An inventory that was written to files as it was read; its frames are in the files alone.

    Attributes
    ----------
    folder : str
        Where they are: a folder, or a URL.
    file_format : {"csv", "parquet"}
        How they are written. pandas, Dask, DuckDB and pyarrow read ``folder/images.parquet`` and the like as they are.
    registry, taken_at, complete, covers
        As those of :class:`Inventory`.
    rows : mapping of str to int
        How many rows each frame has.

    Examples
    --------
    >>> files = registry.inventory(output="inventory/")              # doctest: +SKIP
    >>> files.rows["images"]                                         # doctest: +SKIP
    121364
    >>> pd.read_parquet("inventory/images.parquet", columns=["repository", "size"])  # doctest: +SKIP
    """

    folder: str
    file_format: FileFormat
    registry: str
    taken_at: datetime
    complete: bool
    covers: str
    rows: Mapping[str, int]

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.rows.items() if count or name != "errors")
        complete = "" if self.complete else ", incomplete"
        taken = f"{self.registry}, {self.taken_at:%Y-%m-%d %H:%M} UTC{complete}"
        return f"<InventoryFiles in {shown(self.folder)} ({self.file_format}) of {taken}: {counts}>"

    def read(self) -> Inventory:
        """Return all of it in memory: what an inventory that was not written to files would have returned.

        Raises
        ------
        ConfigurationError
            If a file is missing.
        InvalidDocument
            If a file is not one of an inventory.
        """
        return Inventory.read_csv(self.folder) if self.file_format == "csv" else Inventory.read_parquet(self.folder)

    @property
    def errors(self) -> pd.DataFrame:
        """What could not be read; a row for each thing."""
        if self.file_format == "csv":
            return read_frame(Path(self.folder) / "errors.csv", "errors")
        return read_parquet_frame(f"{self.folder}/errors.parquet", "errors")


def check(folder: str | Path, file_format: str) -> None:
    """Check that an inventory can be written, before the registry is read.

    Raises
    ------
    ConfigurationError
        If the folder cannot be written, there is no such format, or pyarrow or fsspec is missing.
    """
    if file_format not in ("csv", "parquet"):
        raise ConfigurationError(f"The format is “csv” or “parquet”, not “{printable(str(file_format))}”.")
    if file_format == "parquet":
        need_pyarrow()
    elif is_url(folder):
        raise ConfigurationError("CSV files are written to a folder on this machine; Parquet goes to a URL.")
    open_folder(folder)
    if not is_url(folder):
        path = Path(plain(folder)).absolute()
        there = next(path for path in (path, *path.parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise ConfigurationError(f"The inventory cannot be written to {folder}: {there} is no folder to write in.")


def begin(folder: str | Path, file_format: FileFormat, about: About) -> None:
    """Make a folder ready to be written in parts: without an earlier inventory, and marked as incomplete.

    Parameters
    ----------
    folder : str or Path
        Where to; it is made if it is not there. A URL such as ``s3://bucket/inventory`` needs fsspec, which comes with
        ``regframe[dask]``, and what fsspec needs for it.
    file_format : {"csv", "parquet"}
        How; a URL takes Parquet only.
    about : About
        What it will be.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    check(folder, file_format)
    with writing(folder):
        files = open_folder(folder)
        remove_inventory(files)
        files.write(ABOUT, replace(about, complete=False, in_parts=True).to_json())
        for name in SCHEMAS:
            files.remove(f"{name}.{file_format}")
    # A frame of which no part has rows is there all the same, with its columns and dtypes.
    empty = Frames(**{name: frame(name) for name in SCHEMAS})
    if file_format == "parquet":
        write_part(folder, 0, empty)
    else:
        append_csv(folder, empty, header=True)


def check_begun(folder: str | Path, taken_at: datetime) -> None:
    """Check, before a part is written, that a folder was made ready for this inventory and is not used for another.

    Raises
    ------
    ConfigurationError
        If it is another folder, as on a machine that does not share it, or holds a later inventory.
    """
    about = about_in(open_folder(folder))
    if about is None:
        raise ConfigurationError(
            f"{shown(folder)} is not the folder that was made ready: all workers must reach it by this path."
        )
    if about.taken_at != taken_at:
        raise ConfigurationError(f"Another inventory has been begun in {shown(folder)} since.")


def write_part(folder: str | Path, number: int, frames: Frames) -> None:
    """Write one part of the Parquet form; a frame without rows has none, but for the first part, 0.

    Part 0 is for ``repositories`` in the order of the whole, and for errors that belong to no other part.

    Parameters
    ----------
    folder : str or Path
        The folder, or its URL.
    number : int
        Which part; it takes the place of an earlier one with this number.
    frames : Frames
        Its rows: of each tag all or none.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    with writing(folder):
        files = open_folder(folder)
        for name in _TAGS_LAST:
            rows: pd.DataFrame = getattr(frames, name)
            path = f"{name}.parquet/part-{number:05}.parquet"
            if len(rows) or not number:
                files.write(path, parquet(rows, name))
            else:
                files.remove(path)


def append_csv(folder: str | Path, frames: Frames, *, header: bool = False) -> None:
    """Add rows to the CSV form: to all of its files, or to none.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    paths = {name: Path(plain(folder), f"{name}.csv") for name in _TAGS_LAST}
    sizes = {path: path.stat().st_size for path in paths.values() if path.exists()}
    with writing(folder):
        try:
            for name, path in paths.items():
                with path.open("a", encoding="utf-8", newline="\n") as file:
                    write_csv(getattr(frames, name), file, header=header)
        except BaseException:
            # Half a row, as on a full disk, would be read as another one.
            for path, size in sizes.items():
                os.truncate(path, size)
            raise


def finish(folder: str | Path, about: About) -> None:
    """Say what is in a folder now, and whether it is all.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    with writing(folder):
        open_folder(folder).write(ABOUT, replace(about, in_parts=True).to_json())
