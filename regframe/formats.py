"""One frame to a file and back, without loss: CSV and Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pandas as pd

from regframe.errors import ConfigurationError, InvalidDocument, printable
from regframe.folder import is_url
from regframe.frames import (
    CATEGORY,
    COUNT,
    OTHER_SCHEMAS,
    SCHEMAS,
    TEXT,
    TIME,
    YES_OR_NO,
    Dtype,
    Texts,
    conformed,
    stacked,
)

# What a spreadsheet takes for a formula, with the full-width forms (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ESCAPE = "'"


def write_csv(
    frame: pd.DataFrame, target: Path | IO[str], *, escape_formulas: bool = True, header: bool = True
) -> None:
    """Write one frame as CSV, as :meth:`regframe.Inventory.to_csv` does."""
    frame = frame.copy()
    texts = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.StringDtype)]
    # A bare carriage return ends a line for some readers, and the writer would not quote it.
    has_returns = any(frame[name].str.contains("\r", regex=False).any() for name in texts)
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            frame[name] = frame[name].cat.rename_categories(lambda text: _escaped(text, escape_formulas))
        elif name in texts:
            frame[name] = frame[name].map(lambda text: _escaped(text, escape_formulas), na_action="ignore")
        elif dtype == TIME:
            frame[name] = iso_times(frame[name])
    quoting: Literal[0, 2] = 2 if has_returns else 0  # csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL
    frame.to_csv(target, index=False, header=header, lineterminator="\n", quoting=quoting)


def _escaped(text: str, escape_formulas: bool) -> str:
    # An empty text would come back as a missing value, and a text with a ' of its own without it.
    is_ambiguous = not text or text.startswith(_ESCAPE)
    return _ESCAPE + text if is_ambiguous or (escape_formulas and text.startswith(_FORMULA)) else text


def iso_times(times: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """Return times as text, such as ``2024-05-06T07:08:09.123456Z``."""
    # strftime writes the year 1, which some images are dated, without its zeros.
    stamps = times.dt.tz_localize(None).to_numpy()
    texts = pd.Series(np.datetime_as_string(stamps, unit="us"), index=times.index, dtype=TEXT)
    return texts.add("Z").mask(times.isna())


def read_frame(path: Path, name: str, texts: Texts | None = None) -> pd.DataFrame:
    """Read one frame that :func:`write_csv` wrote, and share the texts of other frames."""
    # As text, and empty fields only as missing: the tag 007 stays 007, and NA stays NA.
    frame = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8", lineterminator="\n")
    for column, dtype in (SCHEMAS.get(name) or OTHER_SCHEMAS[name]).items():
        if column in frame and dtype in {TEXT, CATEGORY}:
            frame[column] = frame[column].str.removeprefix(_ESCAPE)
    return conformed(frame, name, texts)


def read_edited(path: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read some columns of text of a frame that :func:`write_csv` wrote and a spreadsheet may have saved since.

    The order of columns, other columns, a byte order mark, the ends of lines and semicolons do not matter.

    Raises
    ------
    InvalidDocument
        If it lacks one of the columns, or is no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
        separator = ";" if ";" in first and "," not in first else ","
        frame: pd.DataFrame = pd.read_csv(
            path, sep=separator, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
    except ValueError as error:
        raise InvalidDocument(f"{path} is no CSV of {name}: {printable(str(error))}.") from None
    if lacking := [column for column in columns if column not in frame]:
        raise InvalidDocument(f"{path} lacks columns of {name}: {', '.join(lacking)}.")
    return pd.DataFrame({column: frame[column].str.removeprefix(_ESCAPE) for column in columns})


def parquet(rows: pd.DataFrame, name: str) -> bytes:
    """Return the Parquet file of some rows of a frame; all files of a frame have one schema."""
    import pyarrow
    from pyarrow.parquet import write_table

    # Left to itself, a column without a value would be one without a type, and codes as wide as they need to be.
    types: dict[Dtype, Any] = {
        TEXT: pyarrow.large_string(),
        CATEGORY: pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string()),
        COUNT: pyarrow.int64(),
        YES_OR_NO: pyarrow.bool_(),
        TIME: pyarrow.timestamp("us", "UTC"),
    }
    columns = SCHEMAS.get(name) or OTHER_SCHEMAS[name]
    schema = pyarrow.schema([(column, types[dtype]) for column, dtype in columns.items()])
    file = io.BytesIO()
    write_table(pyarrow.Table.from_pandas(rows, schema=schema, preserve_index=False), file)
    return file.getvalue()


def read_parquet_frame(path: str, name: str, texts: Texts | None = None) -> pd.DataFrame:
    """Read one frame that was written as one Parquet file or as a folder of several, and share other frames' texts."""
    from pyarrow.dataset import dataset

    texts = Texts() if texts is None else texts
    files, where = None, path
    if is_url(path):
        from fsspec.core import url_to_fs

        files, where = url_to_fs(path)
    # Some at a time, so that a text that is in many of them is there once all the while.
    some = dataset(where, format="parquet", filesystem=files).to_batches(batch_readahead=1, fragment_readahead=1)
    return stacked(name, [conformed(rows.to_pandas(), name, texts) for rows in some])


def need_pyarrow() -> None:
    """Check that pyarrow is installed.

    Raises
    ------
    ConfigurationError
        If it is not.
    """
    try:
        import pyarrow  # noqa: F401 -- an extra, so it is looked for where it is needed
    except ImportError:
        raise ConfigurationError("Parquet needs pyarrow: pip install 'regframe[parquet]'.") from None
