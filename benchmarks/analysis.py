"""How fast the analysis is: each function against a plain groupby, on frames of about a million layer rows.

``python benchmarks/analysis.py`` makes the frames from the table of Docker's official images (names, tags and dates are
real, layers are made up), runs each function on them, and prints its time and peak memory next to those of
``layers.groupby("layer_digest")["size"].max()`` on the same frames. It ends with status 1 if a function takes more than
20 times that time, or more memory than 3 times the layers frame.

Time is CPU time, the best of several runs: what else runs on the machine does not count. Memory is how far the process
grows while a function runs, its result included.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import gc
import lzma
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

# So that what is freed goes back to the system, and does not hide what the next function takes.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from clients.frame_memory import memory_of
from corpus import TABLE
from made_up_images import Image, digest, documents
from report import need
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

import regframe as rf
from regframe import analysis
from regframe.oci.config import parse_config
from regframe.oci.manifest import parse_manifest
from regframe.records import Records, Tag
from regframe.reference import is_tag
from regframe.rows import frames_of

_MOST_TIME, _MOST_MEMORY = 20, 3


def main() -> int:
    """Run the benchmark, and return its exit status."""
    options = _options()
    need([], options.table)
    versions = ", ".join(f"{name} {version(name)}" for name in ("regframe", "pandas", "numpy"))
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {versions}")
    inventory = _inventory(options.table, options.tags)
    size = sum(memory_of({"layers": inventory.layers}).values())
    rows = ", ".join(f"{len(frame):,} {name}" for name, frame in inventory.frames() if len(frame))
    print(f"Rows: {rows}; the layers frame has {size / 1e6:,.0f} MB.", flush=True)

    plain, _ = _measure(lambda: inventory.layers.groupby("layer_digest")["size"].max(), options.runs)
    table = Table("function", "CPU seconds", "× groupby", "peak MB", "× layers frame", box=MARKDOWN)
    table.add_row("plain groupby", f"{plain:.2f}", "1", "", "")
    too_much = []
    for name, function in _functions(inventory).items():
        seconds, peak = _measure(function, options.runs)
        ratios = seconds / plain, peak / size
        table.add_row(name, f"{seconds:.2f}", f"{ratios[0]:.1f}", f"{peak / 1e6:,.0f}", f"{ratios[1]:.2f}")
        if ratios[0] > _MOST_TIME or ratios[1] > _MOST_MEMORY:
            too_much.append(name)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    if too_much:
        print(
            f"More than {_MOST_TIME} times the groupby, or than {_MOST_MEMORY} times the frame: {', '.join(too_much)}"
        )
    return 1 if too_much else 0


def _functions(inventory: rf.Inventory) -> dict[str, Callable[[], object]]:
    images = inventory.images
    old = images["released_at"] < "2020"
    largest = inventory.layers["repository"].value_counts().index[0]
    found = analysis.releases(images)
    pair = found[found["previous_tag"].notna()].iloc[-1]
    earlier, later = f"{pair['repository']}:{pair['previous_tag']}", f"{pair['repository']}:{pair['tag']}"
    before = analysis.select(inventory, old)
    return {
        'storage(by="repository")': lambda: analysis.storage(inventory),
        'storage(by="tag")': lambda: analysis.storage(inventory, by="tag"),
        'storage(by="version_line")': lambda: analysis.storage(inventory, by="version_line"),
        "reclaimable": lambda: analysis.reclaimable(inventory, old),
        "retention": lambda: analysis.retention(images, keep_last=3),
        "aliases": lambda: analysis.aliases(images),
        "releases": lambda: analysis.releases(images),
        "cadence": lambda: analysis.cadence(found),
        f"growth of {largest}, the largest repository": lambda: analysis.growth(inventory, largest),
        f"select and diff of {earlier} and {pair['tag']}": lambda: analysis.diff(
            analysis.select(inventory, earlier), analysis.select(inventory, later)
        ),
        "bases": lambda: analysis.bases(inventory),
        "drift": lambda: analysis.drift(before, inventory),
        "tag_history": lambda: analysis.tag_history([before, inventory]),
        "platforms": lambda: analysis.platforms(images),
        "summary": lambda: analysis.summary(inventory),
    }


def _measure(function: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return the least CPU seconds of several runs, and the most bytes by which the process grew in the first."""
    best = float("inf")
    grown = 0.0
    for run in range(runs):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        # Linux: begin to count the peak of resident memory anew.
        Path("/proc/self/clear_refs").write_text("5")
        resident = _memory("VmRSS")
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
        if run == 0:
            grown = _memory("VmHWM") - resident
        del result
    return best, grown


def _memory(name: str) -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return float(lines[name].split()[0]) * 1024


def _inventory(table: Path, count: int) -> rf.Inventory:
    """Return the inventory of so many tags of the table, as a scan would make it."""
    origins: dict[tuple[str, str, str, str], list[dict[str, str]]] = {}
    with lzma.open(table, "rt", newline="", encoding="utf-8") as lines:
        for number, line in enumerate(csv.DictReader(lines, delimiter="\t")):
            if number < count and is_tag(line["tag"]):
                origin = (line["repository"], line["git_commit"], line["directory"], line["architectures"])
                origins.setdefault(origin, []).append(line)
    records = Records()
    for origin, rows in origins.items():
        created = min(int(row["released"]) for row in rows)
        found = documents(Image(*origin, created=created, tags=tuple(row["tag"] for row in rows)))
        manifest = parse_manifest(found.manifest_data)
        name = digest(found.manifest_data)
        records.manifests[name] = manifest
        records.document_sizes[name] = len(found.manifest_data)
        records.configs[digest(found.config_data)] = parse_config(found.config_data)
        records.repositories.setdefault(origin[0], None)
        records.tags += [Tag(origin[0], row["tag"], name) for row in rows]
    return rf.Inventory(**vars(frames_of(records)), registry="localhost:5000", taken_at=records.started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", type=Path, default=TABLE, help="the table of the official images")
    parser.add_argument("--tags", type=int, default=sys.maxsize, help="how many of its tags; all without it")
    parser.add_argument("--runs", type=int, default=3, help="how often to run each function")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
