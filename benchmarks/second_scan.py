"""What a second scan costs, where nothing has changed and where one tag in a hundred has moved.

The second scan goes on with the first one's inventory (``registry.inventory(resume=…)``), and documents are kept by
digest in a cache that is empty before the first, as a user has it.
"""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
from clients.usage import Usage, measured
from corpus import Corpus, move_tags
from registry_server import start_registry
from report import print_table

import regframe as rf

_MOVED = 0.01
_SCANS = ("the first", "the second, nothing changed", "the third, 1 % of the tags moved")


def measure(corpus: Corpus, folder: Path, concurrency: int, runs: int) -> list[str]:
    """Scan three times, print what each scan cost, and return what was wrong with the rows.

    The tags that are moved stay so: the corpus is another one then.
    """
    usages: list[list[Usage]] = [[], [], []]
    wrong: list[str] = []
    for run in range(runs):
        with start_registry(corpus.storage, folder) as registry:
            found = _scans(registry.address, corpus, folder / f"documents-{run}.sqlite", concurrency, run)
        for scans, (usage, _) in zip(usages, found, strict=True):
            scans.append(usage)
    counts = _requests(corpus, folder, concurrency, wrong)
    rows = [
        (
            name,
            [count],
            [usage.seconds for usage in scans],
            [usage.cpu_seconds for usage in scans],
            [first.seconds / usage.seconds for first, usage in zip(usages[0], scans, strict=True)],
            "at least 3" if name == _SCANS[1] else "",
        )
        for name, count, scans in zip(_SCANS, counts, usages, strict=True)
    ]
    print("Scanning again:")
    print_table(("scan", "requests", "seconds", "CPU seconds", "× as fast as the first", "wanted"), rows)
    return wrong


def _scans(address: str, corpus: Corpus, cache: Path, concurrency: int, seed: int) -> list[tuple[Usage, rf.Inventory]]:
    registry = rf.Registry(address, insecure=True, progress=False, concurrency=concurrency, cache=cache)
    found: list[tuple[Usage, rf.Inventory]] = []
    for scan in range(len(_SCANS)):
        if scan == 2:
            move_tags(corpus, max(1, round(_MOVED * len(corpus.references))), random.Random(seed))
        with measured() as usage:
            inventory = registry.inventory(resume=found[-1][1] if found else None)
        found.append((usage, inventory))
    return found


def _requests(corpus: Corpus, folder: Path, concurrency: int, wrong: list[str]) -> list[int]:
    """Count each scan's requests by the access log, and compare what the third one found with a scan of its own."""
    counts: list[int] = []
    inventory: rf.Inventory | None = None
    for scan in range(len(_SCANS)):
        if scan == 2:
            move_tags(corpus, max(1, round(_MOVED * len(corpus.references))), random.Random(-1))
        with start_registry(corpus.storage, folder, access_log=True) as server:
            inventory = _inventory(server.address, concurrency, inventory)
        counts.append(len(server.requests()))
    assert inventory is not None
    with start_registry(corpus.storage, folder) as server:
        afresh = _inventory(server.address, concurrency, None)
    for name, frame in afresh.frames():
        again = getattr(inventory, name)
        if name == "images":
            # When it was seen is when it was scanned.
            frame, again = (one.drop(columns=["released_at"]) for one in (frame, again))
        try:
            pd.testing.assert_frame_equal(again, frame)
        except AssertionError as error:
            wrong.append(f"Wrong rows: the third scan's {name} differ from those of a scan of its own: {error}")
    return counts


def _inventory(address: str, concurrency: int, earlier: rf.Inventory | None) -> rf.Inventory:
    registry = rf.Registry(address, insecure=True, progress=False, concurrency=concurrency, cache=False)
    if earlier is not None:
        # The server of each scan has an address of its own.
        earlier = rf.Inventory(**{**vars(earlier), "registry": address})
    return registry.inventory(resume=earlier)
