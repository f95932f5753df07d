"""Text from a registry does nothing to a terminal, and nothing to a spreadsheet."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator

import pytest

from regframe import demo
from regframe.oci import media_types
from tests.cli.conftest import COMMAND, Call

HOSTILE = {
    "markup": "[red]x[/red] [link=https://example.com]y[/link]",
    "escapes": "\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b31m",
    "lines": "one\r\ntwo\ttab\x08\x00",
    "backwards": "\u202egnp.exe",
    "formula": '=HYPERLINK("https://example.com")',
}


@pytest.fixture(scope="module")
def hostile() -> Iterator[demo.SampleRegistry]:
    """Give a registry with an image whose labels and steps are hostile."""
    builder = demo.ContentBuilder()
    steps = [{"created_by": text, "empty_layer": True} for text in HOSTILE.values()]
    config = {"architecture": "amd64", "os": "linux", "config": {"Labels": HOSTILE}, "history": steps}
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": builder.json_blob(config, media_types.OCI_CONFIG),
        "layers": [],
    }
    builder.tag("app", "1.0", points_to=builder.manifest(document))
    with demo.serve(content=builder.content()) as registry:
        yield registry


def on_a_terminal(*words: str) -> str:
    """Run the command on a terminal of 120 columns and return what it wrote there."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", 50, 120, 0, 0))
    # Without colours: all that is left of escapes is then not ours.
    environment = os.environ | {"TERM": "dumb"}
    with subprocess.Popen([*COMMAND, *words], stdout=its, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(its)
        written = b""
        while part := _read(ours):
            written += part
    os.close(ours)
    assert process.returncode == 0
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux says so when nobody has the other end open any more.
        return b""


@pytest.mark.parametrize(
    ("command", "form"),
    [("config", "table"), ("config", "csv"), ("config", "json"), ("history", "table"), ("inspect", "table")],
)
def test_a_terminal_gets_nothing_that_it_would_obey(hostile: demo.SampleRegistry, command: str, form: str) -> None:
    shown = on_a_terminal(command, f"{hostile.address}/app:1.0", *(["--format", form] if form != "table" else []))
    assert {character for character in shown if not character.isprintable()} == {"\n"}
    assert "[red]x[/red]" in shown
    if form == "table":
        assert max(map(len, shown.splitlines())) <= 120


def test_a_program_gets_the_text_as_it_is(hostile: demo.SampleRegistry, call: Call) -> None:
    records = json.loads(call("config", hostile.address, "--format=json").output)
    assert {record["name"]: record["value"] for record in records} == HOSTILE
    assert json.loads(call("inspect", f"{hostile.address}/app:1.0", "--format=json").output)["Labels"] == HOSTILE


def test_csv_escapes_formulas(hostile: demo.SampleRegistry, call: Call) -> None:
    written = call("config", hostile.address).output
    assert ",\"'=HYPERLINK(" in written
    assert HOSTILE["escapes"] in written
