"""How time, memory and requests grow with the number of tags, up to all of Docker's official images.

``python benchmarks/history.py`` makes registries of 1,000 and 5,000 tags of Docker's official images (names, tags and
dates are real, layers are made up; one platform), serves each with Debian's docker-registry, and takes its inventory in
memory and to Parquet files, each in a process of its own with an empty cache. ``--full`` takes 1,000, 10,000 and all
121,357 tags, and some 2 GB of disk while it runs. It ends with status 1 if a row is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients import run_history
from corpus import TABLE, Corpus, differences, write_corpus
from registry_server import start_registry
from report import OtherPrograms, machine, need, print_table

_SMALL = (1_000, 5_000)
_FULL = (1_000, 10_000, 121_364)
_WAYS = {"memory": "in memory", "parquet": "to Parquet files"}
_PROGRAM = "docker-registry"


@dataclass(frozen=True)
class Run:
    """One inventory: how many tags it has, how it was taken, how many requests that took, and what it says itself."""

    tags: int
    way: str
    requests: int
    answer: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return float(self.answer["usage"]["seconds"])

    @property
    def peak_memory(self) -> int:
        """The most bytes that its process held."""
        return int(self.answer["usage"]["peak_memory"])


def main() -> int:
    """Run the benchmark, and return its exit status."""
    options = _options()
    need([_PROGRAM], options.table)
    print(machine(), flush=True)
    others = OtherPrograms()
    runs: list[Run] = []
    wrong: list[str] = []
    for tags in options.tags or (_FULL if options.full else _SMALL):
        with tempfile.TemporaryDirectory(prefix="regframe-benchmark-", dir=options.folder) as name:
            corpus = write_corpus(Path(name) / "storage", options.table, tags)
            for way in _WAYS:
                run = _run(corpus, Path(name), way, options.concurrency)
                wrong += differences(corpus.totals, run.answer["totals"])
                runs.append(run)
                print(f"{run.tags:,} tags {_WAYS[way]}: {run.seconds:,.1f} seconds", file=sys.stderr, flush=True)
    print(f"Meanwhile other programs took {others.cores():.1f} cores on average.")
    _print(runs)
    for difference in dict.fromkeys(wrong):
        print(difference, file=sys.stderr)
    return 1 if wrong else 0


def _run(corpus: Corpus, folder: Path, way: str, concurrency: int) -> Run:
    with start_registry(corpus.storage, folder) as registry:
        answer = run_history(registry.address, concurrency, way, folder / "inventory")
        requests = registry.answered()
    return Run(corpus.totals.tags, way, requests, answer)


def _print(runs: list[Run]) -> None:
    rows = []
    for run in runs:
        smallest = next(other for other in runs if other.way == run.way)
        grown = (run.seconds / smallest.seconds) / (run.tags / smallest.tags)
        wrong_by = run.answer["time_to_go_wrong_by"]
        rows.append(
            (
                f"{run.tags:,}",
                _WAYS[run.way],
                f"{run.seconds:,.1f}",
                f"{run.tags / run.seconds:,.0f}",
                f"{run.requests:,}",
                f"{run.requests / run.tags:.2f}",
                f"{run.peak_memory / 1e6:,.0f}",
                f"{run.answer['totals']['layer_rows']:,}",
                f"{grown:.2f}",
                "" if wrong_by is None else f"{wrong_by:+.0%}",
            )
        )
    columns = (
        "tags",
        "inventory",
        "seconds",
        "images/s",
        "requests",
        "requests/tag",
        "peak MB",
        "layer rows",
        "seconds/tag, × the smallest",
        "time to go after a tenth, wrong by",
    )
    print_table(columns, rows)
    frames = runs[-1].answer["memory"]
    listed = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in frames.items() if size > 1e6)
    reading = runs[-1].answer["reading"]["seconds"]
    print(
        f"All frames of {runs[-1].tags:,} tags are read from their files in {reading:.1f} seconds, and take "
        f"{sum(frames.values()) / 1e6:,.0f} MB: {listed}."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="1,000, 10,000 and all 121,357 tags")
    parser.add_argument("--tags", type=int, nargs="+", help="other numbers of tags")
    parser.add_argument("--concurrency", type=int, default=16, help="how many requests there are at once (16)")
    parser.add_argument("--folder", type=Path, help="where to keep the registry's storage meanwhile")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table of the official images")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
