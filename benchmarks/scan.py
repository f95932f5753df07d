"""How fast regframe takes an inventory: against skopeo, the bare rate of the registry, a slow link, and its own past.

``python benchmarks/scan.py`` makes a registry of Docker's official images (names, tags and dates are real, layers are
made up) and serves it with Debian's docker-registry. In each run it takes, in turn: regframe's full inventory,
``xargs -P4 -n1 skopeo inspect`` over a sample of the same references, the same requests with nothing but aiohttp, and
the rate at which the registry answers them to wrk. Then it takes the inventory over a link with a delay, and takes it
again where nothing, and where one tag in a hundred, has changed. It ends with status 1 if a row is wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import link
import second_scan
from clients import Cost, profile_regframe, run_aiohttp, run_regframe, run_skopeo, run_wrk
from corpus import TABLE, Corpus, differences, write_corpus
from registry_server import start_registry
from report import OtherPrograms, Ratio, machine, need, print_costs

from regframe.oci.media_types import ACCEPT

_PROGRAMS = ("docker-registry", "skopeo", "wrk")

_REGFRAME = "regframe inventory"
_SKOPEO = {"skopeo inspect": (), "skopeo inspect --no-tags": ("--no-tags",)}
_AIOHTTP = "its requests, aiohttp alone"
_WRK = "its requests, wrk"
_RATIOS = (
    Ratio("images/s: regframe to skopeo inspect", "images/s", _REGFRAME, "skopeo inspect", "at least 7"),
    Ratio("images/s: regframe to skopeo inspect --no-tags", "images/s", _REGFRAME, "skopeo inspect --no-tags", ""),
    Ratio("requests/s: regframe to wrk", "requests/s", _REGFRAME, _WRK, "at least 0.75"),
    Ratio("CPU/request: regframe to aiohttp alone", "CPU ms/request", _REGFRAME, _AIOHTTP, "at most 1.5"),
)


def main() -> int:
    """Run the benchmark, and return its exit status."""
    options = _options()
    need(_PROGRAMS, options.table)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="regframe-benchmark-") as name:
        return _compare(options, Path(name))


def _compare(options: argparse.Namespace, folder: Path) -> int:
    corpus = write_corpus(folder / "storage", options.table, options.tags)
    sample = random.Random(0).sample(corpus.references, min(options.skopeo_images, len(corpus.references)))
    requests, skopeo_requests, wrong = _count(corpus, folder, options.concurrency, sample[0])
    file = _write_requests(folder / "requests", requests)
    print(
        f"{corpus.totals.tags:,} tags of {corpus.totals.manifests:,} images in {corpus.totals.repositories:,} "
        f"repositories; {options.concurrency} requests at once; {len(sample):,} images for skopeo. "
        f"The inventory takes {len(requests):,} requests; the fewest possible are {corpus.fewest_requests:,}.",
        flush=True,
    )
    costs: dict[str, list[Cost]] = {client: [] for client in (_REGFRAME, *_SKOPEO, _AIOHTTP, _WRK)}
    others = OtherPrograms()
    with start_registry(corpus.storage, folder) as registry:
        # The registry keeps in memory what blobs it has seen: all find it warm.
        run_aiohttp(registry.address, options.concurrency, file)
        for _ in range(options.runs):
            cost, totals = run_regframe(registry.address, options.concurrency, len(requests))
            wrong += differences(corpus.totals, asdict(totals))
            costs[_REGFRAME].append(cost)
            for client, flags in _SKOPEO.items():
                costs[client].append(run_skopeo(registry.address, sample, flags, skopeo_requests[client] * len(sample)))
            costs[_AIOHTTP].append(run_aiohttp(registry.address, options.concurrency, file))
            costs[_WRK].append(run_wrk(registry.address, options.concurrency, file, options.seconds))
        if options.profile:
            profile_regframe(registry.address, options.concurrency)
    print(f"Meanwhile other programs took {others.cores():.1f} cores on average; the ratios hold where that is near 0.")
    print_costs(costs, _RATIOS)
    with start_registry(corpus.storage, folder) as registry:
        link.measure(registry.address, (options.concurrency, 2 * options.concurrency), len(requests), options.runs)
    # Last, as it moves tags.
    wrong += second_scan.measure(corpus, folder, options.concurrency, options.runs)
    for difference in dict.fromkeys(wrong):
        print(difference, file=sys.stderr)
    return 1 if wrong else 0


def _count(
    corpus: Corpus, folder: Path, concurrency: int, reference: str
) -> tuple[list[str], dict[str, int], list[str]]:
    """Return what an inventory asks for, and how many requests skopeo needs for one image, by the access log."""
    with start_registry(corpus.storage, folder, access_log=True) as registry:
        _, totals = run_regframe(registry.address, concurrency)
    requests = registry.requests()
    counts: dict[str, int] = {}
    for client, flags in _SKOPEO.items():
        with start_registry(corpus.storage, folder, access_log=True) as registry:
            run_skopeo(registry.address, [reference], flags)
        counts[client] = len(registry.requests())
    return requests, counts, differences(corpus.totals, asdict(totals))


def _write_requests(file: Path, paths: list[str]) -> Path:
    """Write the requests in an order in which any part of them is the same mix."""
    mixed = random.Random(0).sample(paths, len(paths))
    file.write_text("".join(f"{path}\t{ACCEPT if '/manifests/' in path else '*/*'}\n" for path in mixed))
    return file


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=5000, help="how many tags the registry has (5000; at most 121357)")
    parser.add_argument("--concurrency", type=int, default=16, help="how many requests there are at once (16)")
    parser.add_argument("--runs", type=int, default=3, help="how often to measure (3)")
    parser.add_argument("--skopeo-images", type=int, default=300, help="how many images skopeo inspects in a run (300)")
    parser.add_argument("--seconds", type=int, default=5, help="how long wrk sends requests in a run (5)")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table of the official images")
    parser.add_argument("--profile", action="store_true", help="print where regframe's CPU time goes, after the runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
