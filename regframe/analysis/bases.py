"""What images are built on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes, first_rows
from regframe.analysis.contents import Flags
from regframe.analysis.paths import Paths, layer_paths, step_paths
from regframe.analysis.releases import in_line_order, releases
from regframe.analysis.tags import target_digest
from regframe.errors import InvalidReference
from regframe.frames import CATEGORY, COUNT, TEXT, YES_OR_NO, Frames
from regframe.reference import Reference

_IMAGE = ["repository", "tag", "digest", "platform"]
_SOURCES = np.array(["annotation", "layers", None], dtype=object)


def bases(inventory: Frames) -> pd.DataFrame:
    """Return what each image is built on, and whether that has since been released anew.

    Parameters
    ----------
    inventory : Inventory
        An inventory, or anything else with its frames ``images``, ``layers`` and ``history``.

    Returns
    -------
    pandas.DataFrame
        One row for each image of the images frame (attestations and the like left out):

        ===============  ========  ==============================================================================
        column           dtype     what
        ===============  ========  ==============================================================================
        repository, tag  str       the image
        digest           str       its manifest
        platform         category  its platform
        base_repository  str       the base's repository; with its registry, if it is only known by its annotation
        base_tag         str       the base's most specific tag
        base_digest      str       the base's manifest
        base_source      category  how it is known: annotation, or layers
        base_layers      Int64     how many of the image's layers come from the base
        base_size        Int64     bytes of these
        stale            boolean   whether the base has since been released anew; missing if the base is not known
        newer_base_tag   str       the newest release of the base's version line, or the tag that has moved on
        ===============  ========  ==============================================================================

    Notes
    -----
    The base is the image of the inventory that ``org.opencontainers.image.base.digest`` names, where it is given and
    the inventory has it; else the one with the most layers of which all layers (by diff ID, for the same os and
    architecture) are the image's lowest ones. Where both have a history, all of its steps must be the image's first
    ones, too: an image with one more step at the end is no base of the other, since its last steps are missing. If
    several images fit, the one released last is named. A base that is not in the inventory is known by
    ``org.opencontainers.image.base.name`` only, where that is given.

    A base is stale if its version line has a later release (of pre-releases only if it is one itself; see
    :func:`~regframe.analysis.releases.releases`), or if the tag that ``base.name`` gives is in the inventory and is now
    an image that this one is not built on.

    Examples
    --------
    >>> found = rf.bases(inventory)                                                       # doctest: +SKIP
    >>> found[found["stale"]][["repository", "tag", "base_tag", "newer_base_tag"]]        # doctest: +SKIP
    """
    images = inventory.images[inventory.images["kind"].eq("image").to_numpy(bool)].reset_index(drop=True)
    image, count = codes(images["digest"])
    distinct = images.take(first_rows(image, count)).reset_index(drop=True)
    root, _ = codes(distinct["os"], distinct["architecture"])
    layers = layer_paths(inventory.layers, distinct["digest"], root)
    steps = step_paths(inventory.history, distinct["digest"], root, layers)
    releases_of = _Releases(images, distinct)
    named = _named(distinct, images.assign(image=image, root=root[image]), getattr(inventory, "registry", ""))

    annotated = _annotated(distinct.assign(root=root), images.assign(image=image, root=root[image]))
    base = np.where(annotated >= 0, annotated, _by_layers(distinct, layers, steps))
    is_known = base >= 0
    is_annotated = (annotated >= 0) | (~is_known & named["tag"].notna().to_numpy(bool))
    newer = releases_of.newer(base)
    has_moved = _has_moved(named["image"].to_numpy(np.int64), base, layers)
    depth = np.where(is_known, layers.length[base], 0)
    shown = distinct.take(base).reset_index(drop=True)
    tags = pd.Series(releases_of.tag(base), dtype=TEXT)
    found = pd.DataFrame(
        {
            "base_repository": shown["repository"].where(is_known, named["repository"]),
            "base_tag": tags.where(is_known, named["tag"]),
            "base_digest": shown["digest"].where(is_known, distinct["base_digest"].where(named["tag"].notna())),
            "base_source": pd.Series(_SOURCES[np.select([is_annotated, is_known], [0, 1], 2)], dtype=CATEGORY),
            "base_layers": pd.Series(depth, dtype=COUNT).where(is_known),
            "base_size": _size_below(depth, layers, inventory.layers["size"]).where(is_known),
            "stale": pd.Series(newer.notna() | has_moved, dtype=YES_OR_NO).where(
                releases_of.has_tag(base) | (named["image"] >= 0)
            ),
            "newer_base_tag": newer.where(~has_moved, named["tag"]),
        }
    )
    return pd.concat([images[_IMAGE], found.take(image).reset_index(drop=True)], axis=1)


def _by_layers(distinct: pd.DataFrame, layers: Paths, steps: Paths) -> Ints:
    """Return the image that each one begins with, the longest; -1 where there is none."""
    has_steps = steps.length > 0
    times = distinct["released_at"].dt.tz_localize(None).astype("int64").to_numpy()
    worst_first = np.lexsort((-np.arange(len(distinct)), times))

    def longest(paths: Paths, may_be_base: Flags) -> Ints:
        candidates = worst_first[(may_be_base & (layers.length > 0))[worst_first]]
        image_of = np.full(len(paths.node) + 1, -1, dtype=np.int64)
        image_of[paths.top[candidates]] = candidates
        return image_of[paths.last_below(image_of >= 0)]

    everything = np.ones(len(distinct), dtype=bool)
    by_steps = longest(steps, has_steps)
    # Without a history on one side the layers alone tell.
    alone = np.where(has_steps, longest(layers, ~has_steps), longest(layers, everything))
    lengths = np.append(layers.length, -1)
    return np.where(lengths[by_steps] >= lengths[alone], by_steps, alone)


def _annotated(distinct: pd.DataFrame, images: pd.DataFrame) -> Ints:
    """Return the image whose digest, or whose index's digest, the annotation gives; -1 where there is none."""
    wanted = distinct[["base_digest", "root"]].assign(of=np.arange(len(distinct))).dropna(subset="base_digest")
    found = np.full(len(distinct), -1, dtype=np.int64)
    for digest in ("index_digest", "digest"):
        given = images[[digest, "root", "image"]].dropna(subset=digest).drop_duplicates([digest, "root"])
        both = wanted.merge(given, left_on=["base_digest", "root"], right_on=[digest, "root"])
        found[both["of"]] = both["image"]
    return np.where(found == np.arange(len(distinct)), -1, found)


