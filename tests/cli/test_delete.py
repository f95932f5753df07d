"""``regframe delete``: shows, asks, and carries out what a person has looked over."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import termios
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import regframe as rf
from regframe import demo
from regframe.cli import app
from tests.cli.conftest import COMMAND
from tests.parts import start_front

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
    # As a spreadsheet may save it.
    edited = plan[plan["tag"] != kept].iloc[::-1, ::-1].assign(note="looked over")
    edited.to_csv(file, index=False, sep=";", lineterminator="\r\n", encoding="utf-8-sig")
    ended = call("delete", writable.address, "--from", str(file), "--yes", "--no-progress")
    assert ended.status == 0, ended.said
    assert tags(writable) == {kept}


def test_a_plan_that_lost_its_digests_deletes_nothing(
    call: Call, writable: demo.SampleRegistry, tmp_path: Path
) -> None:
    before, file = tags(writable), tmp_path / "plan.csv"
    call("delete", writable.address, "hello-world", "--output", str(file), "--no-progress")
    pd.read_csv(file, dtype="str").assign(digest=None).to_csv(file, index=False)
    ended = call("delete", writable.address, "--from", str(file), "--yes", "--no-progress")
    assert ended.status == 1
    assert "no digest" in ended.said
    assert tags(writable) == before


def test_what_a_program_reads_is_one_frame(call: Call, writable: demo.SampleRegistry) -> None:
    ended = call("delete", writable.address, "hello-world:l*", "nosuch:1", "--yes", "--no-progress", "-f", "json")
    assert ended.status == 3
    assert "nosuch" in ended.said
    assert {row["outcome"] for row in json.loads(ended.output)} <= {"deleted", "left"}


def test_a_tag_that_was_left_is_no_success(call: Call, writable: demo.SampleRegistry, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    call("delete", writable.address, "hello-world:linux", "--output", str(file), "--no-progress")
    other = f"sha256:{'1' * 64}"
    pd.read_csv(file, dtype="str").iloc[:1].assign(digest=other).to_csv(file, index=False)
    ended = call("delete", writable.address, "--from", str(file), "--yes", "--no-progress")
    assert "linux" in tags(writable)
    assert ended.status == 3
    assert "moved" in ended.said


@pytest.mark.parametrize(("answer", "goes"), [("y", True), ("n", False), ("\x03", False), ("\x04", False)])
def test_a_terminal_is_asked(writable: demo.SampleRegistry, answer: str, goes: bool) -> None:
    before = tags(writable)
    ours, theirs = os.openpty()
    words = [*COMMAND, "delete", writable.address, "hello-world:linux", "--no-progress"]
    # Standard output goes elsewhere: what is asked about is seen all the same.
    with subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
    ) as process:  # fmt: skip
        os.close(theirs)
        seen = b""
        while b"Delete these?" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, f"{answer}\n".encode() if answer.isalpha() else answer.encode())
        output = process.communicate(timeout=60)[0]
    os.close(ours)
    assert b"would go" in seen
    assert process.returncode == (130 if answer == "\x03" else 0)
    assert ("linux" not in tags(writable)) == goes
    assert output.startswith(b"repository,") == goes
    assert goes or tags(writable) == before


def test_a_file_that_is_no_plan_is_said_to_be_none(call: Call, writable: demo.SampleRegistry, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_text("repository,tag\nhello-world,latest\n")
    ended = call("delete", writable.address, "--from", str(file), "--yes")
    assert ended.status == 1
    assert "columns" in ended.said
    assert call("delete", writable.address, "--from", str(tmp_path / "none.csv")).status == 1


def test_no_other_command_asks_for_a_change(call: Call, writable: demo.SampleRegistry, tmp_path: Path) -> None:
    more: dict[str, list[str]] = {
        "reclaimable": ["--delete", "hello-world:linux"],
        "diff": [writable.address + "/hello-world:linux"],
        "drift": [writable.address + "/hello-world"],
        "compare": [writable.address + "/hello-world"],
        "pulled": ["--local", f"oci:{tmp_path}"],
        "inventory": ["--output", str(tmp_path / "inventory")],
    }
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    with start_front(writable) as front:
        for name in sorted(names - {"delete", "demo"}):
            image = ":linux" if name in {"diff", "inspect", "manifest", "referrers"} else ""
            target, before = f"{front.address}/hello-world{image}", front.requests.total()
            ended = call(name, target, *more.get(name, []), "--no-progress")
            assert ended.status in {0, 1, 3}, (name, ended.said)
            assert front.requests.total() > before or name == "pulled", (name, ended.said)
        assert {request.partition(" ")[0] for request in front.requests} <= {"GET", "HEAD"}
