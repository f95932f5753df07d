"""What deleting would free."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from regframe.analysis.codes import codes, first_rows
from regframe.analysis.contents import KINDS, Contents
from regframe.analysis.selecting import Which, rows_meant, whole_tags
from regframe.analysis.tags import joined
from regframe.errors import RegframeWarning
from regframe.frames import Frames


def reclaimable(inventory: Frames, which: Which) -> pd.DataFrame:
    """Return what would no longer be needed if some tags went.

    Parameters
    ----------
    inventory : Inventory
        The inventory of the whole registry: what it does not show cannot be known to need anything.
    which : Which
        The tags that would go: a boolean mask of ``inventory.images``, a frame with a column ``repository`` (and
        perhaps ``tag``, ``digest``), or text such as ``"httpd:2.2*"``. A row stands for its tag with all of its
        platforms; a row of a frame of releases or aliases for all tags of the release.

    Returns
    -------
    pandas.DataFrame
        One row for each digest, the largest first; the sum of ``size`` is what is freed:

        ============  ========  ===============================================================================
        column        dtype     what
        ============  ========  ===============================================================================
        digest        str       the digest
        kind          category  index, manifest, config or layer
        size          Int64     bytes as stored; missing where it is not known (layers of Docker's schema 1)
        repositories  str       the repositories that it would leave, with commas between
        ============  ========  ===============================================================================

    Warns
    -----
    RegframeWarning
        If the inventory is known to be incomplete: what it lacks may still need some of this.

    Raises
    ------
    InvalidReference
        If ``which`` is nothing that selects.

    Notes
    -----
    What remaining tags hold, in any repository, directly or by an index, is not counted, and foreign layers are not.
    What no tag leads to is not known: untagged manifests may still need some of this (an index inside an index, too,
    is itself not seen, though what it leads to is), and a registry frees bytes only when its garbage collection runs,
    after index and manifests have been deleted.

    Examples
    --------
    >>> old = inventory.images["released_at"] < "2020"                     # doctest: +SKIP
    >>> rf.reclaimable(inventory, old).groupby("kind")["size"].sum()       # doctest: +SKIP
    """
    images = inventory.images
    going = whole_tags(images, rows_meant(images, which, getattr(inventory, "registry", "")))
    contents = Contents.of(inventory)
    needed = np.zeros(len(contents.size), dtype=bool)
    needed[contents.held(np.zeros(len(images), dtype=np.int64), ~going)[1]] = True
    repository, count = codes(images["repository"])
    names = images["repository"].take(first_rows(repository, count)).astype(object).to_numpy()
    holder, held = contents.held(repository, going)
    is_freed = ~needed[held]
    holder, held = holder[is_freed], held[is_freed]
    by_digest = np.argsort(held, kind="stable")
    freed, counts = np.unique(held, return_counts=True)
    found = pd.DataFrame(
        {
            "digest": contents.digests.take(freed).array,
            "kind": pd.Categorical(np.array(KINDS, dtype=object)[contents.kind[freed]], categories=KINDS),
            "size": contents.sizes(freed),
            "repositories": pd.Series(joined(names[holder[by_digest]].tolist(), counts), dtype="str"),
        }
    )
    _warn_of_unknown(inventory)
    return found.sort_values("size", ascending=False, kind="stable", ignore_index=True)


def _warn_of_unknown(inventory: Frames) -> None:
    """Warn if the inventory is known not to show all that may need something."""
    unread = len(inventory.errors)
    reasons = []
    if unread:
        reasons.append(f"{unread:,} thing{'s' if unread > 1 else ''} could not be read (its errors)")
    if not getattr(inventory, "complete", True):
        reasons.append("it was interrupted")
    if getattr(inventory, "covers", "all") != "all":
        reasons.append("it has only some of the images of each tag")
    if reasons:
        message = (
            f"The inventory does not show everything: {', and '.join(reasons)}. What it lacks may need some of this."
        )
        warnings.warn(message, RegframeWarning, stacklevel=3)
