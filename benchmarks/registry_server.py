"""Debian's docker-registry on a folder that holds images already."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

_PROGRAM = "docker-registry"
_TRIES = 5
_START_SECONDS = 20
_STOP_SECONDS = 10


@dataclass(frozen=True)
class RegistryServer:
    """A running registry.

    Attributes
    ----------
    address : str
        ``127.0.0.1:PORT``.
    process : subprocess.Popen
        The server.
    log_file : Path
        What it wrote, access log included where there is one.
    metrics : str
        ``127.0.0.1:PORT`` of its metrics.
    """

    address: str
    process: subprocess.Popen[bytes]
    log_file: Path
    metrics: str

    def answered(self) -> int:
        """Return how many requests to the API it has answered so far, which costs it less than an access log."""
        with urlopen(f"http://{self.metrics}/metrics", timeout=_START_SECONDS) as answer:
            text = answer.read().decode()
        counts = re.findall(r"^registry_http_requests_total\{.*\} (\S+)$", text, re.MULTILINE)
        return sum(round(float(count)) for count in counts)

    def requests(self) -> list[str]:
        """Return the path, with query, of each request to the API in the access log, in the order of the answers.

        The log is complete when the server has ended.
        """
        return re.findall(r'\] "[A-Z]+ (/v2/\S*) HTTP/[\d.]+" \d+', self.log_file.read_text())


@contextmanager
def start_registry(storage: Path, folder: Path, *, access_log: bool = False) -> Iterator[RegistryServer]:
    """Serve a storage folder on a free loopback port until the context ends.

    Parameters
    ----------
    storage : Path
        The registry's storage folder.
    folder : Path
        Where the server's configuration and log go.
    access_log : bool
        Whether to log requests, which costs the server some of its speed.
    """
    log_file = folder / "registry.log"
    for _ in range(_TRIES):
        address, metrics = (f"127.0.0.1:{port}" for port in _free_ports(2))
        configuration = folder / "registry.yml"
        # JSON is YAML too.
        configuration.write_text(json.dumps(_configuration(storage, address, metrics, access_log)))
        with (
            log_file.open("wb") as log,
            subprocess.Popen([_PROGRAM, "serve", configuration], stdout=log, stderr=subprocess.STDOUT) as process,
        ):
            try:
                if _answers(address, process):
                    yield RegistryServer(address, process, log_file, metrics)
                    return
            finally:
                _stop(process)
    raise RuntimeError(f"{_PROGRAM} did not start:\n{log_file.read_text()}")


def _configuration(storage: Path, address: str, metrics: str, access_log: bool) -> dict[str, Any]:
    return {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": not access_log}},
        "storage": {
            "cache": {"blobdescriptor": "inmemory"},
            "filesystem": {"rootdirectory": str(storage)},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {
            "addr": address,
            "headers": {"X-Content-Type-Options": ["nosniff"]},
            "debug": {"addr": metrics, "prometheus": {"enabled": True, "path": "/metrics"}},
        },
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; it has ended where another program took the port in between."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # Not the API: its requests are counted.
            with urlopen(f"http://{address}/", timeout=_START_SECONDS):
                return process.poll() is None
        except OSError:
            time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
