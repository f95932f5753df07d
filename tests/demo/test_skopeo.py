"""skopeo reads the sample registry as it reads any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regframe import demo
from tests.parts import needs, run

IMAGES = [
    "httpd:2-alpine",
    "httpd:2.4.54",
    "debian:12.5",
    "registry:0.6.1",
    "team/api:latest",
    "sample/files:1.0",
    "sample/files:1.0-docker",
    "sample/files:1.0-zstd",
    "sample/files:multi",
    "sample/reproducible:1.0",
]


def skopeo(registry: demo.SampleRegistry, command: str, name: str, *options: str) -> Any:
    access = ["--tls-verify=false"]
    if registry.ca:
        access = [f"--cert-dir={registry.ca.parent}", f"--creds={registry.username}:{registry.password}"]
    return json.loads(run(needs("skopeo"), command, *access, *options, f"docker://{registry.address}/{name}"))


@pytest.mark.parametrize("kind", ["sample", "private_sample"])
def test_skopeo_lists_tags(kind: str, request: pytest.FixtureRequest) -> None:
    registry: demo.SampleRegistry = request.getfixturevalue(kind)
    for name in ("httpd", "sample/files", "sample/empty"):
        assert skopeo(registry, "list-tags", name)["Tags"] == sorted(registry.content.repositories[name])


@pytest.mark.parametrize("image", IMAGES)
def test_skopeo_inspects_images(private_sample: demo.SampleRegistry, image: str) -> None:
    repository, tag = image.split(":")
    content = private_sample.content
    digest = content.repositories[repository][tag]
    raw = skopeo(private_sample, "inspect", image, "--raw")
    assert raw == json.loads(content.manifests[digest][1])
    entry = next((entry for entry in raw.get("manifests", ()) if entry["platform"]["architecture"] == "amd64"), None)
    manifest = json.loads(content.manifests[entry["digest"]][1]) if entry else raw
    config = json.loads(content.blobs[manifest["config"]["digest"]])
    select = ("--override-os=linux", "--override-arch=amd64")
    # skopeo leaves out what it does not know, and writes times in its own way.
    told = skopeo(private_sample, "inspect", image, "--config", *select)
    assert (told["rootfs"], told["architecture"]) == (config["rootfs"], "amd64")
    inspected = skopeo(private_sample, "inspect", image, *select)
    assert inspected["Digest"] == digest
    assert inspected["Layers"] == [layer["digest"] for layer in manifest["layers"]]
    assert inspected["Labels"] == config["config"]["Labels"]


def test_a_wrong_password_is_refused(private_sample: demo.SampleRegistry) -> None:
    assert private_sample.ca is not None
    with pytest.raises(RuntimeError, match=r"unauthorized|authentication required"):
        run(
            needs("skopeo"),
            "list-tags",
            f"--cert-dir={private_sample.ca.parent}",
            "--creds=someone:wrong",
            f"docker://{private_sample.address}/httpd",
        )


@pytest.mark.parametrize("tag", ["1.0", "1.0-docker", "1.0-zstd", "multi"])
@pytest.mark.parametrize("transport", ["dir", "oci"])
def test_skopeo_copies_the_image_with_real_layers(
    private_sample: demo.SampleRegistry, tmp_path: Path, transport: str, tag: str
) -> None:
    assert private_sample.ca is not None
    run(
        needs("skopeo"),
        "copy",
        "--quiet",
        "--all",
        f"--src-cert-dir={private_sample.ca.parent}",
        f"--src-creds={private_sample.username}:{private_sample.password}",
        f"docker://{private_sample.address}/sample/files:{tag}",
        f"{transport}:{tmp_path / 'copy'}",
    )
    assert any((tmp_path / "copy").iterdir())
