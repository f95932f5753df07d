"""The frames: the one place that names columns and dtypes.

Every frame has the columns and dtypes that :data:`SCHEMAS` declares, also when it is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype
from pandas.api.types import union_categoricals

from regframe.errors import InvalidDocument

# pandas' ``str`` with Python's storage, where rows share a text: with pyarrow's each digest is there for every row, and
# the frames of a large inventory take 2.5 times the memory.
TEXT: Final[ExtensionDtype] = pd.StringDtype("python", na_value=np.nan)
CATEGORY: Final = "category"
COUNT: Final = "Int64"
YES_OR_NO: Final = "boolean"
TIME: Final = "datetime64[us, UTC]"

Dtype = str | ExtensionDtype
"""What a column is declared to be."""

_TAG: dict[str, Dtype] = {"repository": TEXT, "tag": TEXT}
IMAGE_COLUMNS: dict[str, Dtype] = {**_TAG, "digest": TEXT, "platform": CATEGORY}

_PLATFORM: dict[str, Dtype] = {**_TAG, "platform": CATEGORY}
_BOTH_SIDES: dict[str, Dtype] = {
    "digest_here": TEXT,
    "digest_there": TEXT,
    "config_digest_here": TEXT,
    "config_digest_there": TEXT,
    "created_here": TIME,
    "created_there": TIME,
}

SCHEMAS: Mapping[str, Mapping[str, Dtype]] = MappingProxyType(
    {
        "repositories": {"repository": TEXT, "tags": COUNT},
        "tags": {
            **_TAG,
            "digest": TEXT,
            "media_type": CATEGORY,
            "kind": CATEGORY,
            "major": COUNT,
            "minor": COUNT,
            "patch": COUNT,
            "prerelease": TEXT,
            "variant": TEXT,
        },
        "images": {
            **IMAGE_COLUMNS,
            "index_digest": TEXT,
            "config_digest": TEXT,
            "media_type": CATEGORY,
            "kind": CATEGORY,
            "artifact_type": CATEGORY,
            "subject": TEXT,
            "os": CATEGORY,
            "architecture": CATEGORY,
            "variant": CATEGORY,
            "created": TIME,
            "released_at": TIME,
            "released_source": CATEGORY,
            "layers": COUNT,
            "size": COUNT,
            "uncompressed_size": COUNT,
            "manifest_size": COUNT,
            "config_size": COUNT,
            "index_size": COUNT,
            "base_name": TEXT,
            "base_digest": TEXT,
        },
        "layers": {
            **IMAGE_COLUMNS,
            "position": COUNT,
            "layer_digest": TEXT,
            "diff_id": TEXT,
            "media_type": CATEGORY,
            "compression": CATEGORY,
            "size": COUNT,
            "uncompressed_size": COUNT,
            "uncompressed_estimated": YES_OR_NO,
            "stored": YES_OR_NO,
            "created": TIME,
            "created_by": TEXT,
        },
        "history": {
            **IMAGE_COLUMNS,
            "step": COUNT,
            "created": TIME,
            "created_by": TEXT,
            "comment": TEXT,
            "empty_layer": YES_OR_NO,
            "layer_digest": TEXT,
            "size": COUNT,
            "uncompressed_size": COUNT,
        },
        "config": {**IMAGE_COLUMNS, "section": CATEGORY, "name": TEXT, "value": TEXT},
        "errors": {
            **_TAG,
            "digest": TEXT,
            "operation": CATEGORY,
            "status": COUNT,
            "code": TEXT,
            "message": TEXT,
            "url": TEXT,
        },
    }
)

# Frames that are no part of an inventory.
OTHER_SCHEMAS: Mapping[str, Mapping[str, Dtype]] = MappingProxyType(
    {
        "referrers": {
            "repository": TEXT,
            "subject": TEXT,
            "platform": CATEGORY,
            "digest": TEXT,
            "kind": CATEGORY,
            "artifact_type": CATEGORY,
            "predicate_type": TEXT,
            "media_type": CATEGORY,
            "size": COUNT,
            "manifest_size": COUNT,
            "created": TIME,
            "found_by": CATEGORY,
            "annotations": TEXT,
        },
        "comparison": {**_PLATFORM, "state": CATEGORY, "newer": CATEGORY, **_BOTH_SIDES},
        "pulled": {**_PLATFORM, "state": CATEGORY, **_BOTH_SIDES},
        "deletions": {
            **_TAG,
            "digest": TEXT,
            "kind": CATEGORY,
            "by": CATEGORY,
            "shared_with": TEXT,
            "named_by": TEXT,
            "freed": COUNT,
            "allowed": YES_OR_NO,
            "outcome": CATEGORY,
            "reason": TEXT,
        },
        "untagged": {
            "repository": TEXT,
            "digest": TEXT,
            "media_type": CATEGORY,
            "artifact_type": CATEGORY,
            "size": COUNT,
            "subject": TEXT,
            "found_by": CATEGORY,
        },
        "datasets": {
            "registry": TEXT,
            "folder": TEXT,
            "taken_at": TIME,
            "parts": COUNT,
            "failed_parts": COUNT,
            **dict.fromkeys(SCHEMAS, COUNT),
        },
        "doctor": {"check": TEXT, "result": TEXT, "verdict": CATEGORY, "meaning": TEXT},
    }
)

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


class Texts(dict[str | None, Any]):
    """Texts that rows share: each is kept once, whichever frame it is in."""

    def __init__(self) -> None:
        super().__init__({None: np.nan})

    def __missing__(self, text: str) -> str:
        self[text] = text
        return text


def frame(name: str, rows: Iterable[tuple[Any, ...]] = (), texts: Texts | None = None) -> pd.DataFrame:
    """Return a frame of a schema from rows in the order of its columns; ``None`` is a missing value.

    Parameters
    ----------
    name : str
        The schema's.
    rows : iterable of tuple
        The rows.
    texts : Texts, optional
        Those of other frames, to share them.
    """
    return frame_of(SCHEMAS.get(name) or OTHER_SCHEMAS[name], list(rows), texts)


def frame_of(schema: Mapping[str, Dtype], rows: list[tuple[Any, ...]], texts: Texts | None = None) -> pd.DataFrame:
    """Return a frame of some columns, with their dtypes, from rows in their order."""
    texts = Texts() if texts is None else texts
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    return pd.DataFrame(
        {name: _column(values, dtype, texts) for (name, dtype), values in zip(schema.items(), columns, strict=True)},
        copy=False,
    )


def _column(values: tuple[Any, ...], dtype: Any, texts: Texts) -> Any:
    if dtype == TEXT:
        return _text(np.fromiter(map(texts.__getitem__, values), dtype=object, count=len(values)))
    if dtype == TIME:
        # Counted by hand: to_datetime refuses the year 1 that some images are dated.
        micros = [None if time is None else (time - _EPOCH) // _MICROSECOND for time in values]
        missing = np.array([time is None for time in micros], dtype=bool)
        stamps = np.array([0 if time is None else time for time in micros], dtype="int64").view("datetime64[us]")
        stamps[missing] = np.datetime64("NaT")
        return pd.Series(stamps).dt.tz_localize("UTC")
    if dtype == CATEGORY:
        # Found by hand: pandas would make an array of all the text first.
        categories = sorted({text for text in values if text is not None})
        codes = {text: code for code, text in enumerate(categories)}
        found = np.fromiter((codes.get(text, -1) for text in values), dtype="int64", count=len(values))
        return pd.Series(pd.Categorical.from_codes(found, categories=pd.Index(categories, dtype=TEXT)))
    return pd.Series(list(values), dtype=dtype)


def _text(texts: Any) -> pd.Series[str]:
    return pd.Series(pd.array(texts, dtype=TEXT), copy=False)


def stacked(name: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of frames of one schema as one frame, one after the other."""
    filled = [rows for rows in frames if len(rows)]
    if len(filled) < 2:
        return filled[0] if filled else frame(name)

    def column(own: str, dtype: Dtype) -> Any:
        parts = [rows[own] for rows in filled]
        if dtype == CATEGORY:
            # concat would make text of categories that differ.
            return pd.Series(union_categoricals(parts, sort_categories=True), copy=False)
        return pd.concat(parts, ignore_index=True)

    return pd.DataFrame({own: column(own, dtype) for own, dtype in SCHEMAS[name].items()}, copy=False)


