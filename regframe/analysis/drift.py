"""What has changed in a registry between inventories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from regframe.analysis.codes import codes
from regframe.frames import COUNT, TEXT, TIME, Frames
from regframe.inventory import Inventory

_CHANGES = ["added", "removed", "moved", "unread"]
_KEY = ["repository", "tag"]


def drift(before: Frames, after: Frames) -> pd.DataFrame:
    """Return which tags have changed between two inventories of the same registry.

    Parameters
    ----------
    before, after : Inventory
        The earlier and the later inventory, of the same selection.

    Returns
    -------
    pandas.DataFrame
        One row for each tag that is not as it was, in the order of the later inventory, removed tags last:

        =============  ========  ================================================================================
        column         dtype     what
        =============  ========  ================================================================================
        repository     str       the repository
        tag            str       the tag
        change         category  added, removed, moved (from digest to digest), or unread: one of the inventories could
                                 not read what it points to, or list the tags of its repository, or was interrupted
        digest_before  str       what it pointed to: an index or a manifest; missing if added
        digest_after   str       what it points to; missing if removed
        size_before    Int64     bytes of the layers of its images, of all platforms
        size_after     Int64     the same now
        size_change    Int64     the difference of those platforms that both have: positive if the images grew
        =============  ========  ================================================================================

    Examples
    --------
    >>> changes = rf.drift(rf.Inventory.read_csv("monday"), rf.Inventory.read_csv("friday"))   # doctest: +SKIP
    >>> changes[changes["size_change"] > 0]                                                  # doctest: +SKIP
    """
    sides = [_targets(frames.tags) for frames in (before, after)]
    both = sides[1].merge(sides[0], on=_KEY, how="outer", suffixes=("_after", "_before"), indicator="side")
    is_new, is_gone = both["side"].eq("left_only"), both["side"].eq("right_only")
    is_known = both["digest_before"].notna() & both["digest_after"].notna()
    is_moved = is_known & both["digest_before"].ne(both["digest_after"])
    is_unread = ~is_new & ~is_gone & (both["digest_before"].isna() != both["digest_after"].isna())
    for is_one_sided, frames in ((is_new, before), (is_gone, after)):
        unlisted = _unlisted(frames)
        is_unread |= is_one_sided & both["repository"].map(lambda name, of=unlisted: _covers(of, name)).astype(bool)
    change = np.select([is_unread, is_new, is_gone, is_moved], ["unread", "added", "removed", "moved"], default="")
    both["change"] = pd.Categorical(pd.Series(change, dtype=TEXT).where(change != ""), categories=_CHANGES)
    both = both[both["change"].notna()]
    order = np.lexsort((both["place_before"], both["place_after"].fillna(len(sides[1]))))
    both = both.take(order).reset_index(drop=True)
    sizes = [_platform_sizes(frames.images, both[_KEY]) for frames in (before, after)]
    for name, side in zip(("size_before", "size_after"), sizes, strict=True):
        both[name] = side.groupby("row")["size"].sum(min_count=1).reindex(both.index).astype(COUNT)
    common = sizes[1].merge(sizes[0], on=["row", "platform"], suffixes=("_after", "_before"))
    grown = (common["size_after"] - common["size_before"]).groupby(common["row"]).sum(min_count=1)
    both["size_change"] = grown.reindex(both.index).astype(COUNT)
    return both[[*_KEY, "change", "digest_before", "digest_after", "size_before", "size_after", "size_change"]]


def tag_history(inventories: Iterable[Inventory]) -> pd.DataFrame:
    """Return what each tag has pointed to over several inventories of the same registry: its history, on any registry.

    Parameters
    ----------
    inventories : iterable of Inventory
        The inventories, in any order, of the same selection.

    Returns
    -------
    pandas.DataFrame
        One row for each time that a tag came to point to a digest, by tag and then by time:

        ==================  ===================  ================================================================
        column              dtype                what
        ==================  ===================  ================================================================
        repository, tag     str                  the tag
        digest              str                  what it pointed to
        size                Int64                bytes of the layers of its images, of all platforms
        first_seen          datetime64[us, UTC]  the first inventory that saw it so (``taken_at``)
        last_seen           datetime64[us, UTC]  the last inventory that saw it so, before it moved or went away
        inventories         Int64                how many saw it so
        ended               category             how it ended: moved, removed; missing if the last inventory saw it
        ==================  ===================  ================================================================

    Notes
    -----
    An inventory that could not read what a tag points to says nothing about it, nor does one that could not list the
    repository's tags, or was interrupted, say that a tag is gone.

    Examples
    --------
    >>> folders = sorted(Path("inventories").iterdir())                                   # doctest: +SKIP
    >>> history = rf.tag_history(rf.Inventory.read_csv(folder) for folder in folders)     # doctest: +SKIP
    >>> history[(history["repository"] == "httpd") & (history["tag"] == "latest")]        # doctest: +SKIP
    """
    taken = sorted(inventories, key=lambda inventory: inventory.taken_at)
    rows = pd.concat([_seen(inventory, number) for number, inventory in enumerate(taken)] or [_nothing_seen()])
    tag, _ = codes(rows["repository"], rows["tag"])
    rows = rows.assign(tag_number=tag).sort_values(["tag_number", "number"], kind="stable", ignore_index=True)
    is_read = rows["digest"].notna()
    digest, _ = codes(rows["digest"].groupby(rows["tag_number"]).ffill())
    # A tag that pointed elsewhere in between, or was away, begins anew.
    goes_on = rows["tag_number"].diff().eq(0) & rows["number"].diff().eq(1)
    rows["run"] = (~goes_on | np.diff(digest, prepend=-1).astype(bool)).cumsum()
    rows["ended"] = _endings(rows, goes_on, taken)
    last = rows.drop_duplicates("run", keep="last").set_index("run")["ended"]
    grouped = rows[is_read].groupby("run")
    found = grouped[["repository", "tag", "digest", "size"]].first()
    found["first_seen"] = grouped["taken_at"].first()
    found["last_seen"] = grouped["taken_at"].last()
    found["inventories"] = grouped.size().astype(COUNT)
    found["ended"] = last.reindex(found.index)
    return found.reset_index(drop=True)


def _targets(tags: pd.DataFrame) -> pd.DataFrame:
    # Of one kind: inventories may have been read in different ways, and keys of two kinds of text make objects.
    texts = tags.loc[tags["tag"].notna(), [*_KEY, "digest"]].astype(TEXT)
    named = texts.drop_duplicates(_KEY).reset_index(drop=True)
    return named.assign(place=np.arange(len(named)))


def _platform_sizes(images: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """Return the bytes of each platform's images of some tags, by the row of the tag."""
    columns = [*_KEY, "platform", "digest", "size"]
    of_images = images.loc[images["kind"].eq("image").to_numpy(bool), columns].drop_duplicates(columns[:4])
    own = of_images.merge(wanted.assign(row=np.arange(len(wanted))), on=_KEY)
    own["platform"] = own["platform"].astype(TEXT).fillna("")
    return own.groupby(["row", "platform"])["size"].sum(min_count=1).reset_index()


