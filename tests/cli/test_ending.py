"""How commands end: their exit status, and what they say on standard error."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from regframe import demo
from tests.cli.conftest import COMMAND, Call, run_regframe


@pytest.fixture(scope="module")
def half_broken() -> demo.SampleContent:
    """Give content of which one of two images has lost its config."""
    whole = demo.sample_content()
    repositories = {"sample": dict(whole.repositories["sample/files"]) | {"0": "sha256:" + "0" * 64}}
    return demo.SampleContent(repositories, whole.manifests, whole.blobs, whole.made_up)


def test_0_when_all_was_read(sample: demo.SampleRegistry) -> None:
    ended = run_regframe("tags", f"{sample.address}/sample/chart")
    assert (ended.status, ended.said) == (0, "")
    assert ended.output.splitlines()[1].startswith("sample/chart,0.1.0,")


def test_3_when_some_of_it_was_not(half_broken: demo.SampleContent, call: Call, tmp_path: Path) -> None:
    with demo.serve(content=half_broken) as sample:
        ended = call("images", sample.address)
        assert ended.status == 3
        assert "sample,1.0," in ended.output
        assert ended.said.splitlines()[0] == "regframe: 1 thing could not be read:"
        assert "sample:0" in ended.said
        assert call("inventory", sample.address, "--output", str(tmp_path)).status == 3
        assert (tmp_path / "errors.csv").read_text().count("\n") == 2
        strict = call("images", sample.address, "--strict")
        assert (strict.status, strict.output) == (1, "")


def test_only_the_first_errors_are_told(call: Call) -> None:
    digests = {str(number): f"sha256:{number:064}" for number in range(9)}
    with demo.serve(content=demo.SampleContent({"lost": digests, "kept": {}}, {}, {})) as sample:
        ended = call("tags", sample.address, "--resolve")
    assert ended.status == 3
    first, *some, more = ended.said.splitlines()
    assert first == "regframe: 9 things could not be read:"
    assert len(some) == 3
    assert "and 6 more" in more


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["images", "{address}/nosuch"], "nosuch"),
        (["images", "{address}/httpd:nosuch"], "httpd:nosuch"),
        (["inspect", "{address}"], "Name one image"),
        (["inspect", "{address}/httpd:2-alpine", "--platform", "plan9/amd64"], "plan9/amd64"),
        (["manifest", "{address}/httpd:nosuch"], "httpd:nosuch"),
        (["tags", "localhost:1"], "Nothing listens at localhost:1"),
        (["tags", "{address}/UPPER"], "lower case"),
        (["tags", "{address}", "--ca", "nosuch.crt"], "nosuch.crt"),
        (["tags", "{address}", "--platform", "amd64"], "linux/amd64"),
        (["tags", "{address}", "--output", "nosuch/tags.csv"], "nosuch"),
        (["tags", "{address}", "--output", "/dev/full"], "No space left"),
        (["inventory", "{address}", "--output", "/dev/null/inventory"], "/dev/null"),
    ],
)
def test_1_and_one_sentence_for_a_failure(
    call: Call, sample: demo.SampleRegistry, words: list[str], sentence: str
) -> None:
    ended = call(*(word.format(address=sample.address) for word in words))
    assert (ended.status, ended.output) == (1, "")
    assert re.fullmatch(r"regframe: .*[.?]\n", ended.said)
    assert sentence in ended.said


@pytest.mark.parametrize(
    "words",
    [
        ["nosuch"],
        ["tags"],
        ["tags", "localhost:5000", "--nosuch"],
        ["tags", "localhost:5000", "--format", "xml"],
        ["tags", "localhost:5000", "--concurrency", "0"],
        ["inventory", "localhost:5000"],
        ["inventory", "localhost:5000", "--output", "x", "--format", "json"],
        ["inspect", "localhost:5000/x", "--platform", "linux/amd64", "--platform", "linux/386"],
    ],
)
def test_2_for_wrong_words(call: Call, words: list[str]) -> None:
    ended = call(*words)
    assert (ended.status, ended.output) == (2, "")
    assert "Usage: regframe" in ended.said
    assert "Traceback" not in ended.said


def test_ctrl_c_is_quiet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = [*COMMAND, "tags", f"127.0.0.1:{silent.getsockname()[1]}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            # Once it has connected, it is in the middle of reading.
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            output, said = process.communicate(timeout=60)
            connection.close()
    assert (process.returncode, output, said) == (130, b"", b"")


@pytest.mark.parametrize("words", [["tags", "--format=csv"], ["tags", "--format=table"], ["inventory", "--output"]])
def test_a_closed_pipe_is_quiet(sample: demo.SampleRegistry, words: list[str], tmp_path: Path) -> None:
    command, *options = words
    folder = [str(tmp_path)] if command == "inventory" else []
    with subprocess.Popen(
        [*COMMAND, command, sample.address, "sample/chart", *options, *folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_parquet_goes_to_a_pipe_as_bytes(sample: demo.SampleRegistry) -> None:
    pytest.importorskip("pyarrow")
    words = ["tags", f"{sample.address}/sample/chart", "--format", "parquet"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, check=True)
    assert (done.stdout[:4], done.stdout[-4:], done.stderr) == (b"PAR1", b"PAR1", b"")


def test_help_and_version(call: Call) -> None:
    version = call("--version")
    assert (version.status, version.said) == (0, "")
    assert re.fullmatch(r"regframe \d+\.\d+.*\n", version.output)
    told = call("--help").output
    commands = re.findall(r"^  ([a-z]+) +\w.*[^.]\.$", told.partition("Commands:")[2], re.MULTILINE)
    reading = ["repositories", "tags", "images", "layers", "history", "config", "inspect", "manifest", "ping"]
    answering = ["storage", "reclaimable", "releases", "aliases", "growth", "bases"]
    comparing = ["diff", "drift", "compare", "pulled"]
    asking = ["plan", "doctor", "referrers", "limits"]
    assert commands == [*reading, "inventory", *answering, *comparing, *asking, "delete", "demo"]
    for command in commands:
        assert f"Example: regframe {command} " in call(command, "--help").output
