"""What a piece of work costs this process: time, CPU time and memory."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Usage:
    """The cost of some work: seconds, seconds of CPU time, and the most bytes that the process held up to its end."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0


@contextmanager
def measured() -> Iterator[Usage]:
    """Measure what is done in the context."""
    usage = Usage()
    cpu, start = _cpu_seconds(), time.perf_counter()
    yield usage
    usage.seconds = time.perf_counter() - start
    usage.cpu_seconds = _cpu_seconds() - cpu
    usage.peak_memory = _peak_memory()


def _cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _peak_memory() -> int:
    # Not getrusage's ru_maxrss: a new process takes that over from its parent.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
