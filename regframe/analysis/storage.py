"""Where a registry's bytes are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes, distinct_pairs, first_rows, sums
from regframe.analysis.contents import LAYER, Contents
from regframe.analysis.groups import By, group_columns
from regframe.frames import COUNT, Frames


def storage(inventory: Frames, by: By = "repository") -> pd.DataFrame:
    """Return what each group of images takes of the registry's storage, the largest first.

    Parameters
    ----------
    inventory : Inventory
        An inventory, or anything else with its frames ``images`` and ``layers``.
    by : str, list of str or callable
        ``"repository"``, ``"tag"``, ``"platform"``, ``"registry"``, ``"namespace"`` (of a repository: what stands
        before its last slash, if only nothing), ``"version_line"`` (of each repository; see
        :func:`~regframe.analysis.releases.releases`), another column of the images frame, a list of these, or a
        function from the images frame to a column.

    Returns
    -------
    pandas.DataFrame
        The columns of ``by`` (``repository`` comes with ``tag`` and ``version_line``), then as Int64:

        ==============  ================================================================================================
        column          what
        ==============  ================================================================================================
        images          distinct images (manifests; an index has one for each platform)
        layers          distinct layers of these
        logical         bytes of layers as if nothing were shared: each image by itself
        stored          bytes of layers as they are stored: each layer once
        exclusive       the part of ``stored`` that no other group holds, and that would go with this one
        shared          the part that others hold too: ``stored`` less ``exclusive``
        artifacts       distinct artifacts, signatures and attestations
        artifacts_size  bytes of their layers, where no image of the group holds the same
        documents       distinct indexes, manifests and configs, of images and of artifacts
        documents_size  bytes of these
        ==============  ================================================================================================

    Raises
    ------
    InvalidReference
        If ``by`` is nothing to group by.

    Notes
    -----
    Sizes are bytes as stored: compressed, but in an engine or an archive that keeps layers unpacked. Tags of one image
    count once. A layer that an image lists twice counts once. Foreign layers are not stored here and do not count, nor
    do the layers of Docker's schema 1, whose sizes are not known. ``stored``, ``artifacts_size`` and ``documents_size``
    of ``by="registry"`` add up to all that the tags hold.

    Examples
    --------
    >>> rf.storage(inventory)                                              # doctest: +SKIP
      repository  images  layers    logical     stored  exclusive     shared  …
    0     python     310    1204  158209311   41022315   28300122   12722193  …
    >>> rf.storage(inventory, by=["repository", "platform"])               # doctest: +SKIP
    >>> rf.storage(inventory, by=lambda images: images["released_at"].dt.year)   # doctest: +SKIP
    """
    images = inventory.images
    keys = group_columns(images, by, getattr(inventory, "registry", ""))
    group, count = codes(*(keys[name] for name in keys))
    contents = Contents.of(inventory)
    is_image = contents.is_image
    found = keys.take(first_rows(group, count)).reset_index(drop=True)

    holder, held = contents.held(group)
    image_holder, image_held = contents.held(group, is_image)
    is_layer = contents.kind[held] == LAYER
    is_image_layer = contents.kind[image_held] == LAYER
    holder_of_layer, layer = image_holder[is_image_layer], image_held[is_image_layer]
    size = contents.size[layer]
    holders = np.bincount(held, minlength=len(contents.size))
    owner, manifest = distinct_pairs(group[is_image], contents.manifest[is_image])
    stored = sums(holder_of_layer, size, count)
    exclusive = sums(holder_of_layer, np.where(holders[layer] == 1, size, 0), count)
    counted: dict[str, Ints] = {
        "images": np.bincount(owner, minlength=count),
        "layers": np.bincount(holder_of_layer, minlength=count),
        "logical": sums(owner, contents.layer_bytes()[manifest], count),
        "stored": stored,
        "exclusive": exclusive,
        "shared": stored - exclusive,
        "artifacts": np.bincount(distinct_pairs(group[~is_image], contents.manifest[~is_image])[0], minlength=count),
        "artifacts_size": sums(holder[is_layer], contents.size[held[is_layer]], count) - stored,
        "documents": np.bincount(holder[~is_layer], minlength=count),
        "documents_size": sums(holder[~is_layer], contents.size[held[~is_layer]], count),
    }
    for name, values in counted.items():
        found[name] = pd.array(values, dtype=COUNT)
    for key in keys:
        if isinstance(found[key].dtype, pd.CategoricalDtype):
            found[key] = found[key].cat.remove_unused_categories()
    return found.sort_values("stored", ascending=False, kind="stable", ignore_index=True)
