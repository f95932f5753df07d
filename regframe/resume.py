"""Going on with an earlier inventory: which tags need not be read again, and their rows beside the new ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import pandas as pd

from regframe.errors import InvalidReference, printable
from regframe.frames import TEXT, Frames, conformed, stacked
from regframe.inventory import Inventory
from regframe.oci.descriptor import Platform
from regframe.oci.digest import digest_of
from regframe.order import BELOW, errors_in_order, in_order
from regframe.records import Tag

_TAG = ["repository", "tag"]


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


def known_tags(earlier: Inventory) -> dict[tuple[str, str], str]:
    """Return what each tag pointed to that the earlier inventory has read without an error."""
    tags = earlier.tags.dropna(subset=[*_TAG, "digest"]).drop_duplicates(_TAG, keep=False)
    failed = pd.MultiIndex.from_frame(earlier.errors[_TAG])
    read = tags[~pd.MultiIndex.from_frame(tags[_TAG]).isin(failed)]
    return dict(zip(zip(read["repository"], read["tag"], strict=True), read["digest"], strict=True))


def first_seen(earlier: Inventory) -> dict[str, datetime]:
    """Return when each image was seen first that has no better release date."""
    images = earlier.images[earlier.images["released_source"] == "seen"]
    first = images.groupby("digest", observed=True)["released_at"].min()
    return {str(digest): time.to_pydatetime() for digest, time in first.items()}


def joined(frames: Frames, earlier: Inventory, kept: Collection[Tag]) -> Frames:
    """Return the frames of a scan with the earlier rows of the tags that it kept, in the order of a whole scan.

    Where nothing has changed, the earlier rows stand as they were.
    """
    if not kept:
        return frames
    if not len(frames.tags) and len(kept) == len(earlier.tags):
        whole = replace(frames, **{name: conformed(getattr(earlier, name), name) for name in ("tags", *BELOW)})
        # Nothing has changed since, and nothing has to be sorted.
        is_same = frames.repositories["repository"].tolist() == earlier.repositories["repository"].tolist()
        return errors_in_order(whole) if is_same else in_order(whole)
    columns = {name: pd.Series([getattr(tag, name) for tag in kept], dtype=TEXT) for name in _TAG}
    keys = pd.DataFrame(columns)

    def both(name: str) -> pd.DataFrame:
        old = conformed(getattr(earlier, name).merge(keys, on=_TAG), name)
        return stacked(name, [getattr(frames, name), old])

    return in_order(replace(frames, **{name: both(name) for name in ("tags", *BELOW)}))
