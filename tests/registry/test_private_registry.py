"""The private registry of a developer's machine: htpasswd, and a self-signed certificate with a CN and no SAN."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import regframe as rf
from tests.parts import PASSWORD, USERNAME, Certificate, RegistryServer, needs, run

LOGIN = {"username": USERNAME, "password": PASSWORD}


def connect(server: RegistryServer, **options: Any) -> rf.Registry:
    return rf.Registry(server.address, **{"progress": False, "ca": server.ca, **LOGIN, **options})


def test_the_right_user_reads_it(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    answer = registry.ping()
    assert answer["auth"] == "basic"
    assert answer["api_version"] == "registry/2.0"
    assert answer["url"].startswith("https://localhost:")
    inventory = registry.inventory()
    assert inventory.errors.empty
    assert "app" in set(inventory.repositories["repository"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"password": "wrong-secret"}, rf.CredentialsRefused, "does not accept this user name and password"),
        (
            {"username": None, "password": None},
            rf.CredentialsRefused,
            "asks for a user name and password.*docker login",
        ),
        ({"ca": None}, rf.CertificateRefused, "self-signed.*ca="),
        ({"ca": "other"}, rf.CertificateRefused, "self-signed.*ca="),
        ({"ca": None, "insecure": True}, rf.NoConnection, "speaks TLS, not plain HTTP"),
    ],
)
def test_what_is_wrong_is_one_clear_sentence_at_once(
    private_registry: RegistryServer,
    other_certificate: Certificate,
    options: dict[str, Any],
    error: type[rf.RegframeError],
    words: str,
) -> None:
    if options.get("ca") == "other":
        options = {"ca": other_certificate.certificate}
    began = time.monotonic()
    with pytest.raises(error, match=words) as info:
        connect(private_registry, **options).inventory()
    said = str(info.value)
    assert "\n" not in said
    assert "wrong-secret" not in said + repr(vars(info.value))
    assert time.monotonic() - began < 10


def test_a_plain_http_port_is_no_tls(plain_registry: RegistryServer, certificate: Certificate) -> None:
    with pytest.raises(rf.NoConnection, match=r"does not speak TLS.*insecure=True"):
        rf.Registry(plain_registry.address, ca=certificate.certificate, progress=False).repositories()


def test_localhost_falls_back_to_plain_http_as_docker_does(plain_registry: RegistryServer) -> None:
    answer = rf.Registry(plain_registry.address, progress=False).ping()
    assert answer["url"].startswith("http://")


def test_a_closed_port_and_an_unknown_host() -> None:
    with pytest.raises(rf.NoConnection, match="Nothing listens at localhost:"):
        rf.Registry(f"localhost:{free_port()}", progress=False).ping()
    with pytest.raises(rf.NoConnection, match=r"There is no host called no-such-host\.invalid"):
        rf.Registry("no-such-host.invalid", progress=False).ping()


def test_the_certificate_is_for_another_name(private_registry: RegistryServer) -> None:
    port = private_registry.address.rpartition(":")[2]
    with pytest.raises(rf.CertificateRefused, match=r"127\.0\.0\.1"):
        rf.Registry(f"127.0.0.1:{port}", ca=private_registry.ca, progress=False, **LOGIN).ping()


def test_verify_false_reads_without_the_check(private_registry: RegistryServer) -> None:
    assert connect(private_registry, ca=None, verify=False).ping()["auth"] == "basic"


def test_a_call_leaves_no_connection_behind(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        # Whether TLS's farewell would come in time is a matter of luck.
        for _ in range(12):
            registry.ping()
        gc.collect()
    assert [str(warning.message) for warning in said] == []


def test_a_cert_dir_by_dockers_convention(private_registry: RegistryServer, tmp_path: Path) -> None:
    assert private_registry.ca is not None
    (tmp_path / "ca.crt").write_bytes(private_registry.ca.read_bytes())
    assert connect(private_registry, ca=None, cert_dir=tmp_path).ping()["auth"] == "basic"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca": "nowhere.crt"}, "cannot be read"),
        ({"cert_dir": "nowhere"}, "no folder"),
        ({"username": "me", "password": None}, "go together"),
        ({"concurrency": 0}, "at least 1"),
        ({"platform": "linux"}, "os/architecture"),
    ],
)
def test_options_that_cannot_be_used_are_said_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(rf.RegframeError, match=words):
        rf.Registry("localhost:5000", **options)


def test_a_ca_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "domain.crt").write_text("not a certificate")
    with pytest.raises(rf.ConfigurationError, match="not a certificate in PEM form"):
        rf.Registry("localhost:5000", ca=tmp_path / "domain.crt")


def test_what_skopeo_login_stored_is_used(
    private_registry: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth_file = tmp_path / "auth.json"
    login = ["login", "--tls-verify=false", "--authfile", str(auth_file), "-u", USERNAME, "-p", PASSWORD]
    run(needs("skopeo"), *login, private_registry.address)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(auth_file))
    assert connect(private_registry, username=None, password=None).ping()["auth"] == "basic"


def test_no_secret_is_shown(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    inventory = registry.inventory("app")
    shown = repr(registry) + repr(registry.aio) + repr(inventory) + repr(registry.__dict__)
    assert PASSWORD not in shown
    for _, frame in inventory.frames():
        assert PASSWORD not in frame.to_csv()


def test_it_works_where_an_event_loop_already_runs(private_registry: RegistryServer) -> None:
    async def cell() -> int:
        return len(connect(private_registry).tags("app"))

    assert asyncio.run(cell()) == 4


def test_the_async_form_reads_the_same(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    assert asyncio.run(registry.aio.images("app")).equals(registry.images("app"))


def test_several_threads_at_once(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(registry.layers("app")))) for _ in range(4)]
    before = threading.active_count()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 4
    assert len(set(counts)) == 1
    assert threading.active_count() == before


Choose = Callable[[rf.Registry], Any]


@pytest.mark.parametrize(
    ("choose", "tags"),
    [
        (lambda registry: "app", ["1.0-oci", "1.0-v2s2", "1.0-zstd", "latest"]),
        (lambda registry: "app:1.0-*", ["1.0-oci", "1.0-v2s2", "1.0-zstd"]),
        (lambda registry: ["app:latest", "app:1.0-oci"], ["1.0-oci", "latest"]),
        (lambda registry: f"{registry.name}/app:latest", ["latest"]),
        (lambda registry: "ap*:latest", ["latest"]),
        (lambda registry: registry.tags("app").query("tag == 'latest'"), ["latest"]),
        (lambda registry: [], []),
        (lambda registry: registry.tags("app").iloc[:0], []),
    ],
)
def test_a_selection_says_which_images(private_registry: RegistryServer, choose: Choose, tags: list[str]) -> None:
    registry = connect(private_registry)
    assert registry.images(choose(registry))["tag"].tolist() == tags


def test_a_filtered_frame_goes_straight_back_in(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    images = registry.images("team/multi")
    arm = images[images["architecture"] == "arm"]
    layers = registry.layers(arm)
    assert set(layers["platform"]) == {"linux/arm/v7"}
    assert set(layers["digest"]) == set(arm["digest"])
    assert registry.images(arm)["index_digest"].tolist() == arm["index_digest"].tolist()


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux/arm64", {"linux/arm64/v8"}),
        ("linux/arm/v7", {"linux/arm/v7"}),
        (["linux/amd64", "linux/arm64"], {"linux/amd64", "linux/arm64/v8"}),
        ("linux/s390x", set()),
    ],
)
def test_platforms_narrow_an_index_down(private_registry: RegistryServer, platform: Any, expected: set[str]) -> None:
    images = connect(private_registry, platform=platform).images("team/multi:1.0")
    assert set(images["platform"]) == expected


def test_errors_are_rows_and_a_warning_or_raised_if_strict(private_registry: RegistryServer) -> None:
    registry = connect(private_registry)
    with pytest.warns(rf.RegframeWarning, match="1 thing could not be read"):
        images = registry.images(["app:latest", "app:gone"])
    assert images["tag"].tolist() == ["latest"]
    assert registry.errors["code"].tolist() == ["MANIFEST_UNKNOWN"]
    with pytest.raises(rf.NotFound, match="has no app:gone"):
        connect(private_registry, strict=True).images(["app:latest", "app:gone"])
