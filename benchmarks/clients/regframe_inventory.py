"""Takes an inventory, and prints as JSON what it cost and what it comes to.

``python -m clients.regframe_inventory ADDRESS CONCURRENCY [--profile]``; a profile goes to stderr, without the rest.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import sys
from dataclasses import asdict

from corpus import Totals, digest_of_rows

import regframe as rf
from clients.usage import measured

_PROFILE_LINES = 50


def totals(inventory: rf.Inventory) -> Totals:
    """Return what an inventory of a corpus comes to."""
    images, layers = inventory.images, inventory.layers
    columns = ["repository", "tag", "digest", "config_digest", "size"]
    return Totals(
        repositories=len(inventory.repositories),
        tags=len(inventory.tags),
        manifests=images["digest"].nunique(),
        configs=images["config_digest"].nunique(),
        layers=layers["layer_digest"].nunique(),
        size=int(images["size"].sum()),
        stored_size=int(layers.drop_duplicates("layer_digest")["size"].sum()),
        layer_rows=len(layers),
        history_rows=len(inventory.history),
        config_rows=len(inventory.config),
        errors=len(inventory.errors),
        images=digest_of_rows(images[columns].itertuples(index=False, name=None)),
    )


def main(address: str, concurrency: str, *flags: str) -> None:
    """Take the inventory of a registry."""
    registry = rf.Registry(address, insecure=True, progress=False, concurrency=int(concurrency))
    if "--profile" in flags:
        profile = cProfile.Profile()
        # A profile covers the thread that it was started in.
        profile.runcall(asyncio.run, registry.aio.inventory())
        pstats.Stats(profile, stream=sys.stderr).strip_dirs().sort_stats("tottime").print_stats(_PROFILE_LINES)
        return
    with measured() as usage:
        inventory = registry.inventory()
    print(json.dumps({"usage": asdict(usage), "totals": asdict(totals(inventory))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
