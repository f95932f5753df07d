"""Takes an inventory in memory or to files, and prints as JSON what it cost, what it comes to and what was foretold.

``python -m clients.history_inventory ADDRESS CONCURRENCY memory|parquet|csv FOLDER``
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import Literal

import regframe as rf
from clients.frame_memory import memory_of
from clients.regframe_inventory import totals
from clients.usage import measured
from regframe.aio import AsyncRegistry
from regframe.progress import TimeToGo

_EVERY_SECONDS = 0.1
_FORETOLD_AT = 0.1


async def _foretold(reader: AsyncRegistry) -> tuple[float, float]:
    """Return when the progress bar said after a tenth of the tags how long it takes to the end, and what it said."""
    to_go = TimeToGo()
    while True:
        now, progress = time.monotonic(), reader.progress
        seconds = to_go.seconds(progress, now)
        if seconds is not None and progress.tags_done >= _FORETOLD_AT * progress.tags:
            return now, seconds
        await asyncio.sleep(_EVERY_SECONDS)


async def _take(
    registry: rf.Registry, how: Literal["memory", "parquet", "csv"], folder: str
) -> tuple[rf.Inventory | rf.InventoryFiles, float | None]:
    """Return an inventory, and by which part of the truth the time to go was wrong after a tenth."""
    reader = registry.aio
    foretelling = asyncio.create_task(_foretold(reader))
    taken = await (reader.inventory() if how == "memory" else reader.inventory(output=folder, format=how))
    end = time.monotonic()
    if not foretelling.done():
        foretelling.cancel()
        return taken, None
    said, seconds = foretelling.result()
    return taken, seconds / (end - said) - 1


def main(address: str, concurrency: str, how: Literal["memory", "parquet", "csv"], folder: str) -> None:
    """Take the inventory of a registry."""
    registry = rf.Registry(address, insecure=True, progress=False, concurrency=int(concurrency))
    with measured() as usage:
        taken, wrong_by = asyncio.run(_take(registry, how, folder))
    with measured() as reading:
        inventory = taken if isinstance(taken, rf.Inventory) else taken.read()
    answer = {
        "usage": asdict(usage),
        "reading": asdict(reading),
        "totals": asdict(totals(inventory)),
        "memory": memory_of(dict(inventory.frames())),
        "time_to_go_wrong_by": wrong_by,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
