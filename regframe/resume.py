"""Going on with an earlier inventory: which tags need not be read again, and their rows beside the new ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from regframe.errors import InvalidReference, printable
from regframe.frames import Frames, conformed, stacked
from regframe.inventory import Inventory
from regframe.oci.descriptor import Platform
from regframe.oci.digest import digest_of
from regframe.order import BELOW, errors_in_order, in_order, runs
from regframe.records import Tag

_TAG = ["repository", "tag"]
_Positions = npt.NDArray[np.int64]


def covered(platforms: Collection[Platform], only: Collection[str]) -> str:
    """Return which images of each tag are read, as :attr:`Inventory.covers` has it."""
    named = ", ".join(sorted({str(platform) for platform in platforms})) or "all"
    return f"{named}, of {digest_of(' '.join(sorted(only)).encode())}" if only else named


def check(earlier: Inventory, registry: str, covers: str) -> None:
    """Check that an earlier inventory can be gone on with.

    Raises
    ------
    InvalidReference
        If it is none, is one of another registry, or has other images of each tag than are asked for now.
    """
    if not isinstance(earlier, Inventory):
        raise InvalidReference("resume= takes an Inventory, such as Inventory.read_csv() gives.")
    if earlier.registry != registry:
        raise InvalidReference(f"The earlier inventory is one of {printable(earlier.registry)}, not of {registry}.")
    if earlier.covers != covers:
        raise InvalidReference(
            f"The earlier inventory has other images of each tag ({printable(earlier.covers)}) than are asked for now "
            f"({covers}); ask for the same platforms, or for a new inventory."
        )


class Earlier:
    """An earlier inventory to go on with, whose rows are taken over tag by tag.

    Parameters
    ----------
    inventory : Inventory
        The earlier inventory.

    Attributes
    ----------
    inventory : Inventory
        As given.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self._blocks: dict[str, tuple[_Positions, _Positions]] = {}

    def known_tags(self) -> dict[tuple[str, str], str]:
        """Return what each tag pointed to that was read without an error."""
        tags = self.inventory.tags.dropna(subset=[*_TAG, "digest"]).drop_duplicates(_TAG, keep=False)
        failed = pd.MultiIndex.from_frame(self.inventory.errors[_TAG])
        read = tags[~pd.MultiIndex.from_frame(tags[_TAG]).isin(failed)]
        return dict(zip(zip(read["repository"], read["tag"], strict=True), read["digest"], strict=True))

    def first_seen(self) -> dict[str, datetime]:
        """Return when each image was seen first that has no better release date."""
        images = self.inventory.images[self.inventory.images["released_source"] == "seen"]
        first = images.groupby("digest", observed=True)["released_at"].min()
        return {str(digest): time.to_pydatetime() for digest, time in first.items()}

    def rows_of(self, kept: Collection[Tag]) -> Mapping[str, pd.DataFrame]:
        """Return the rows of some tags in each frame that has rows of tags, in their earlier order."""
        names = pd.MultiIndex.from_tuples([(tag.repository, tag.tag) for tag in kept], names=_TAG)
        wanted = np.sort(self._tags.get_indexer(names))
        return {name: self._rows(name, wanted) for name in ("tags", *BELOW)}

    @cached_property
    def _tags(self) -> pd.MultiIndex:
        return pd.MultiIndex.from_frame(self.inventory.tags[_TAG].drop_duplicates())

    def _rows(self, name: str, wanted: _Positions) -> pd.DataFrame:
        rows: pd.DataFrame = getattr(self.inventory, name)
        positions, starts = self._blocks.get(name) or self._blocks.setdefault(name, self._found(rows))
        taken = positions[runs(starts[wanted], starts[wanted + 1] - starts[wanted])]
        return conformed(rows.take(taken).reset_index(drop=True), name)

    def _found(self, rows: pd.DataFrame) -> tuple[_Positions, _Positions]:
        """Return where rows stand, those of one tag after those of another, and where those of each tag start."""
        # Looked up once for each tag: its rows follow each other, unless somebody has sorted them.
        is_next = (rows[_TAG] != rows[_TAG].shift()).any(axis=1)
        at = np.flatnonzero(is_next)
        each = self._tags.get_indexer(pd.MultiIndex.from_frame(rows[_TAG][is_next]))
        codes = np.repeat(each, np.diff(at, append=len(rows)))
        positions = codes.argsort(kind="stable")
        return positions, np.searchsorted(codes[positions], np.arange(len(self._tags) + 1))


def joined(frames: Frames, earlier: Earlier, kept: Collection[Tag]) -> Frames:
    """Return the frames of a scan with the earlier rows of the tags that it kept, in the order of a whole scan.

    Where nothing has changed, the earlier rows stand as they were.
    """
    if not kept:
        return frames
    before = earlier.inventory
    if not len(frames.tags) and len(kept) == len(before.tags):
        whole = replace(frames, **{name: conformed(getattr(before, name), name) for name in ("tags", *BELOW)})
        # Nothing has changed since, and nothing has to be sorted.
        is_same = frames.repositories["repository"].tolist() == before.repositories["repository"].tolist()
        return errors_in_order(whole) if is_same else in_order(whole)
    old = earlier.rows_of(kept)
    return in_order(replace(frames, **{name: stacked(name, [getattr(frames, name), old[name]]) for name in old}))
