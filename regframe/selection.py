"""What a user names to what is read: text, lists of text and frames to patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regframe.errors import InvalidReference, printable
from regframe.reference import EVERYTHING, Pattern, is_digest, is_qualified, is_repository, is_tag

Selection = str | Sequence[str] | pd.DataFrame | None
"""What to read: a reference, a repository, a glob, a list of these, a frame with a ``repository`` column
(and perhaps ``tag``, ``digest``, ``index_digest``), or ``None`` for everything."""


@dataclass(frozen=True)
class Chosen:
    """A selection, read: the patterns, and the digests to which the images behind them are narrowed down.

    Without a pattern nothing is meant.
    """

    patterns: tuple[Pattern, ...]
    only: frozenset[str] = frozenset()


def choose(selection: Selection, read: Callable[[str], Pattern], default: Pattern | None) -> Chosen:
    """Read a selection from one place, by whose rules ``read`` reads a text; ``default`` is what ``None`` means.

    A frame with digests selects exactly these images, also where the tag has moved since.

    Raises
    ------
    InvalidReference
        If it is not a selection.
    """
    if selection is None:
        return Chosen((default or EVERYTHING,))
    if isinstance(selection, pd.DataFrame):
        return _of_frame(selection)
    # Who calls it may know nothing of types.
    named: Any = selection
    is_list = isinstance(named, Iterable) and not isinstance(named, str | Mapping)
    texts = list(named) if is_list else [named]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidReference("A selection is text, a list of texts, or a DataFrame with a column “repository”.")
    return Chosen(tuple(read(text) for text in texts))


def _of_frame(frame: pd.DataFrame) -> Chosen:
    if "repository" not in frame:
        raise InvalidReference("A frame that selects images needs a column “repository” (and perhaps “tag”).")
    columns = [name for name in ("repository", "tag", "digest", "index_digest") if name in frame]
    rows = frame[columns].astype(object).where(frame[columns].notna(), None).drop_duplicates()
    patterns: dict[Pattern, None] = {}
    only: set[str] = set()
    for row in rows.to_dict("records"):
        pattern = Pattern(row["repository"], row.get("tag"), row.get("index_digest") or row.get("digest"))
        if not _is_exact(pattern):
            raise InvalidReference(f"The frame names “{printable(str(pattern))}”, which is not an image.")
        patterns[pattern] = None
        if row.get("digest"):
            only.add(row["digest"])
    return Chosen(tuple(patterns), frozenset(only))


def _is_exact(pattern: Pattern) -> bool:
    checks: tuple[tuple[Any, Callable[[str], bool]], ...] = (
        (pattern.repository or "", lambda name: is_repository(name) or is_qualified(name)),
        (pattern.tag, is_tag),
        (pattern.digest, is_digest),
    )
    return all(text is None or (isinstance(text, str) and check(text)) for text, check in checks)
