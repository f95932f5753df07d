"""Who the user is: never an argument, never shown."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

import pytest

from regframe import demo
from tests.cli.conftest import Call, environment_with, run_regframe


def words_of(private_sample: demo.SampleRegistry) -> list[str]:
    return ["tags", f"{private_sample.address}/sample/chart", "--ca", str(private_sample.ca)]


@pytest.mark.parametrize("given", ["secret-word\n", "secret-word", "secret-word\r\n"])
def test_a_password_from_standard_input(
    call: Call, private_sample: demo.SampleRegistry, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given, newline=""))
    ended = call(*words_of(private_sample), "--username", "someone", "--password-stdin")
    assert (ended.status, ended.said) == (0, "")
    assert "sample/chart,0.1.0," in ended.output


def test_user_and_password_from_the_environment(
    call: Call, private_sample: demo.SampleRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGFRAME_USERNAME", "someone")
    monkeypatch.setenv("REGFRAME_PASSWORD", "secret-word")
    assert call(*words_of(private_sample)).status == 0


def test_a_stored_login(
    call: Call, private_sample: demo.SampleRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    auth = base64.b64encode(b"someone:secret-word").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {private_sample.address: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert call(*words_of(private_sample)).status == 0


def test_an_empty_environment(private_sample: demo.SampleRegistry) -> None:
    words = [*words_of(private_sample), "--username", "someone", "--password-stdin", "--format", "table"]
    ended = run_regframe(*words, given="secret-word", environment={})
    assert (ended.status, ended.said) == (0, "")
    assert "0.1.0" in ended.output


def test_a_wrong_password_is_one_sentence_without_it(private_sample: demo.SampleRegistry) -> None:
    environment = environment_with(REGFRAME_USERNAME="someone", REGFRAME_PASSWORD="mistaken-word")
    ended = run_regframe(*words_of(private_sample), environment=environment)
    assert (ended.status, ended.output) == (1, "")
    assert ended.said.count("\n") == 1
    assert "mistaken" not in ended.said


@pytest.mark.parametrize(
    "words",
    [
        ["--username", "someone", "--password", "secret-word"],
        ["--password=secret-word"],
    ],
)
def test_a_password_as_an_argument_is_refused(call: Call, words: list[str]) -> None:
    ended = call("tags", "localhost:5000", *words)
    assert ended.status == 2
    assert "--password-stdin" in ended.said
    assert "REGFRAME_PASSWORD" in ended.said
    assert "secret-word" not in ended.said


@pytest.mark.parametrize(
    "target",
    [
        "someone:secret-word@localhost:5000",
        "someone:secret-word@localhost:5000/httpd",
        "docker://someone:secret-word@localhost:5000/httpd:2",
        "https://someone:secret-word@localhost:5000",
    ],
)
def test_a_password_in_the_target_is_refused(call: Call, target: str) -> None:
    ended = call("images", target)
    assert ended.status == 2
    assert "--password-stdin" in ended.said
    assert "secret" not in ended.said


def test_a_digest_is_no_password(call: Call, sample: demo.SampleRegistry) -> None:
    digest = sample.content.repositories["sample/files"]["1.0"]
    assert call("images", f"{sample.address}/sample/files:1.0@{digest}").status == 0
    ended = call("images", "httpd:2@sha256:abc")
    assert (ended.status, "user" in ended.said) == (1, False)


@pytest.mark.parametrize(
    ("values", "words", "missing"),
    [
        ({}, ["--username", "someone"], "--password-stdin"),
        ({"REGFRAME_USERNAME": "someone"}, [], "REGFRAME_PASSWORD"),
        ({"REGFRAME_PASSWORD": "secret-word"}, [], "--username"),
        ({}, ["--password-stdin"], "--username"),
    ],
)
def test_user_and_password_go_together(
    call: Call, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: list[str], missing: str
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    ended = call("tags", "localhost:1", *words)
    assert (ended.status, ended.output) == (2, "")
    assert missing in ended.said
    assert "secret-word" not in ended.said
