"""The programs that are compared, each run in processes of its own, and what each run cost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Totals

_BENCHMARKS = Path(__file__).resolve().parents[1]
_SKOPEO_PROCESSES = 4


@dataclass(frozen=True)
class Cost:
    """What one run of a client cost.

    Attributes
    ----------
    seconds, cpu_seconds : float
        Wall-clock time, and the CPU time of the client.
    requests : int
        How many requests were answered.
    images : int or None
        How many images were read, if reading images is what it does.
    peak_memory : int or None
        The most bytes that it held, if that was measured.
    """

    seconds: float
    cpu_seconds: float
    requests: int
    images: int | None = None
    peak_memory: int | None = None


def run_regframe(address: str, concurrency: int, requests: int = 0) -> tuple[Cost, Totals]:
    """Take a full inventory, with nothing cached; it is known how many requests that takes."""
    answer = json.loads(_run_python("regframe_inventory", address, str(concurrency)))
    totals = Totals(**answer["totals"])
    return Cost(**answer["usage"], requests=requests, images=totals.tags), totals


def run_history(address: str, concurrency: int, way: str, folder: Path) -> dict[str, Any]:
    """Take a full inventory in memory or to files, with nothing cached, and return what it says of itself."""
    answer: dict[str, Any] = json.loads(_run_python("history_inventory", address, str(concurrency), way, str(folder)))
    return answer


def profile_regframe(address: str, concurrency: int) -> None:
    """Take a full inventory, and print to stderr where its CPU time went."""
    _run_python("regframe_inventory", address, str(concurrency), "--profile")


def run_aiohttp(address: str, concurrency: int, requests: Path) -> Cost:
    """Send each request of a file once, with aiohttp alone."""
    answer = json.loads(_run_python("bare_aiohttp", address, str(concurrency), str(requests)))
    return Cost(**answer["usage"], requests=answer["requests"])


def run_wrk(address: str, concurrency: int, requests: Path, seconds: int) -> Cost:
    """Send the requests of a file over and over, as fast as they are answered.

    Raises
    ------
    RuntimeError
        If one was not answered, or with an error.
    """
    script = _BENCHMARKS / "clients" / "replay.lua"
    command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "-s", str(script), f"http://{address}"]
    before = _cpu_seconds_of_children()
    done = subprocess.run([*command, "--", str(requests)], check=True, capture_output=True, text=True)
    answer = json.loads(done.stderr)
    if answer["errors"]:
        raise RuntimeError(f"{answer['errors']} requests of wrk failed:\n{done.stdout}")
    return Cost(answer["seconds"], _cpu_seconds_of_children() - before, answer["requests"])


def run_skopeo(address: str, references: Sequence[str], flags: Sequence[str], requests: int = 0) -> Cost:
    """Inspect each reference with a process of skopeo's; it is known how many requests that takes."""
    command = ["xargs", f"-P{_SKOPEO_PROCESSES}", "-n1", "skopeo", "inspect", "--tls-verify=false", *flags]
    names = "".join(f"docker://{address}/{reference}\n" for reference in references)
    before, start = _cpu_seconds_of_children(), time.perf_counter()
    subprocess.run(command, input=names, text=True, stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - start
    return Cost(seconds, _cpu_seconds_of_children() - before, requests, images=len(references))


def _run_python(module: str, *arguments: str) -> str:
    path = os.pathsep.join([str(_BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", f"clients.{module}", *arguments]
    # An empty cache, which is filled: a user's first scan.
    with tempfile.TemporaryDirectory(prefix="regframe-benchmark-") as cache:
        environment = {**os.environ, "PYTHONPATH": path, "REGFRAME_CACHE": cache}
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def _cpu_seconds_of_children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
