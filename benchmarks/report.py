"""The tables that the benchmark prints."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from clients import Cost
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

_PROGRAMS = {
    "docker-registry": ("docker-registry", "--version"),
    "skopeo": ("skopeo", "--version"),
    "wrk": ("wrk", "--version"),
}
_PACKAGES = ("regframe", "pandas", "httpx", "aiohttp", "msgspec")
_COLUMNS: Mapping[str, Callable[[Cost], float | None]] = {
    "seconds": lambda cost: cost.seconds,
    "images/s": lambda cost: cost.images / cost.seconds if cost.images else None,
    "requests": lambda cost: cost.requests,
    "requests/s": lambda cost: cost.requests / cost.seconds,
    "CPU ms/request": lambda cost: 1000 * cost.cpu_seconds / cost.requests,
    "peak MB": lambda cost: cost.peak_memory / 1e6 if cost.peak_memory else None,
}


@dataclass(frozen=True)
class Ratio:
    """A ratio of two clients, taken in each run."""

    what: str
    column: str
    client: str
    other: str
    wanted: str


def print_table(columns: Sequence[str], rows: Iterable[tuple[str | Sequence[float], ...]]) -> None:
    """Print a table; of several runs the median, with the lowest and the highest."""
    table = Table(*columns, box=MARKDOWN)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, str) else _shown(cell) for cell in row))
    _console().print(table)


def _console() -> Console:
    # Without a terminal (in a pipe, a log) there is no width to keep to.
    return Console(width=None if sys.stdout.isatty() else 200)


def print_costs(costs: Mapping[str, Sequence[Cost]], ratios: Sequence[Ratio]) -> None:
    """Print what each client's runs cost, and the ratios: the median, with the lowest and the highest."""
    rows = [
        (client, *(_shown([column(cost) for cost in runs]) for column in _COLUMNS.values()))
        for client, runs in costs.items()
    ]
    print_table(("median (lowest–highest)", *_COLUMNS), rows)
    quotients = []
    for ratio in ratios:
        value = _COLUMNS[ratio.column]
        pairs = zip(costs[ratio.client], costs[ratio.other], strict=True)
        found = [(value(cost) or 0) / (value(other) or 1) for cost, other in pairs]
        quotients.append((ratio.what, found, ratio.wanted))
    print_table(("ratio", "median (lowest–highest)", "wanted"), quotients)


def need(programs: Iterable[str], table: Path) -> None:
    """End with a sentence if a program or the table of the official images is not here."""
    if missing := [program for program in programs if shutil.which(program) is None]:
        sys.exit(f"Not here: {', '.join(missing)}. On Debian or Ubuntu: apt-get install {' '.join(missing)}")
    if not table.exists():
        sys.exit(f"{table} is not there; --table says where the table of the official images is.")


class OtherPrograms:
    """How much of the machine programs other than this one and its children take, from now on."""

    def __init__(self) -> None:
        self._before = self._now()

    def cores(self) -> float:
        """Return how many cores they took on average, as far as this program's children have ended."""
        seconds, busy, own = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return max(0.0, busy - own) / seconds

    @staticmethod
    def _now() -> tuple[float, float, float]:
        # Source: proc(5). The first line is the sum of all cores; what a hypervisor took is counted as busy.
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return time.monotonic(), (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"), own


def machine() -> str:
    """Return what it was measured on: the processors, and the versions of everything that takes part."""
    versions = {name: _version_of(*command) for name, command in _PROGRAMS.items()}
    versions |= {name: version(name) for name in _PACKAGES}
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = found[1] if found else platform.machine()
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{len(os.sched_getaffinity(0))} cores ({processor}), {system}, {listed}"


def _shown(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    median, lowest, highest = (_number(value) for value in (statistics.median(known), min(known), max(known)))
    return median if lowest == highest else f"{median} ({lowest}–{highest})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _version_of(*command: str) -> str:
    # wrk ends with status 1 after it has said its version.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"v?(\d+\.\d[\w.+-]*)", done.stdout + done.stderr)
    return found[1] if found else "of unknown version"
