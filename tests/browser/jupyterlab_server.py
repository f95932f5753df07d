"""A real JupyterLab, on a port that the system picks, with a token."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_START_SECONDS = 60
_STOP_SECONDS = 20
_LAB = "@jupyterlab/apputils-extension"
_WIDGETS = "@jupyter-widgets/jupyterlab-manager"


@dataclass(frozen=True)
class JupyterLab:
    """A running JupyterLab.

    Attributes
    ----------
    url : str
        ``http://localhost:PORT``.
    token : str
        What it asks for.
    folder : Path
        What it shows.
    settings : Path
        Where it keeps what a person sets, such as the theme.
    """

    url: str
    token: str
    folder: Path
    settings: Path

    def address(self, path: str) -> str:
        """Return where a file is opened, with nothing left of what was open before."""
        return f"{self.url}/lab/tree/{path}?reset&token={self.token}"

    def write(self, path: str, *cells: str) -> str:
        """Write a notebook of code cells, and return its path."""
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        document = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
        )
        nbformat.write(document, self.folder / path)
        return path

    def choose_theme(self, name: str) -> None:
        """Set the theme of the pages that are opened from now on, as the Settings menu does."""
        self._set(_LAB, "themes", {"theme": name})

    def _set(self, extension: str, plugin: str, values: Mapping[str, object]) -> None:
        file = self.settings / extension / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


@contextmanager
def start_jupyterlab(folder: Path, environment: Mapping[str, str]) -> Iterator[JupyterLab]:
    """Run JupyterLab on a folder until the context ends; its kernels get the environment."""
    with tempfile.TemporaryDirectory(prefix="jupyterlab-", ignore_cleanup_errors=True) as name:
        home, log_file = Path(name), Path(name, "log")
        token, settings = secrets.token_hex(16), home / "settings"
        places = {
            "JUPYTER_CONFIG_DIR": home / "config",
            "JUPYTER_DATA_DIR": home / "data",
            "JUPYTER_RUNTIME_DIR": home / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": settings,
            "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
            "IPYTHONDIR": home / "ipython",
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            # Port 0 is any that is free. Without retries a taken one is an error, not another server's next door.
            *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--ServerApp.port_retries=0"),
            # Its kernels listen at sockets in its own folder: a port that is free now may be another program's by then.
            "--KernelManager.transport=ipc",
            f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={folder}",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        with (
            log_file.open("wb") as log,
            subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=os.environ | environment | {key: str(place) for key, place in places.items()},
            ) as process,
        ):
            try:
                url = _listening(process, home / "runtime", log_file)
                lab = JupyterLab(url, token, folder, settings)
                lab._set(_LAB, "notification", {"fetchNews": "false", "checkForUpdates": False})
                # What a notebook keeps of widgets is saved with it, as the Settings menu has it.
                lab._set(_WIDGETS, "plugin", {"saveState": True})
                yield lab
            finally:
                _stop(process)


def _listening(process: subprocess.Popen[bytes], runtime: Path, log_file: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            try:
                return f"http://127.0.0.1:{json.loads(file.read_text())['port']}"
            except ValueError:
                break  # half written
        time.sleep(0.05)
    raise RuntimeError(f"JupyterLab did not start:\n{log_file.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