def _seen(inventory: Inventory, number: int) -> pd.DataFrame:
    rows = _targets(inventory.tags)[[*_KEY, "digest"]]
    of_images = inventory.images[inventory.images["kind"].eq("image").to_numpy(bool)].drop_duplicates([*_KEY, "digest"])
    sizes = of_images.groupby(_KEY)["size"].sum(min_count=1).reset_index().astype(dict.fromkeys(_KEY, TEXT))
    rows = rows.merge(sizes, on=_KEY, how="left")
    taken_at = pd.Series([inventory.taken_at] * len(rows), dtype=TIME)
    return rows.assign(taken_at=taken_at, number=number)


def _nothing_seen() -> pd.DataFrame:
    texts = dict.fromkeys(("repository", "tag", "digest"), TEXT)
    dtypes: dict[str, Any] = {**texts, "size": COUNT, "taken_at": TIME, "number": "int64"}
    return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in dtypes.items()})


def _endings(rows: pd.DataFrame, goes_on: pd.Series[bool], taken: list[Inventory]) -> Any:
    """Return how it went on after each row: with another digest, or without the tag."""
    unlisted = [_unlisted(inventory) for inventory in taken]
    is_next = goes_on.shift(-1, fill_value=False)
    after = rows["number"] + 1
    is_known = [
        number < len(taken) and not _covers(unlisted[number], repository)
        for number, repository in zip(after, rows["repository"], strict=True)
    ]
    ended = np.select([is_next, np.array(is_known, dtype=bool)], ["moved", "removed"], default="")
    return pd.Categorical(pd.Series(ended, dtype=TEXT).where(ended != ""), categories=["moved", "removed"])


def _unlisted(frames: Frames) -> set[str | None]:
    """Return the repositories whose tags could not be listed; ``None`` is among them if it may be any of them."""
    errors = frames.errors[frames.errors["tag"].isna() & frames.errors["digest"].isna()]
    names = {None if pd.isna(name) else str(name) for name in errors["repository"]}
    return names if getattr(frames, "complete", True) else {None}


def _covers(unlisted: set[str | None], repository: str) -> bool:
    return None in unlisted or repository in unlisted
