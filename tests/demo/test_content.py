"""What the sample registry holds is consistent, and the same everywhere."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from regframe import demo
from regframe.demo.table import read_releases

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGE_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
CONTENT = demo.sample_content()
DOCUMENTS: dict[str, dict[str, Any]] = {digest: json.loads(data) for digest, (_, data) in CONTENT.manifests.items()}


def document(repository: str, tag: str) -> dict[str, Any]:
    return DOCUMENTS[CONTENT.repositories[repository][tag]]


def config_of(manifest: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(CONTENT.blobs[manifest["config"]["digest"]])
    return config


def images(digest: str) -> Iterator[dict[str, Any]]:
    """Yield the manifests of images behind a digest; attestations, artifacts and signatures are left out."""
    found = DOCUMENTS[digest]
    for entry in found.get("manifests", ()):
        yield from images(entry["digest"])
    if found.get("config", {}).get("mediaType") in IMAGE_CONFIGS and config_of(found)["os"] not in ("", "unknown"):
        yield found


def amd64(repository: str, tag: str) -> dict[str, Any]:
    """Return the manifest of a tag's image for amd64."""
    return next(
        image for image in images(CONTENT.repositories[repository][tag]) if config_of(image)["architecture"] == "amd64"
    )


def first_layer(repository: str, tag: str) -> str:
    digest: str = amd64(repository, tag)["layers"][0]["digest"]
    return digest


def official_images() -> Iterator[dict[str, Any]]:
    for release in read_releases():
        yield from images(CONTENT.repositories[release.repository][release.tags[0]])


def test_there_are_about_a_thousand_tags() -> None:
    assert 900 < sum(map(len, CONTENT.repositories.values())) < 1200
    assert 10 <= len([name for name in CONTENT.repositories if "/" not in name]) <= 12
    assert len(CONTENT.manifests) < 5000
    assert "2-alpine" in CONTENT.repositories["httpd"]


def test_everything_that_is_referred_to_is_there() -> None:
    for tags in CONTENT.repositories.values():
        assert set(tags.values()) <= set(DOCUMENTS)
    for digest, (media_type, data) in CONTENT.manifests.items():
        assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
        found = DOCUMENTS[digest]
        assert found["mediaType"] == media_type
        for entry in [*found.get("manifests", ()), *filter(None, [found.get("subject")])]:
            child_type, child = CONTENT.manifests[entry["digest"]]
            assert (entry["mediaType"], entry["size"]) == (child_type, len(child))
        for blob in [*filter(None, [found.get("config")]), *found.get("layers", ())]:
            if blob["digest"] in CONTENT.made_up:
                assert blob["digest"] not in CONTENT.blobs
            else:
                data = CONTENT.blobs[blob["digest"]]
                assert (blob["digest"], blob["size"]) == (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))


def test_platforms_are_those_of_the_table() -> None:
    release = next(one for one in read_releases() if "2.4.62-alpine" in one.tags)
    index = document("httpd", "2.4.62-alpine")
    assert len(release.architectures) == 8
    assert [tuple(entry["platform"].values()) for entry in index["manifests"]][:4] == [
        ("amd64", "linux"),
        ("arm", "linux", "v6"),
        ("arm", "linux", "v7"),
        ("arm64", "linux", "v8"),
    ]
    for one in read_releases():
        found = list(images(CONTENT.repositories[one.repository][one.tags[0]]))
        assert len(found) == len(one.architectures)


def test_an_image_says_of_itself_what_its_index_says() -> None:
    for digest, found in DOCUMENTS.items():
        if CONTENT.manifests[digest][0] in INDEXES:
            for entry in found["manifests"]:
                if entry.get("platform", {}).get("os", "unknown") != "unknown":
                    config = config_of(DOCUMENTS[entry["digest"]])
                    assert {key: config[key] for key in entry["platform"]} == entry["platform"]


