"""Engines: Podman's own, and what Docker answers otherwise."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import tempfile
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import regframe as rf
from tests.local.places import NAME, TAG, Places
from tests.parts import Certificate, copy_to_registry, needs, run, start_podman, start_registry
from tests.parts.docker_engine import CLASSIC, CLASSIC_INSPECT, CONTAINERD, DockerEngine, digest, serving_docker

if TYPE_CHECKING:
    from collections.abc import Iterator


def engine(target: str = "docker-daemon:", **options: Any) -> rf.Registry:
    return rf.Registry(target, progress=False, **options)


@pytest.fixture
def classic(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    """Give a Docker engine with its classic store, which DOCKER_HOST names."""
    with serving_docker(DockerEngine("1.41", dict(CLASSIC))) as server:
        monkeypatch.setenv("DOCKER_HOST", server.address)
        yield server


@pytest.fixture
def containerd(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    """Give a Docker engine with containerd's store, which DOCKER_HOST names."""
    with serving_docker(DockerEngine("1.99", dict(CONTAINERD))) as server:
        monkeypatch.setenv("DOCKER_HOST", server.address)
        yield server


# Podman, itself.


def test_podman_is_found_by_itself_and_lists_its_images(podman: Path) -> None:
    registry = engine("podman:")
    assert NAME in set(registry.repositories()["repository"])
    assert list(registry.tags(NAME)["tag"]) == [TAG]
    assert registry.images(NAME)["tag"].item() == TAG
    with pytest.raises(rf.NotFound, match=rf"podman: has no image {NAME}:none"):
        registry.images(f"{NAME}:none")
    with pytest.raises(rf.NotFound, match=r"no image docker\.io/library/app:1; .* named localhost/app:1"):
        registry.images("app:1")
    version = run(needs("podman"), "version", "--format={{.Version}}").strip()
    assert registry.ping()["server"] == f"Podman {version}"
    assert registry.ping()["url"].startswith("unix://")


def test_podman_gives_what_its_own_commands_show(podman: Path, places: Places) -> None:
    built = json.loads(run(needs("podman"), *places.store, "image", "inspect", f"{NAME}:{TAG}"))[0]
    inventory = engine(f"podman:{NAME}:{TAG}").inventory()
    image = inventory.images.iloc[0]
    assert (image["digest"], image["config_digest"]) == (built["Digest"], f"sha256:{built['Id']}")
    assert image["media_type"] == built["ManifestType"]
    shown = json.loads(run(needs("podman"), *places.store, "history", "--format=json", f"{NAME}:{TAG}"))
    assert list(inventory.history["uncompressed_size"].fillna(0)) == [step["size"] for step in reversed(shown)]
    assert list(inventory.history["created_by"]) == [step["CreatedBy"] for step in reversed(shown)]
    assert inventory.layers["uncompressed_size"].sum() == image["uncompressed_size"] > 1_000_000
    assert not inventory.layers["uncompressed_estimated"].any()
    assert inventory.layers["size"].isna().all()
    assert pd.isna(image["size"])


@pytest.mark.parametrize("name", ["digest", "config_digest"])
def test_an_image_is_found_by_its_manifest_and_by_its_id(podman: Path, name: str) -> None:
    named = engine(f"podman:{NAME}:{TAG}").images()
    found = engine(f"podman:{NAME}@{named[name].item()}").images()
    assert found["digest"].item() == named["digest"].item()
    bare = engine(f"podman:{named['config_digest'].item()}").images()
    assert bare["config_digest"].item() == named["config_digest"].item()
    assert len(engine("podman:").layers(named)) == 3


