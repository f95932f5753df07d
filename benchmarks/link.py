"""How far an inventory fills a slow link: its requests a second, against concurrency / round-trip time.

``python benchmarks/link.py`` puts a proxy before the registry that delays what it passes on.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients import run_regframe
from report import print_table

ROUND_TRIP_SECONDS = 0.05


def measure(address: str, concurrencies: tuple[int, ...], requests: int, runs: int) -> None:
    """Take inventories over the slow link, and print how far each filled it."""
    rows = []
    for concurrency in concurrencies:
        most = concurrency / ROUND_TRIP_SECONDS
        with _delayed(address) as slow:
            rates = [requests / run_regframe(slow, concurrency, requests)[0].seconds for _ in range(runs)]
        rows.append((f"{concurrency}", [most], rates, [rate / most for rate in rates], "at least 0.8"))
    columns = ("requests at once", "most requests/s", "requests/s", "filled", "wanted")
    print(f"Over a link with a round-trip time of {1000 * ROUND_TRIP_SECONDS:.0f} ms:")
    print_table(columns, rows)


@contextmanager
def _delayed(address: str) -> Iterator[str]:
    command = [sys.executable, "-m", "clients.delaying_proxy", address, str(ROUND_TRIP_SECONDS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    ) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        yield proxy.stdout.readline().strip()
        proxy.stdin.close()