def test_tags_of_one_release_are_names_of_one_image() -> None:
    httpd = CONTENT.repositories["httpd"]
    assert httpd["2-alpine"] == httpd["alpine"] == httpd["2.4.68-alpine3.24"]
    assert httpd["2-alpine"] != httpd["2.4.68-alpine3.23"]
    for release in read_releases():
        assert len({CONTENT.repositories[release.repository][tag] for tag in release.tags}) == 1


def test_history_layers_and_diff_ids_fit_each_other() -> None:
    for manifest in official_images():
        config = config_of(manifest)
        steps = [step for step in config["history"] if not step.get("empty_layer")]
        assert len(steps) == len(manifest["layers"]) == len(config["rootfs"]["diff_ids"])


def test_all_parts_of_a_manifest_are_of_one_family() -> None:
    for manifest in official_images():
        family = "docker" if "docker" in manifest["mediaType"] else "oci"
        parts = [manifest["config"], *manifest["layers"]]
        assert all(part["mediaType"].startswith(f"application/vnd.{family}.") for part in parts)


def test_images_were_built_a_little_before_their_release() -> None:
    for release in read_releases():
        for manifest in images(CONTENT.repositories[release.repository][release.tags[0]]):
            config = config_of(manifest)
            steps = [datetime.fromisoformat(step["created"]) for step in config["history"]]
            created = datetime.fromisoformat(config["created"])
            assert 0 < (release.released - created).total_seconds() < 24 * 3600
            assert steps == sorted(steps)
            assert (created - steps[-1]).total_seconds() < 60


def test_a_layer_has_one_size_and_one_diff_id() -> None:
    facts = defaultdict(set)
    for manifest in official_images():
        for layer, diff_id in zip(manifest["layers"], config_of(manifest)["rootfs"]["diff_ids"], strict=True):
            facts[layer["digest"]].add((layer["size"], diff_id))
    assert {len(known) for known in facts.values()} == {1}
    assert len({diff_id for known in facts.values() for _, diff_id in known}) == len(facts)


def test_bases_are_shared_with_the_images_on_them() -> None:
    trixie = first_layer("debian", "trixie-slim")
    assert first_layer("postgres", "16") == first_layer("python", "3.13-slim") == trixie
    assert first_layer("httpd", "2.4.59") == first_layer("debian", "12.5-slim")
    assert first_layer("httpd", "2-alpine") == first_layer("alpine", "3.24.0")


def test_full_images_of_two_repositories_share_their_tools() -> None:
    python, node = (
        {layer["digest"]: layer["size"] for layer in amd64(repository, tag)["layers"]}
        for repository, tag in (("python", "3.13.1-bookworm"), ("node", "20.18-bookworm"))
    )
    assert sum(python[digest] for digest in python.keys() & node.keys()) > 250_000_000


def test_the_base_is_named_and_its_digest_is_in_the_registry() -> None:
    annotations = amd64("httpd", "2-alpine")["annotations"]
    assert annotations["org.opencontainers.image.base.name"] == "alpine:3.24"
    base = DOCUMENTS[annotations["org.opencontainers.image.base.digest"]]
    assert base["layers"][0]["digest"] == first_layer("httpd", "2-alpine")


def test_alpine_is_smaller_than_slim_and_slim_smaller_than_full() -> None:
    alpine, slim, full = (
        sum(layer["size"] for layer in amd64("python", tag)["layers"])
        for tag in ("3.13-alpine", "3.13-slim", "3.13-trixie")
    )
    assert alpine < slim < full / 3


def test_every_image_says_what_is_made_up() -> None:
    for manifest in official_images():
        assert config_of(manifest)["config"]["Labels"]["io.regframe.sample"] == demo.SAMPLE_NOTE
        if manifest["mediaType"].startswith("application/vnd.oci"):
            assert manifest["annotations"]["io.regframe.sample"] == demo.SAMPLE_NOTE


def test_the_history_is_told_as_the_builders_of_the_time_told_it() -> None:
    old, new = (
        [step["created_by"] for step in config_of(amd64("httpd", tag))["history"]]
        for tag in ("2.4.54-alpine3.17", "2-alpine")
    )
    assert old[0].startswith("/bin/sh -c #(nop) ADD file:")
    assert "/bin/sh -c #(nop)  EXPOSE 80" in old
    assert new[0] == "ADD alpine-minirootfs-3.24.0-x86_64.tar.gz / # buildkit"
    assert "EXPOSE map[80/tcp:{}]" in new


