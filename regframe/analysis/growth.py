"""How images grow from release to release, and which steps account for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes
from regframe.analysis.paths import rows_of_images
from regframe.analysis.releases import releases
from regframe.analysis.steps import matched, step_text
from regframe.errors import InvalidReference, printable
from regframe.frames import TEXT, Frames

_CHANGES = ["added", "changed", "removed"]
_COLUMNS = ["repository", "version_line", "platform", "previous_tag", "tag", "released_at", "image_size"]
_COLUMNS += ["image_size_change", "change", "position", "created_by", "size_before", "size_after", "size_change"]


def growth(inventory: Frames, repository: str | None = None) -> pd.DataFrame:
    """Return how each release differs in size from the one before it, step by step.

    Parameters
    ----------
    inventory : Inventory
        An inventory, or anything else with its frames ``images`` and ``layers``.
    repository : str, optional
        Which repository; all without it.

    Returns
    -------
    pandas.DataFrame
        For each release of a version line but the first, and each platform that both releases have, one row for each
        step that made another layer than before, by version line and in order of the steps:

        ================================  ===================  ========================================================
        column                            dtype                what
        ================================  ===================  ========================================================
        repository, version_line          str                  see :func:`~regframe.analysis.releases.releases`
        platform                          category             which image
        previous_tag, tag                 str                  the two releases
        released_at                       datetime64[us, UTC]  of the later one
        image_size, image_size_change     Int64                bytes of its layers, and the change from the earlier one
        change                            category             added, removed or changed
        position                          Int64                of the step's layer in the later image; if removed, in
                                                               the earlier one
        created_by                        str                  the step's text; if it changed, the later one
        size_before, size_after           Int64                bytes of the layer that the step made
        size_change                       Int64                the difference, where an absent layer has no bytes
        ================================  ===================  ========================================================

        A release with the layers of the one before it has one row, without a step.

    Raises
    ------
    InvalidReference
        If the inventory has no such repository.

    Notes
    -----
    ``size_change`` of a release and platform adds up to its ``image_size_change``. Steps are matched by their text, in
    order, without what builders write around it and without the hash of a copied file; between two that match, steps
    of the same instruction (``RUN``, ``COPY``, …) are one that was changed, and so are the lowest of both. Steps that
    made no layer (``ENV``, …) have no size, and no row; :func:`~regframe.analysis.compare.diff` has them.

    Examples
    --------
    >>> steps = rf.growth(inventory, "httpd")                                              # doctest: +SKIP
    >>> steps.nlargest(5, "size_change")[["tag", "change", "created_by", "size_change"]]   # doctest: +SKIP
    """
    images, layers = inventory.images, inventory.layers
    if repository is not None:
        images = images[images["repository"].eq(repository).to_numpy(bool)]
        if images.empty:
            raise InvalidReference(f"The inventory has no images of “{printable(repository)}”.")
    pairs = _pairs(releases(images), images)
    digests = pd.Series(pd.unique(pd.concat([pairs["digest_before"], pairs["digest"]])), dtype=TEXT)
    image, row = rows_of_images(layers, digests, "position")
    rows = layers[["position", "layer_digest", "size", "created_by"]].take(row).reset_index(drop=True)
    pair, old, new = _changed(pairs, digests, image, rows)
    of_pair = pairs.take(pair).reset_index(drop=True)
    # The row -1, of which there is none, gives missing values.
    before, after = rows["size"].reindex(old).array, rows["size"].reindex(new).array
    is_step = (old >= 0) | (new >= 0)
    change = np.select([~is_step, old < 0, new < 0], ["", "added", "removed"], "changed")
    of_pair["change"] = pd.Categorical(pd.Series(change, dtype=TEXT).where(is_step), categories=_CHANGES)
    shown = rows.reindex(np.where(new >= 0, new, old))
    of_pair["position"], of_pair["created_by"] = shown["position"].array, shown["created_by"].array
    of_pair["size_before"], of_pair["size_after"] = before, after
    absent_as_0 = [of_pair[name].mask(which < 0, 0) for name, which in (("size_before", old), ("size_after", new))]
    of_pair["size_change"] = absent_as_0[1] - absent_as_0[0]
    return of_pair[_COLUMNS]


def _pairs(found: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return the images of each release next to those of the one before, of each platform of both."""
    of_images = images[images["kind"].eq("image").to_numpy(bool)]
    own = of_images[["repository", "tag", "platform", "digest", "size"]]
    # An index may have two images of one platform (of two versions of Windows): the first is taken.
    own = own.drop_duplicates(["repository", "tag", "platform"])
    columns = ["repository", "tag", "previous_tag", "version_line", "released_at"]
    after = found.loc[found["previous_tag"].notna(), columns].merge(own, on=["repository", "tag"])
    before = own.rename(columns={"tag": "previous_tag", "digest": "digest_before", "size": "size_of_previous"})
    pairs = after.merge(before, on=["repository", "previous_tag", "platform"])
    pairs["image_size_change"] = pairs["size"] - pairs["size_of_previous"]
    line, _ = codes(pairs["repository"], pairs["version_line"])
    return pairs.rename(columns={"size": "image_size"}).take(np.argsort(line, kind="stable")).reset_index(drop=True)


def _changed(pairs: pd.DataFrame, digests: pd.Series[str], image: Ints, rows: pd.DataFrame) -> tuple[Ints, Ints, Ints]:
    """Return the pair and the rows of the old and the new layer of each step that made another; -1 is none."""
    number, texts = pd.factorize(rows["created_by"].where(rows["created_by"].notna(), rows["layer_digest"]))
    texts = np.array([step_text(text) for text in texts], dtype=object)[number].tolist()
    layer = codes(rows["layer_digest"])[0].tolist()
    bounds = np.searchsorted(image, np.arange(len(digests) + 1)).tolist()
    before, after = (pd.Index(digests).get_indexer(pd.Index(pairs[name])) for name in ("digest_before", "digest"))
    changed: list[tuple[int, int, int]] = []
    for pair, (left, right) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        start, other = bounds[left], bounds[right]
        steps = matched(texts[start : bounds[left + 1]], texts[other : bounds[right + 1]])
        both = [(-1 if old is None else start + old, -1 if new is None else other + new) for old, new in steps]
        differ = [(pair, old, new) for old, new in both if old < 0 or new < 0 or layer[old] != layer[new]]
        changed += differ or [(pair, -1, -1)]
    found = np.array(changed, dtype=np.int64).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]
