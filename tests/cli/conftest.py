"""The command, run as a process of its own or in this one, and sample registries to run it on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from regframe import demo
from regframe.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMAND = (sys.executable, "-m", "regframe")


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    status: int
    output: str
    said: str


class Call(Protocol):
    """Runs the command in this process, which saves the second that pandas takes to load."""

    def __call__(self, *words: str) -> Ended: ...


def run_regframe(*words: str, given: str = "", environment: Mapping[str, str] | None = None) -> Ended:
    """Run the command as a process of its own, with an environment of its own if one is given."""
    done = subprocess.run(
        [*COMMAND, *words], input=given, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def environment_with(**values: str) -> dict[str, str]:
    """Return the environment of the tests with these values."""
    return os.environ | values


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Give the command, to be run in this process."""

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["regframe", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        output, said = capfd.readouterr()
        assert ended.value.code is None or isinstance(ended.value.code, int)
        return Ended(ended.value.code or 0, output, said)

    return call


@pytest.fixture(scope="session")
def sample() -> Iterator[demo.SampleRegistry]:
    """Give the sample registry: plain HTTP, open to all."""
    with demo.serve() as registry:
        yield registry


@pytest.fixture(scope="session")
def private_sample() -> Iterator[demo.SampleRegistry]:
    """Give the sample registry with a self-signed certificate, a user and a password."""
    with demo.serve(tls=True, username="someone", password="secret-word") as registry:
        yield registry
