"""``regframe delete``: shows, asks, and carries out what a person has looked over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import regframe as rf
from regframe import demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Call


@pytest.fixture
def writable() -> Iterator[demo.SampleRegistry]:
    """Give a sample registry that deletes."""
    with demo.serve(writable=True) as registry:
        yield registry


def tags(registry: demo.SampleRegistry) -> set[str]:
    return set(rf.Registry(registry.address, progress=False).tags("hello-world")["tag"])


def test_nothing_goes_without_yes(call: Call, writable: demo.SampleRegistry) -> None:
    before = tags(writable)
    ended = call("delete", writable.address, "hello-world:l*", "--no-progress")
    assert ended.status == 1
    assert "--yes" in ended.said
    assert "would go" in ended.output
    assert tags(writable) == before


def test_everything_is_never_meant(call: Call, writable: demo.SampleRegistry) -> None:
    assert call("delete", writable.address, "--yes").status == 2


def test_a_plan_that_was_edited_is_what_goes(call: Call, writable: demo.SampleRegistry, tmp_path: Path) -> None:
    before, file = tags(writable), tmp_path / "plan.csv"
    assert call("delete", writable.address, "hello-world", "--output", str(file), "--no-progress").status == 0
    assert tags(writable) == before
    plan = pd.read_csv(file, dtype="str")
    kept = sorted(before)[0]
    plan[plan["tag"] != kept].to_csv(file, index=False)
    ended = call("delete", writable.address, "--from", str(file), "--yes", "--no-progress")
    assert ended.status == 0, ended.said
    assert tags(writable) == {kept}


def test_a_file_that_is_no_plan_is_said_to_be_none(call: Call, writable: demo.SampleRegistry, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_text("repository,tag\nhello-world,latest\n")
    ended = call("delete", writable.address, "--from", str(file), "--yes")
    assert ended.status == 1
    assert "columns" in ended.said
    assert call("delete", writable.address, "--from", str(tmp_path / "none.csv")).status == 1
