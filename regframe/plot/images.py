"""The images that a layers frame is of: tags of one image as one, under its most telling name."""

from __future__ import annotations

import pandas as pd

from regframe.plot.canvas import needed, sizes_of
from regframe.text import short_digest
from regframe.version import parse_version

_NEEDED = ("repository", "tag", "digest", "platform", "position", "layer_digest", "size")
_TAKEN = ("uncompressed_size", "stored", "created_by")


def layers_of_images(layers: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the rows of images that have a size, as float, each image once, with its ``name``; and the sizes' kind.

    Attestations and artifacts, which have no platform, are left out.
    """
    layers = needed(layers, _NEEDED, "a layers frame")
    layers = layers.loc[layers["platform"].notna(), layers.columns.isin([*_NEEDED, *_TAKEN])]
    sizes, kind = sizes_of(layers)
    layers = layers.assign(size=sizes)[sizes.ge(0)]
    images = layers[["repository", "tag", "digest", "platform"]].drop_duplicates()
    telling = [(parse_version(tag) is not None, len(tag), tag) for tag in images["tag"].fillna("")]
    images = images.take(sorted(range(len(images)), key=telling.__getitem__, reverse=True))
    images = images.drop_duplicates(["repository", "digest"])
    name = images["repository"] + ":" + images["tag"]
    by_digest = images["repository"] + "@" + images["digest"].map(short_digest, na_action="ignore").astype("str")
    name = name.fillna(by_digest).fillna("image").astype("str")
    if images["platform"].nunique() > 1:
        name = name + "  " + images["platform"]
    return layers.merge(images.assign(name=name), on=["repository", "tag", "digest", "platform"]), kind