def test_the_config_is_what_the_steps_say() -> None:
    run = config_of(amd64("httpd", "2-alpine"))["config"]
    assert "HTTPD_VERSION=2.4.68" in run["Env"]
    assert (run["Cmd"], run["WorkingDir"], run["StopSignal"]) == (
        ["httpd-foreground"],
        "/usr/local/apache2",
        "SIGWINCH",
    )
    assert run["ExposedPorts"] == {"80/tcp": {}}
    run = config_of(document("team/api", "latest"))["config"]
    assert run["User"] == "10001:10001"
    assert run["Healthcheck"]["Interval"] == 30_000_000_000
    assert (run["Entrypoint"], run["Cmd"]) == (["python", "-m"], ["src.api"])
    assert config_of(amd64("postgres", "16"))["config"]["Volumes"] == {"/var/lib/postgresql/data": {}}


def test_the_shapes_of_real_registries_are_there() -> None:
    assert document("registry", "2.3.0")["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert document("httpd", "2.4.58")["mediaType"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    mixed = document("httpd", "2.4.58-alpine3.19")
    assert mixed["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert {entry["mediaType"] for entry in mixed["manifests"]} == {
        "application/vnd.docker.distribution.manifest.v2+json"
    }

    image, attestation = document("httpd", "2-alpine")["manifests"][:2]
    assert attestation["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert attestation["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    assert DOCUMENTS[attestation["digest"]]["layers"][0]["mediaType"] == "application/vnd.in-toto+json"

    windows = document("hello-world", "nanoserver-1809")
    foreign = document("hello-world", "nanoserver-1709")["layers"][0]
    assert foreign["mediaType"] == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    assert foreign["urls"]
    assert windows["manifests"][0]["platform"]["os.version"] == "10.0.17763.6775"

    sbom = document("sample/signed", "1.0-sbom")
    assert sbom["subject"]["digest"] == CONTENT.repositories["sample/signed"]["1.0"]
    assert sbom["artifactType"] == "application/spdx+json"
    assert CONTENT.blobs[sbom["config"]["digest"]] == b"{}"
    signed = CONTENT.repositories["sample/signed"]
    assert signed["1.0"].replace(":", "-") + ".sig" in signed

    inner = document("sample/nested", "1.0")["manifests"][0]
    assert inner["mediaType"] == "application/vnd.oci.image.index.v1+json"
    reproducible = config_of(document("sample/reproducible", "1.0"))
    assert {reproducible["created"], *(step["created"] for step in reproducible["history"])} == {"1970-01-01T00:00:00Z"}
    assert CONTENT.repositories["sample/empty"] == {}
    zstd = document("sample/files", "1.0-zstd")["layers"][0]
    assert zstd["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"


def test_real_layers_hold_files() -> None:
    manifest = document("sample/files", "1.0")
    archives = [gzip.decompress(CONTENT.blobs[layer["digest"]]) for layer in manifest["layers"]]
    diff_ids = [f"sha256:{hashlib.sha256(archive).hexdigest()}" for archive in archives]
    assert diff_ids == config_of(manifest)["rootfs"]["diff_ids"]
    names = []
    for archive in archives:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            names.append(files.getnames())
    assert "bin/hello" in names[0]
    assert "app/.wh.draft.txt" in names[2]


@pytest.mark.parametrize("settings", [{"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}])
def test_it_is_the_same_on_every_run(settings: dict[str, str]) -> None:
    program = (
        "import hashlib, json; from regframe import demo; content = demo.sample_content();"
        "print(hashlib.sha256(json.dumps(content.repositories, sort_keys=True).encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    here = hashlib.sha256(json.dumps(CONTENT.repositories, sort_keys=True).encode()).hexdigest()
    assert other.stdout.strip() == here
