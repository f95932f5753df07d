"""Programs of the machine: found, or the test is skipped with the name of the package that brings them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def missing(message: str) -> NoReturn:
    """Skip the test; fail it where the environment says ``CI=true``, since there every part must be."""
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def needs(program: str, package: str | None = None) -> str:
    """Return the path of a program, or skip the test (with ``CI=true``: fail it) naming its Debian package.

    Parameters
    ----------
    program : str
        The program's name, such as ``"skopeo"``.
    package : str, optional
        The Debian package, when it has another name than the program.
    """
    path = shutil.which(program)
    if path is None:
        missing(f"{program} is missing: install Debian's package {package or program}")
    return path


def run(*command: str | Path, timeout: float = 120) -> str:
    """Run a program and return what it wrote to stdout; raise with what it wrote to stderr when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with status {done.returncode}:\n{done.stderr or done.stdout}")
    return done.stdout
