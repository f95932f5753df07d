"""What is foretold to be reclaimed is what a real registry's garbage collection takes off the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pandas as pd
import pytest

import regframe as rf
from regframe.analysis import reclaimable
from tests.parts import RegistryServer, needs, run, start_registry

_ACCEPTED = ", ".join(
    f"application/vnd.{name}+json"
    for name in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


@pytest.mark.parametrize(
    "going",
    [
        pytest.param(["app:1.0"], id="one image, whose base stays"),
        pytest.param(["app:1.1", "app:latest"], id="an image with its alias"),
        pytest.param(["app:latest"], id="an alias"),
        pytest.param(["app", "base", "web"], id="whole repositories, of which another shares layers"),
        pytest.param(["team/*"], id="an index"),
        pytest.param(["shapes/attested"], id="an attestation, whose image stays"),
        pytest.param(["shapes/signed:sha256-*", "shapes/foreign", "shapes/undated"], id="odd shapes"),
        pytest.param(["legacy/*", "app:1.0"], id="a manifest of Docker's schema 1"),
        pytest.param(["app", "base", "web", "team/*", "legacy/*"], id="nearly everything"),
    ],
)
def test_the_bytes_foretold_are_those_that_leave_the_disk(
    going: list[str], built_storage: Path, tmp_path: Path
) -> None:
    storage = Path(shutil.copytree(built_storage, tmp_path / "storage"))
    # What no manifest has needed all along is not what deleting frees.
    collect_garbage(storage, tmp_path / "config.yml")
    before = blobs(storage)
    with start_registry(storage, delete=True) as registry:
        inventory = rf.Registry(registry.address, progress=False).inventory()
        assert inventory.errors.empty
        foretold = reclaimable(inventory, going)
        delete_tags(registry, rf.analysis.select(inventory, going).tags, inventory.tags)
        delete_manifests(registry, foretold)
    collect_garbage(storage, tmp_path / "config.yml")
    gone = {digest: size for digest, size in before.items() if digest not in blobs(storage)}

    assert set(foretold["digest"]) == set(gone)
    known = foretold[foretold["size"].notna()]
    assert dict(zip(known["digest"], known["size"], strict=True)) == {
        digest: gone[digest] for digest in known["digest"]
    }
    if not any(name.startswith("legacy") for name in going):
        assert foretold["size"].sum() == sum(gone.values())


def blobs(storage: Path) -> dict[str, int]:
    """Return the bytes of each blob on the disk: layers, configs, manifests and indexes."""
    files = (storage / "docker/registry/v2/blobs/sha256").glob("*/*/data")
    return {f"sha256:{file.parent.name}": file.stat().st_size for file in files}


def delete_tags(registry: RegistryServer, going: pd.DataFrame, every: pd.DataFrame) -> None:
    """Delete tags as this registry does it, by digest; a digest that another tag of the repository has stays."""
    names = set(zip(going["repository"], going["tag"], strict=True))
    for (repository, digest), tags in every.groupby(["repository", "digest"])["tag"]:
        if all((repository, tag) in names for tag in tags):
            delete(registry, repository, digest)


def delete_manifests(registry: RegistryServer, foretold: pd.DataFrame) -> None:
    """Delete the manifests of deleted indexes, too: the registry keeps them, untagged, otherwise."""
    for row in foretold[foretold["kind"] == "manifest"].itertuples():
        for repository in str(row.repositories).split(", "):
            delete(registry, repository, str(row.digest), may_be_gone=True)


def delete(registry: RegistryServer, repository: str, digest: str, *, may_be_gone: bool = False) -> None:
    answer = httpx.delete(
        f"{registry.url}/v2/{repository}/manifests/{digest}", headers={"Accept": _ACCEPTED}, trust_env=False
    )
    assert answer.status_code == 202 or (may_be_gone and answer.status_code == 404), answer.text


def collect_garbage(storage: Path, config: Path) -> None:
    """Run the registry's own garbage collection on a folder that no server is using."""
    config.write_text(json.dumps({"version": "0.1", "storage": {"filesystem": {"rootdirectory": str(storage)}}}))
    run(needs("docker-registry"), "garbage-collect", config)
