"""In which order the rows of a scan stand, however they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from regframe.version import tag_order

if TYPE_CHECKING:
    from regframe.frames import Frames

F = TypeVar("F", bound="Frames")
BELOW = ("images", "layers", "history", "config")
"""The frames with rows of tags that have been read."""
_TAG = ["repository", "tag"]


def place(order: Mapping[str, int], repository: str | None, tag: str | None, digest: str | None) -> tuple[Any, ...]:
    """Return by what a tag is sorted: its repository's position, its natural version order, its digest."""
    return order.get(repository or "", -1), tag_order(tag or ""), digest or ""


def in_order(frames: F) -> F:
    """Return frames that were put together from several with their rows in the order of one scan.

    Repositories stand as they are; the rows of each tag follow each other as they do.
    """
    moved = _positions(frames.tags[[*_TAG, "digest"]], frames.repositories)
    frames = errors_in_order(frames)
    if np.array_equal(moved, np.arange(len(moved))):
        return frames
    tags = frames.tags.take(moved).reset_index(drop=True)
    positions = tags[_TAG].drop_duplicates().reset_index(drop=True).rename_axis("place").reset_index()

    def below(rows: pd.DataFrame) -> pd.DataFrame:
        where = rows[_TAG].merge(positions, on=_TAG, how="left")["place"].to_numpy()
        return rows.take(where.argsort(kind="stable")).reset_index(drop=True)

    return replace(frames, tags=tags, **{name: below(getattr(frames, name)) for name in BELOW})


def errors_in_order(frames: F) -> F:
    """Return frames whose tags are in order already, with their errors in the order of one scan."""
    moved = _positions(frames.errors[[*_TAG, "digest", "operation"]], frames.repositories)
    return replace(frames, errors=frames.errors.take(moved).reset_index(drop=True))


def of_known_tags(frames: F) -> F:
    """Return frames without what is said of tags that are not among them."""
    known = pd.MultiIndex.from_frame(frames.tags[_TAG])

    def of_known(rows: pd.DataFrame) -> pd.DataFrame:
        kept = rows[pd.MultiIndex.from_frame(rows[_TAG]).isin(known)].reset_index(drop=True)
        categories = map(str, kept.select_dtypes("category"))
        return kept.assign(**{name: kept[name].cat.remove_unused_categories() for name in categories})

    return replace(frames, **{name: of_known(getattr(frames, name)) for name in BELOW})


def runs(starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the positions in runs that start somewhere and are so long, one run after the other."""
    shifts: npt.NDArray[np.int64] = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return np.arange(len(shifts)) + shifts


def _positions(rows: pd.DataFrame, repositories: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return where each row comes from, once they are sorted; the last columns are text."""
    order = {name: position for position, name in enumerate(repositories["repository"])}
    named = rows.astype(object).where(rows.notna(), None)
    places = [
        (*place(order, repository, tag, digest), *("" if text is None else text for text in further))
        for repository, tag, digest, *further in named.itertuples(index=False, name=None)
    ]
    return np.array(sorted(range(len(places)), key=places.__getitem__), dtype="int64")
