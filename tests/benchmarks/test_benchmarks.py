"""Each benchmark runs to its end, on next to nothing: the figures are worth nothing then, but its rows are right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import missing, needs

_FOLDER = Path(__file__).parents[2] / "benchmarks"
_TABLE = _FOLDER.parents[1] / "shared" / "data" / "official-images.tsv.xz"
_SHORTEST = {
    "analysis.py": ("--tags=300", "--runs=1"),
    "archives.py": ("--bytes=4000000",),
    "explorer.py": ("--repositories=2000", "--tags=100"),
    "history.py": ("--tags", "40", "80"),
    "scan.py": ("--tags=60", "--runs=1", "--skopeo-images=2", "--seconds=1"),
    "soak.py": ("--tags=60",),
}
_PROGRAMS = {
    "explorer.py": ("docker-registry", "chromium"),
    "history.py": ("docker-registry",),
    "scan.py": ("docker-registry", "skopeo", "wrk"),
}
_NEEDS_TABLE = frozenset({"analysis.py", "explorer.py", "history.py", "scan.py"})
# A bound on speed is for those who have a quiet machine and enough rows.
_MAY_BE_SLOW = frozenset({"analysis.py", "explorer.py"})


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(_FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, str(_FOLDER / program), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("program", _SHORTEST)
def test_it_runs_to_its_end(program: str) -> None:
    for part in _PROGRAMS.get(program, ()):
        needs(part)
    if program in _NEEDS_TABLE and not _TABLE.exists():
        missing(f"the table of the official images is missing: {program} --table says where it is")
    done = run(program, *_SHORTEST[program])
    assert "Traceback" not in done.stderr
    if program not in _MAY_BE_SLOW:
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") > 1


def test_one_command_has_them_all() -> None:
    programs = {path.name for path in _FOLDER.glob("*.py") if "\ndef main()" in path.read_text()}
    listed = run("run.py", "--list").stdout.split()
    assert set(listed) == programs - {"run.py", "make_sample_table.py"}
    assert set(listed) == set(_SHORTEST)
