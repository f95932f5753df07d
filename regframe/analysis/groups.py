"""What ``by=`` may be: from its words to columns that group the rows of an images frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from regframe.analysis.releases import version_lines
from regframe.errors import InvalidReference, printable
from regframe.frames import TEXT

By = str | Sequence[str] | Callable[[pd.DataFrame], "pd.Series[Any]"]
"""``"repository"``, ``"tag"``, ``"platform"``, ``"registry"``, ``"namespace"``, ``"version_line"``, another column of
the images frame, a list of these, or a function from the images frame to a column."""


def group_columns(images: pd.DataFrame, by: By, registry: str = "") -> pd.DataFrame:
    """Return the columns that group the rows of an images frame.

    Raises
    ------
    InvalidReference
        If ``by`` names no such column.
    """
    if callable(by):
        made = by(images)
        return pd.DataFrame({"group" if made.name is None else str(made.name): made.array}, index=images.index)
    columns: dict[str, Any] = {}
    for name in [by] if isinstance(by, str) else by:
        if name in {"tag", "version_line"}:
            columns["repository"] = images["repository"]
        columns[name] = _column(images, name, registry)
    return pd.DataFrame(columns, index=images.index)


def _column(images: pd.DataFrame, name: str, registry: str) -> Any:
    if name in images:
        return images[name]
    if name == "registry":
        return pd.Series(registry, index=images.index, dtype=TEXT)
    if name == "namespace":
        return images["repository"].astype(TEXT).map(lambda name: name.rpartition("/")[0])
    if name == "version_line":
        return version_lines(images)
    raise InvalidReference(
        f"“{printable(str(name))}” is nothing to group by; name repository, tag, platform, registry, namespace, "
        "version_line or a column of the images frame."
    )
