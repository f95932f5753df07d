"""The files of an inventory that is written part by part: while it is read, or by several writers at once.

In the Parquet form each frame is a folder of parts, ``images.parquet/part-00001.parquet``, which pandas, Dask, DuckDB
and pyarrow read as they read the one file ``images.parquet`` of :meth:`regframe.Inventory.to_parquet`. In the CSV form
each frame is one file that grows. ``inventory.json`` says what they are, and whether all is there.

A part is what :func:`write_part` wrote, and that is a function of a folder (or a URL), a number and some frames alone:
it may be called from any process, again after it failed, and in any order of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from regframe.errors import ConfigurationError, RegframeError, printable
from regframe.folder import is_url, open_folder
from regframe.frames import SCHEMAS, Frames, frame
from regframe.inventory import ABOUT, About, need_pyarrow, parquet, write_csv

FileFormat = Literal["csv", "parquet"]


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
    if file_format not in ("csv", "parquet"):
        raise ConfigurationError(f"The format is “csv” or “parquet”, not “{printable(str(file_format))}”.")
    if file_format == "parquet":
        need_pyarrow()
    elif is_url(folder):
        raise ConfigurationError("CSV files grow as they are written, which only a folder on this machine can do.")
    with _writing(folder):
        files = open_folder(folder)
        # First of all, as from here on what is there is not whole.
        files.write(ABOUT, replace(about, complete=False, in_parts=True).to_json())
        for name in SCHEMAS:
            files.remove(f"{name}.{file_format}")
    # A frame of which no part has rows is there all the same, with its columns and dtypes.
    empty = Frames(**{name: frame(name) for name in SCHEMAS})
    if file_format == "parquet":
        write_part(folder, 0, empty)
    else:
        append_csv(folder, empty, header=True)


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
    with _writing(folder):
        files = open_folder(folder)
        for name in SCHEMAS:
            rows: pd.DataFrame = getattr(frames, name)
            path = f"{name}.parquet/part-{number:05}.parquet"
            if len(rows) or not number:
                files.write(path, parquet(rows, name))
            else:
                files.remove(path)


def append_csv(folder: str | Path, frames: Frames, *, header: bool = False) -> None:
    """Add rows to the CSV form.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    with _writing(folder):
        for name in SCHEMAS:
            path = Path(folder).expanduser() / f"{name}.csv"
            with path.open("a", encoding="utf-8", newline="\n") as file:
                write_csv(getattr(frames, name), file, header=header)


def finish(folder: str | Path, about: About) -> None:
    """Say what is in a folder now, and whether it is all.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    with _writing(folder):
        open_folder(folder).write(ABOUT, replace(about, in_parts=True).to_json())


@contextmanager
def _writing(folder: str | Path) -> Iterator[None]:
    try:
        yield
    except RegframeError:
        raise
    except Exception as error:
        # Of an object store these may be of any class.
        if not (is_url(folder) or isinstance(error, OSError)):
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or printable(str(error))
        raise ConfigurationError(f"The inventory cannot be written to {printable(str(folder))}: {reason}.") from None
