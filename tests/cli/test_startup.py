"""The command is there at once when nothing is to be read."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["images", "--help"], ["images", "--nosuch"]])
def test_pandas_is_not_loaded_for_help(words: list[str]) -> None:
    code = f"""
import sys
from regframe.cli import main
sys.argv = ["regframe", *{words!r}]
try:
    main()
finally:
    assert not {{"pandas", "aiohttp", "matplotlib"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "AssertionError" not in done.stderr
    assert done.returncode == (2 if "--nosuch" in words else 0)
