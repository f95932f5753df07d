"""Frames as people read them: human sizes, short digests, dates to the minute; the data stays as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from regframe.errors import ConfigurationError, printable
from regframe.text import NO_FORMULAS, human_size, short_digest, step_text

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

_SIZES = re.compile(r"(?:.*_)?size(?:_change)?|size_(?:before|after)|freed|logical|stored|exclusive|shared")
_DIGESTS = re.compile(r".*digest|diff_id|subject")
_SIZE_OR_DATE = re.compile(r"-?[\d.]+ [kMGTPE]?B|\d{4}-\d\d-\d\d \d\d:\d\d")
_NO_BREAK = "\N{NO-BREAK SPACE}"
VENDOR = "application/vnd."
_LONGEST_CELL = 400
_LONGEST_STYLED = 120


def style(frame: pd.DataFrame, *, rows: int = 200) -> Styler:
    """Return a frame as a notebook shows it to people: human sizes, short digests, dates to the minute, no links.

    Only what is shown changes: ``rf.style(frame).data`` has the numbers, dates and whole digests. Text from outside is
    escaped, and long text is cut.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any of regframe's frames, or some of its rows and columns.
    rows : int, default 200
        How many rows to show at most, the first; a line below says how many there are.

    Returns
    -------
    pandas.io.formats.style.Styler
        Which more styles may be added to.

    Raises
    ------
    ConfigurationError
        If it is no frame.

    Examples
    --------
    >>> rf.style(registry.images("httpd"))                                # doctest: +SKIP
    >>> rf.style(frame).background_gradient(subset=["size"])              # doctest: +SKIP
    """
    if not isinstance(frame, pd.DataFrame):
        raise ConfigurationError(
            f"rf.style needs a frame, such as inventory.images, and was given {type(frame).__name__}."
        )
    shown = frame.head(rows)
    if not (shown.index.is_unique and shown.columns.is_unique):
        # A Styler does not take the same label twice.
        shown = shown.loc[:, ~shown.columns.duplicated()].reset_index(drop=True)
    columns = range(shown.shape[1])
    writers: dict[Any, Any] = {name: _escaping(writer(shown[name])) for name in shown.columns}
    styler: Any = shown.style.format(writers, na_rep="").format_index(_label, axis=0).format_index(_label, axis=1)
    styler = styler.format_index_names(_label, axis=0).format_index_names(_label, axis=1)
    if isinstance(shown.index, pd.RangeIndex):
        styler = styler.hide(axis="index")
    numbers = [place for place in columns if pd.api.types.is_any_real_numeric_dtype(shown.dtypes.iloc[place])]
    styles: list[Any] = [
        {"selector": f".col{place}", "props": f"text-align: {'right' if place in numbers else 'left'}"}
        for place in columns
    ]
    if len(frame) > len(shown):
        styler = styler.set_caption(f"The first {len(shown):,} of {len(frame):,} rows")
        styles.append({"selector": "caption", "props": "caption-side: bottom; text-align: left"})
    styled: Styler = styler.set_table_styles(styles).set_table_attributes(f'class="{NO_FORMULAS}"')
    return styled


def writer(values: pd.Series[Any]) -> Callable[[Any], str]:
    """Return what writes the values of a column for people, on one line that does nothing to a terminal."""
    write = _writer_of_present(str(values.name), values.dtype)
    return lambda value: "" if pd.api.types.is_scalar(value) and pd.isna(value) else write(value)


def _writer_of_present(name: str, dtype: Any) -> Callable[[Any], str]:
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == "M":
        return lambda time: str(time.isoformat()[:16].replace("T", " "))
    if pd.api.types.is_bool_dtype(dtype):
        return lambda value: "yes" if value else "no"
    if pd.api.types.is_integer_dtype(dtype) or (pd.api.types.is_float_dtype(dtype) and _SIZES.fullmatch(name)):
        return human_size if name.endswith("_change") else size_text if _SIZES.fullmatch(name) else "{:,}".format
    if pd.api.types.is_float_dtype(dtype):
        return lambda value: f"{value:,.1f}"
    if name == "media_type":
        return lambda value: line(value).removeprefix(VENDOR)
    if name == "created_by":
        return lambda value: step_text(str(value))
    return (lambda value: short_digest(line(value))) if _DIGESTS.fullmatch(name) else line


def line(value: Any) -> str:
    """Return text from outside as one line that does nothing to a terminal."""
    return " ".join(printable(str(value), _LONGEST_CELL).split())


def size_text(size: float) -> str:
    """Return a size for people; that of a layer of schema 1, which is not known, is -1 there."""
    return human_size(size) if size >= 0 else ""


def _escaping(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: _unbroken(html.escape(printable(write(value), _LONGEST_STYLED)))


def _unbroken(text: str) -> str:
    """Return a size or a date so that a narrow column does not part it, in pages that drop a table's style too."""
    return text.replace(" ", _NO_BREAK) if _SIZE_OR_DATE.fullmatch(text) else text


def _label(value: Any) -> str:
    return html.escape("" if value is None else line(value))
