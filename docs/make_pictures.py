"""Draws the README's pictures from the sample registry: ``python docs/make_pictures.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

import regframe as rf
from regframe.demo import serve

HERE = Path(__file__).parent


def main() -> None:
    """Draw them all, beside this file."""
    mpl.use("agg")
    with serve() as sample:
        registry = rf.Registry(sample.address, platform="linux/amd64", cache=False)
        inventory = registry.inventory()
    images = inventory.images
    newest = images[images["kind"] == "image"].sort_values("released_at").drop_duplicates("repository", keep="last")
    large = newest.nlargest(9, "size")[["repository", "tag", "digest"]]
    pictures = {
        "layer-sizes.png": rf.plot.layer_sizes(inventory.layers.merge(large)),
        "layers.png": rf.plot.layers(inventory.layers.merge(large.head(1))),
        "timeline.png": rf.plot.timeline(images[images["repository"].str.fullmatch(r"\w+")]),
    }
    for name, axes in pictures.items():
        axes.figure.figure.savefig(HERE / name, dpi=90)


if __name__ == "__main__":
    main()