def _named(distinct: pd.DataFrame, images: pd.DataFrame, registry: str) -> pd.DataFrame:
    """Return the repository and tag that the annotation names, and which image that is now; -1 if it is none."""
    number, names = pd.factorize(distinct["base_name"])
    references = [_reference(name) for name in names] + [None]
    own = [(one.repository, one.tag) if one and one.registry == registry else (None, None) for one in references]
    shown = [
        one and (one.repository if one.registry == registry else f"{one.registry}/{one.repository}")
        for one in references
    ]
    named = pd.DataFrame({"own": [repository for repository, _ in own], "tag": [one and one.tag for one in references],
                          "repository": shown}, dtype=TEXT).take(number).reset_index(drop=True)  # fmt: skip
    root = images.drop_duplicates("image").sort_values("image")["root"].to_numpy()
    current = images[["repository", "tag", "root", "image"]].drop_duplicates(["repository", "tag", "root"])
    current = current.rename(columns={"repository": "own"})
    matches = named.assign(root=root).merge(current.dropna(), on=["own", "tag", "root"], how="left")
    return named.assign(image=matches["image"].fillna(-1).astype("int64"))


def _reference(name: str) -> Reference | None:
    try:
        return Reference.parse(name)
    except InvalidReference:
        return None


def _has_moved(current: Ints, base: Ints, layers: Paths) -> Flags:
    """Return which images name a base that is now an image that they are not built on."""
    is_named = (current >= 0) & (current != base)
    own = np.arange(len(base))
    is_below = layers.node_at(own, layers.length[current] - 1) == layers.top[current]
    return np.asarray(is_named & ~is_below)


def _size_below(depth: Ints, layers: Paths, sizes: pd.Series[int]) -> pd.Series[int]:
    """Return the bytes of each image's lowest layers."""
    total = np.concatenate([[0], np.cumsum(sizes.fillna(0).to_numpy(np.int64)[layers.row])])
    return pd.Series(total[layers.start + depth] - total[layers.start], dtype=COUNT)


class _Releases:
    """The release that each distinct image belongs to, and the newest of its line."""

    def __init__(self, images: pd.DataFrame, distinct: pd.DataFrame) -> None:
        self._found = releases(images)
        own = pd.DataFrame({"repository": distinct["repository"], "digest": target_digest(distinct)})
        known = self._found[["repository", "digest"]].assign(release=np.arange(len(self._found)))
        release = own.merge(known, on=["repository", "digest"], how="left")["release"]
        # One more for the image -1: none.
        self._release = np.append(release.fillna(-1).to_numpy(np.int64), -1)
        self._tags = np.array([*self._found["tag"], None], dtype=object)

    def has_tag(self, images: Ints) -> Flags:
        """Return which images are a release."""
        return np.asarray(self._release[images] >= 0)

    def tag(self, images: Ints) -> Any:
        """Return the most specific tag of each image."""
        return self._tags[self._release[images]]

    def newer(self, images: Ints) -> pd.Series[str]:
        """Return the tag of the newest release of each image's line, where that is later than its own."""
        line, order = in_line_order(self._found)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        is_final = self._found["prerelease"].isna().to_numpy(bool)
        newest = np.full(int(line.max(initial=0)) + 1, -1, dtype=np.int64)
        newest_final = newest.copy()
        newest[line[order]] = order
        newest_final[line[order[is_final[order]]]] = order[is_final[order]]
        of_line = np.append(np.where(is_final, newest_final[line], newest[line]), -1)
        release = self._release[images]
        last = of_line[release]
        is_later = (release >= 0) & (np.append(place, -1)[last] > np.append(place, -1)[release])
        return pd.Series(np.where(is_later, self._tags[last], None), dtype=TEXT)
