"""Logins that docker, podman and skopeo stored, and credential helpers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import regframe as rf
from regframe.sources.credentials import Credentials, StoredLogins


def entry(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Give the places where logins are looked for, all of them empty."""
    paths = {
        "XDG_RUNTIME_DIR": tmp_path / "run",
        "XDG_CONFIG_HOME": tmp_path / "config",
        "DOCKER_CONFIG": tmp_path / "docker",
    }
    for name, path in paths.items():
        path.mkdir()
        monkeypatch.setenv(name, str(path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    return {
        "runtime": paths["XDG_RUNTIME_DIR"] / "containers/auth.json",
        "containers": paths["XDG_CONFIG_HOME"] / "containers/auth.json",
        "docker": paths["DOCKER_CONFIG"] / "config.json",
    }


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("place", ["runtime", "containers", "docker"])
@pytest.mark.parametrize(
    "key", ["localhost:5000", "https://localhost:5000", "https://localhost:5000/v2/", "http://localhost:5000"]
)
def test_every_place_and_every_way_of_writing_a_registry(places: dict[str, Path], place: str, key: str) -> None:
    write(places[place], {"auths": {key: entry("me", "hunter2:with:colons")}})
    assert StoredLogins("localhost:5000").find("team/app") == Credentials("me", "hunter2:with:colons")
    assert StoredLogins("localhost:5001").find() is None


def test_the_first_place_wins(places: dict[str, Path]) -> None:
    for place in ("docker", "containers", "runtime"):
        write(places[place], {"auths": {"quay.io": entry(place, "x")}})
        found = StoredLogins("quay.io").find()
        assert found is not None
        assert found.username == place


def test_registry_auth_file_stands_for_podmans_and_skopeos(
    places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(places["runtime"], {"auths": {"quay.io": entry("runtime", "x")}})
    write(tmp_path / "mine.json", {"auths": {"quay.io": entry("mine", "x")}})
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "mine.json"))
    found = StoredLogins("quay.io").find()
    assert found is not None
    assert found.username == "mine"


def test_docker_hub_has_a_key_of_its_own(places: dict[str, Path]) -> None:
    write(places["docker"], {"auths": {"https://index.docker.io/v1/": entry("me", "x")}})
    assert StoredLogins("docker.io").find("library/httpd") == Credentials("me", "x")


def test_the_longest_path_wins(places: dict[str, Path]) -> None:
    keys = ("quay.io", "quay.io/team", "quay.io/team/app")
    write(places["containers"], {"auths": {key: entry(key, "x") for key in keys}})
    logins = StoredLogins("quay.io")
    expected = {
        "other": "quay.io",
        "team": "quay.io/team",
        "team/apple": "quay.io/team",
        "team/app": "quay.io/team/app",
    }
    for repository, key in expected.items():
        found = logins.find(repository)
        assert found is not None
        assert found.username == key


def helper(folder: Path, name: str, answers: dict[str, str], status: int = 0) -> None:
    """Put a real credential helper on the way: it looks the server up that it reads from standard input."""
    cases = "\n".join(f"{server}) printf '%s' '{answer}';;" for server, answer in answers.items())
    program = folder / f"docker-credential-{name}"
    missing = "credentials not found in native keychain"
    lines = ["#!/bin/sh", '[ "$1" = get ] || exit 3', "read -r server", "case $server in", cases]
    lines += [f"*) echo {missing}; exit 1;;", "esac", f"exit {status}"]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder whose programs are found before others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.mark.parametrize("config", [{"credsStore": "mine"}, {"credHelpers": {"quay.io": "mine"}}])
def test_a_credential_helper_is_asked(places: dict[str, Path], programs: Path, config: dict[str, Any]) -> None:
    helper(programs, "mine", {"quay.io": '{"ServerURL": "quay.io", "Username": "me", "Secret": "hunter2"}'})
    write(places["docker"], config)
    assert StoredLogins("quay.io").find("team/app") == Credentials("me", "hunter2")
    assert StoredLogins("localhost:5000").find() is None


def test_docker_asks_for_docker_hub_by_its_old_address(places: dict[str, Path], programs: Path) -> None:
    helper(programs, "mine", {"https://index.docker.io/v1/": '{"Username": "me", "Secret": "x"}'})
    write(places["docker"], {"credsStore": "mine"})
    assert StoredLogins("docker.io").find() == Credentials("me", "x")


def test_identity_tokens(places: dict[str, Path], programs: Path) -> None:
    helper(programs, "mine", {"quay.io": '{"Username": "<token>", "Secret": "refresh"}'})
    write(places["docker"], {"credsStore": "mine", "auths": {"azure.example": {"identitytoken": "other"}}})
    assert StoredLogins("quay.io").find() == Credentials(identity_token="refresh")
    assert StoredLogins("azure.example").find() == Credentials(identity_token="other")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ('{"auths": "hunter2"', "not a file of stored logins"),
        ('{"auths": {"quay.io": {"auth": "hunter2!!"}}}', "damaged"),
        ('{"credsStore": "nowhere"}', "docker-credential-nowhere, which is not here"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_without_the_secret(
    places: dict[str, Path], document: str, words: str
) -> None:
    places["docker"].write_text(document)
    with pytest.raises(rf.ConfigurationError, match=words) as info:
        StoredLogins("quay.io").find()
    assert "hunter2" not in str(info.value)


def test_a_helper_that_fails_is_one_sentence(places: dict[str, Path], programs: Path) -> None:
    helper(programs, "mine", {"quay.io": "hunter2"})
    write(places["docker"], {"credsStore": "mine"})
    with pytest.raises(rf.ConfigurationError, match="answered something other than a login") as info:
        StoredLogins("quay.io").find()
    assert "hunter2" not in str(info.value)


def test_no_secret_in_a_repr() -> None:
    credentials = Credentials("me", "hunter2", "hunter3", "hunter4")
    assert "hunter" not in repr(credentials)
