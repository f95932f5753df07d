"""Podman's engine, run with a store of its own on a unix socket."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.parts.programs import missing, needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START_SECONDS = 30
_STOP_SECONDS = 10


@contextmanager
def start_podman(store: Sequence[str]) -> Iterator[Path]:
    """Run ``podman system service`` until the context ends; give its socket.

    Parameters
    ----------
    store : sequence of str
        The options that name its store, such as ``--root=FOLDER``.
    """
    program = needs("podman")
    # Not below pytest's folder: a socket's path has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        path, log_file = Path(folder, "podman.sock"), Path(folder, "log")
        command = [program, *store, "system", "service", "--time=0", f"unix://{path}"]
        with log_file.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                _wait(process, path, log_file)
                yield path
            finally:
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _wait(process: subprocess.Popen[bytes], path: Path, log_file: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as one:
            if one.connect_ex(str(path)) == 0:
                return
        time.sleep(0.02)
    missing(f"podman's service does not start here: {log_file.read_text()}")