def test_docker_daemon_reads_an_engine_of_podman(podman: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{podman}")
    for frame in ("images", "layers", "history", "config"):
        expected, found = (getattr(engine(f"{place}:{NAME}:{TAG}"), frame)() for place in ("podman", "docker-daemon"))
        pd.testing.assert_frame_equal(found, expected)


def test_an_engine_keeps_no_manifests(podman: Path) -> None:
    with pytest.raises(rf.Unsupported, match="podman: keeps no manifests"):
        engine(f"podman:{NAME}:{TAG}").manifest()


@pytest.fixture
def own_store() -> Iterator[list[str]]:
    """Give the options that name an empty store; podman wants its run root's path to be short."""
    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        yield [f"--root={folder}/root", f"--runroot={folder}/run", "--storage-driver=vfs"]


def test_a_pulled_image_keeps_its_digest(
    places: Places, own_store: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so do images without a name, and manifest lists, which Podman 4.3 cannot list."""
    podman = [needs("podman"), *own_store]
    with start_registry(tmp_path / "registry") as server:
        copy_to_registry(server, places.stored, "team/app:oci", "--format=oci")
        there = engine(f"{server.address}/team/app:oci").images()
        run(*podman, "pull", "--quiet", "--tls-verify=false", f"{server.address}/team/app:oci")
        name = f"{server.address}/team/app:oci"
        with start_podman(own_store) as path:
            monkeypatch.setenv("CONTAINER_HOST", f"unix://{path}")
            here = engine("podman:").images()
            assert here["repository"].item() == f"{server.address}/team/app"
            columns = ["digest", "config_digest", "media_type", "platform", "created", "layers"]
            pd.testing.assert_frame_equal(here[columns], there[columns])
            assert rf.compare(here, there.assign(repository=here["repository"]))["state"].item() == "same"
            assert engine(server.address).pulled("podman:")["state"].item() == "current"

            monkeypatch.delenv("CONTAINER_HOST")
            # What Podman 4.3 stumbles over: a manifest list beside a step of a build that has no layers.
            (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL a=b\nCOPY Dockerfile /\n")
            bud = ("bud", "--layers", "--format=docker", "--tag=localhost/built:1")
            run(needs("buildah"), *own_store, *bud, tmp_path)
            run(*podman, "manifest", "create", "localhost/several:1")
            run(*podman, "manifest", "add", "localhost/several:1", f"containers-storage:{name}")
            monkeypatch.setenv("CONTAINER_HOST", f"unix://{path}")
            registry = engine("podman:")
            images = registry.images().set_index("repository")
            assert set(images.index) == {f"{server.address}/team/app", "localhost/built", "localhost/several"}
            assert images.loc["localhost/several", "digest"] == there["digest"].item()
            assert pd.notna(images.loc["localhost/several", "index_digest"])
            assert len(registry.layers(images.reset_index())) == 7
            assert registry.errors.empty

            monkeypatch.delenv("CONTAINER_HOST")
            run(*podman, "manifest", "rm", "localhost/several:1")
            run(*podman, "untag", name)
            monkeypatch.setenv("CONTAINER_HOST", f"unix://{path}")
            unnamed = engine("podman:").images("<none>")
            assert unnamed["tag"].isna().all()
            assert there["config_digest"].item() in set(unnamed["config_digest"])


# Docker, by the shapes of its answers.


def test_docker_lists_whole_names_and_what_has_none(classic: DockerEngine) -> None:
    images = engine().images()
    assert images[["repository", "tag"]].fillna("").values.tolist() == [
        ["docker.io/team/app", "1.0"],
        ["quay.io/team/app", "stable"],
        ["<none>", ""],
        ["docker.io/library/busybox", ""],
    ]
    assert list(images["config_digest"]) == [digest("c"), digest("c"), digest("d"), digest("e")]
    # The digest of the repository's own manifest, and the ID where none is known.
    assert list(images["digest"]) == [digest("a"), digest("b"), digest("d"), digest("f")]
    assert list(images["platform"]) == ["linux/arm64/v8", "linux/arm64/v8", "linux/amd64", "linux/amd64"]
    assert images.loc[images["layers"] > 0, "size"].isna().all()
    assert list(images["uncompressed_size"]) == [2_003_000, 2_003_000, 0, 4_000_000]
    assert images["media_type"].isna().all()
    assert all(path.startswith(("/_ping", "/v1.41/")) for path in classic.seen)


def test_docker_does_not_say_which_steps_made_layers(classic: DockerEngine) -> None:
    inventory = engine("docker-daemon:team/app:1.0").inventory()
    history = inventory.history
    assert list(history["empty_layer"]) == [False, True, False, False, True, True]
    assert list(history["uncompressed_size"].dropna()) == [2_000_000, 0, 3000]
    assert list(history["layer_digest"].dropna()) == [digest("1"), digest("2"), digest("3")]
    assert history["created"][0] == pd.Timestamp("2024-01-31T10:00:00Z")
    layers = inventory.layers
    assert list(layers["uncompressed_size"]) == [2_000_000, 0, 3000]
    assert list(layers["diff_id"]) == list(layers["layer_digest"]) == CLASSIC_INSPECT["RootFS"]["Layers"]  # type: ignore[index]
    assert layers["created_by"][1] == "WORKDIR /app"
    config = inventory.config.set_index("section")["value"]
    assert config["user"] == "1000:1000"
    assert set(inventory.config.loc[inventory.config["section"] == "healthcheck", "name"]) == {
        "test",
        "interval",
        "retries",
    }


def test_sizes_are_missing_where_steps_and_layers_cannot_be_joined(classic: DockerEngine) -> None:
    path = "/images/docker.io/team/app:1.0/history"
    classic.answers[path] = [{"Created": 1706781600, "CreatedBy": "imported", "Size": 2_003_000}]
    layers = engine("docker-daemon:team/app:1.0").layers()
    assert len(layers) == 3
    assert layers["uncompressed_size"].isna().all()


def test_docker_with_containerds_store_knows_platforms_and_manifests(containerd: DockerEngine) -> None:
    inventory = engine().inventory()
    images = inventory.images
    assert list(images["digest"]) == [digest("b"), digest("c")]
    assert list(images["index_digest"]) == [digest("a"), digest("a")]
    assert list(images["platform"]) == ["linux/amd64", "linux/arm/v7"]
    assert images["config_digest"].isna().all()
    assert set(images["media_type"]) == {"application/vnd.oci.image.manifest.v1+json"}
    assert list(inventory.layers["diff_id"]) == [digest("1"), digest("2")]
    assert list(inventory.layers["uncompressed_size"]) == [3000, 2500]
    assert inventory.errors.empty
    # The newest version that regframe knows, of an engine that speaks a newer one.
    assert all(path.startswith(("/_ping", "/v1.51/")) for path in containerd.seen)
    assert not any("manifests" in path and "platform" in path for path in containerd.seen)
    assert list(engine(platform="linux/arm/v7").images()["digest"]) == [digest("c")]


def test_an_older_engine_with_containerds_store_tells_of_its_own_platform(containerd: DockerEngine) -> None:
    """API 1.48 shows the manifests of an index, and does not yet inspect one of them."""
    containerd.version = "1.48"
    containerd.answers = {path: said for path, said in containerd.answers.items() if "json?platform" not in path}
    registry = engine()
    with pytest.warns(rf.RegframeWarning, match="1 thing"):
        assert list(registry.images()["platform"]) == ["linux/amd64"]
    assert "says nothing of docker.io/team/multi:1.0 for linux/arm/v7" in registry.errors["message"].item()


@pytest.mark.parametrize("is_named", [True, False])
def test_before_descriptors_an_id_may_be_that_of_a_manifest(containerd: DockerEngine, is_named: bool) -> None:
    containerd.version = "1.44"
    path = "/images/docker.io/team/multi:1.0/json"
    said = {name: value for name, value in containerd.answers[path].items() if name not in {"Descriptor", "Manifests"}}
    containerd.answers[path] = {**said, "RepoDigests": said["RepoDigests"] if is_named else []}
    image = engine("docker-daemon:team/multi:1.0").images()
    assert image["digest"].item() == digest("a")
    assert image["config_digest"].isna().all()


def test_one_broken_image_is_one_row(classic: DockerEngine) -> None:
    classic.answers["/images/quay.io/team/app:stable/json"] = (500, {"message": "layer does not exist"})
    classic.answers[f"/images/{digest('d')}/json"] = {"Id": "../../etc", "RootFS": {}}
    registry = engine()
    with pytest.warns(rf.RegframeWarning, match="2 things"):
        assert list(registry.images()["repository"]) == ["docker.io/team/app", "docker.io/library/busybox"]
    errors = registry.errors
    assert list(errors["repository"]) == ["quay.io/team/app", "<none>"]
    assert "answered 500" in errors["message"][0]
    assert "layer does not exist" in errors["message"][0]
    assert errors["status"][0] == 500
    assert "an ID that is no digest" in errors["message"][1]


@pytest.mark.parametrize("step", [{"Size": 2**70}, {"Created": 10**30}, {"Created": "now"}, {"CreatedBy": 7}])
def test_a_hostile_history_is_one_row(classic: DockerEngine, step: dict[str, Any]) -> None:
    classic.answers["/images/quay.io/team/app:stable/history"] = [{"Size": 1, **step}]
    registry = engine()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.RegframeWarning)
        history = registry.history()
    assert history["created"].notna().any()
    assert set(registry.errors["repository"]) <= {"quay.io/team/app"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"no JSON", "is not JSON"),
        ([{"Id": 7}], "is not as the specification has it"),
        ({"Id": "x"}, "is not as the specification has it"),
        (b'[{"Labels":' + b"[" * 100_000, "JSON|nested"),
        (b" " * (65 * 1024 * 1024), "regframe reads at most"),
        ((403, {"message": "authorization denied by plugin\x1b[31m"}), r"answered 403 .* denied by plugin \[31m"),
    ],
)
def test_a_hostile_engine_is_an_error(classic: DockerEngine, answer: Any, said: str) -> None:
    classic.answers["/images/json"] = answer
    with pytest.raises(rf.RegframeError, match=said):
        engine().images()


def test_a_server_that_is_no_engine(classic: DockerEngine) -> None:
    classic.version = "no version"
    with pytest.raises(rf.RegistryError, match=r"What answers at unix://.* is not a container engine"):
        engine().images()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", r"podman did not answer within 0\.2 seconds; timeout= allows more"),
        (b"220 mail ready\r\n", r"podman does not answer in HTTP: start it"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nO", "did not answer within|broke"),
    ],
)
def test_a_socket_of_something_else(answer: bytes, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()
        monkeypatch.setenv("CONTAINER_HOST", f"unix://{folder}/s")
        answering = threading.Thread(target=answer_all, args=(listener, answer), daemon=True)
        answering.start()
        with pytest.raises(rf.NoConnection, match=said):
            engine("podman:", timeout=0.2).images()
        listener.shutdown(socket.SHUT_RDWR)
        answering.join()


def answer_all(listener: socket.socket, answer: bytes) -> None:
    held: list[socket.socket] = []
    with suppress(OSError):
        while True:
            held.append(listener.accept()[0])
            with suppress(OSError):
                held[-1].sendall(answer)
    for one in held:
        one.close()


def test_ping_says_what_answers(classic: DockerEngine) -> None:
    found = engine().ping()
    assert (found["server"], found["api_version"]) == ("Docker 20.10.24", "1.41")
    assert found["url"] == classic.address


# Where an engine is.


@pytest.fixture(scope="session")
def pems(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder as DOCKER_CERT_PATH names it: the certificate is its own authority."""
    folder = tmp_path_factory.mktemp("pems")
    for name in ("ca.pem", "cert.pem"):
        (folder / name).write_bytes(certificate.certificate.read_bytes())
    (folder / "key.pem").write_bytes(certificate.key.read_bytes())
    return folder


@pytest.fixture
def with_tls(certificate: Certificate) -> Iterator[DockerEngine]:
    """Give an engine that speaks TLS only to clients with a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate.certificate)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate.certificate, certificate.key)
    with serving_docker(DockerEngine("1.41", dict(CLASSIC)), context) as server:
        yield server


def test_tcp_with_client_certificates(with_tls: DockerEngine, pems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", with_tls.address)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(pems))
    assert len(engine().images()) == 4
    monkeypatch.delenv("DOCKER_CERT_PATH")
    monkeypatch.setenv("DOCKER_CONFIG", str(pems / "missing"))
    with pytest.raises(rf.ConfigurationError, match="There is no folder"):
        engine().images()


def test_an_engines_certificate_is_checked(
    with_tls: DockerEngine, pems: Path, other_certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", with_tls.address)
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_bytes((pems / name).read_bytes())
    (tmp_path / "ca.pem").write_bytes(other_certificate.certificate.read_bytes())
    assert len(engine().images()) == 4, "as Docker's SDKs do without DOCKER_TLS_VERIFY"
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(rf.CertificateRefused, match=r"is not accepted: .*; the ca\.pem"):
        engine().images()
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(rf.ConfigurationError, match="does not hold"):
        engine().images()


@pytest.mark.parametrize("way", ["DOCKER_CONTEXT", "currentContext"])
def test_a_docker_context(
    way: str, with_tls: DockerEngine, pems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docker-config"
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    identifier = hashlib.sha256(b"far").hexdigest()
    meta, tls = folder / "contexts/meta" / identifier, folder / "contexts/tls" / identifier / "docker"
    meta.mkdir(parents=True)
    tls.mkdir(parents=True)
    for file in pems.iterdir():
        (tls / file.name).write_bytes(file.read_bytes())
    endpoint = {"docker": {"Host": with_tls.address, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": "far", "Metadata": {}, "Endpoints": endpoint}))
    if way == "DOCKER_CONTEXT":
        monkeypatch.setenv(way, "far")
    else:
        (folder / "config.json").write_text(json.dumps({"currentContext": "far", "auths": {}}))
    assert len(engine().images()) == 4
    (meta / "meta.json").unlink()
    with pytest.raises(rf.ConfigurationError, match="There is no docker context “far”"):
        engine().images()


@pytest.mark.parametrize("place", ["containers.conf", "podman-connections.json"])
def test_a_connection_of_podman(place: str, podman: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nothing"))
    (tmp_path / "containers").mkdir()
    uri = f"unix://{podman}"
    said = {
        "containers.conf": f'[engine]\nactive_service = "own"\n[engine.service_destinations.own]\nuri = "{uri}"\n',
        "podman-connections.json": json.dumps(
            {"Connection": {"Default": "own", "Connections": {"own": {"URI": uri}, "far": {"URI": "ssh://h/x"}}}}
        ),
    }[place]
    (tmp_path / "containers" / place).write_text(said)
    assert NAME in set(engine("podman:").repositories()["repository"])
    monkeypatch.setenv("CONTAINER_CONNECTION", "none")
    with pytest.raises(rf.ConfigurationError, match="Podman has no connection “none”"):
        engine("podman:").images()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("docker/config.json", '{"currentContext": 7}'),
        ("containers/containers.conf", "[engine]\nservice_destinations = 3"),
        ("containers/containers.conf", "[engine"),
        ("containers/podman-connections.json", "{"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    file: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(text)
    with pytest.raises(rf.ConfigurationError, match=f"{file} cannot be read"):
        engine("docker-daemon:" if file.startswith("docker") else "podman:").images()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("DOCKER_HOST", "ssh://me:secret@host", r"“ssh://host”, and regframe reaches .*ssh -nNT"),
        ("DOCKER_HOST", "npipe:////./pipe/docker_engine", "reaches engines by unix://, tcp:// and https:// only"),
        ("DOCKER_HOST", "nonsense", "“nonsense”, which is no address"),
        ("DOCKER_HOST", "tcp://:", "names no host"),
        ("DOCKER_HOST", "tcp://host:port", "names no host"),
        ("DOCKER_HOST", "tcp://127.0.0.1:1", r"Nothing listens at 127\.0\.0\.1:1: start it .*DOCKER_HOST"),
        ("DOCKER_HOST", "unix:///nowhere.sock", r"socket /nowhere\.sock, which DOCKER_HOST names: start it"),
        ("DOCKER_CONTEXT", "none", "There is no docker context “none”"),
        ("CONTAINER_HOST", "unix:///nowhere.sock", "podman system service --time=0"),
        ("CONTAINER_HOST", "ssh://root@host/run/podman.sock", "“ssh://host/run/podman.sock”"),
    ],
)
def test_a_setting_that_leads_nowhere_is_one_sentence(
    setting: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(rf.RegframeError, match=said) as caught:
        engine("podman:" if setting.startswith("CONTAINER") else "docker-daemon:").images()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "system", "said"),
    [
        ("podman:", "/run/podman/podman.sock", r"no socket of Podman here .*systemctl --user start podman\.socket"),
        ("docker-daemon:", "/var/run/docker.sock", r"no socket of Docker here .*systemctl start docker"),
    ],
)
def test_without_an_engine_a_sentence_says_how_to_start_it(
    target: str, system: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if Path(system).exists():
        pytest.skip(f"an engine of this machine has {system}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(rf.NoConnection, match=said):
        engine(target).images()


def test_pulled_says_why_an_engine_that_is_named_does_not_answer(
    podman: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = engine("localhost:1")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert there.pulled().empty, "Podman answers"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if Path("/run/podman/podman.sock").exists():
        pytest.skip("an engine of this machine has /run/podman/podman.sock")
    with pytest.raises(rf.NoConnection, match=r"at the socket /nowhere\.sock, which DOCKER_HOST names"):
        there.pulled()
    monkeypatch.delenv("DOCKER_HOST")
    if Path("/var/run/docker.sock").exists():
        pytest.skip("an engine of this machine has /var/run/docker.sock")
    with pytest.raises(rf.ConfigurationError, match="No container engine answers on this machine"):
        there.pulled()