def conformed(read: pd.DataFrame, name: str, texts: Texts | None = None) -> pd.DataFrame:
    """Return a frame that was read from a file, perhaps as text, with the columns and dtypes of its schema.

    Raises
    ------
    InvalidDocument
        If it has other columns.
    ValueError
        If a value is not of its column's dtype.
    """
    texts = Texts() if texts is None else texts
    schema = SCHEMAS.get(name) or OTHER_SCHEMAS[name]
    if list(read.columns) != list(schema):
        raise InvalidDocument(f"A file of {name} has the columns {', '.join(schema)}; this one has others.")
    return pd.DataFrame({column: _converted(read[column], dtype, texts) for column, dtype in schema.items()})


def _converted(values: Any, dtype: Any, texts: Texts) -> Any:
    if dtype == TEXT:
        return values if values.dtype == TEXT else _shared(values, texts)
    if dtype == CATEGORY:
        is_one = isinstance(values.dtype, pd.CategoricalDtype) and values.cat.categories.dtype == TEXT
        return values.cat.remove_unused_categories() if is_one else pd.Series(pd.Categorical(_shared(values, texts)))
    is_text = isinstance(values.dtype, pd.StringDtype)
    if dtype == TIME and is_text:
        return pd.to_datetime(values, format="ISO8601", utc=True).dt.as_unit("us")
    if dtype == YES_OR_NO and is_text:
        return values.map({"True": True, "False": False}).astype(YES_OR_NO)
    if dtype == COUNT and is_text:
        # By way of int: a float on the way would round sizes above 2**53.
        return pd.Series([None if pd.isna(value) else int(value) for value in values], dtype=COUNT)
    return values.astype(dtype)


def _shared(values: Any, texts: Texts) -> pd.Series[str]:
    """Return text, which may come as categories, with each text once."""
    is_encoded = isinstance(values.dtype, pd.CategoricalDtype)
    codes, each = (values.cat.codes, values.cat.categories) if is_encoded else pd.factorize(values)
    # The code of a missing value, -1, finds the last one.
    shared = [*map(texts.__getitem__, each.to_numpy(dtype=object)), np.nan]
    return _text(np.array(shared, dtype=object)[codes])


@dataclass(frozen=True)
class Frames:
    """The frames of one scan."""

    repositories: pd.DataFrame
    tags: pd.DataFrame
    images: pd.DataFrame
    layers: pd.DataFrame
    history: pd.DataFrame
    config: pd.DataFrame
    errors: pd.DataFrame
