"""One real image in every place on this machine, and in a registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.local.places import Places, build_places
from tests.parts import RegistryServer, copy_to_registry, start_podman, start_registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Give the image in a store, from where it can be copied."""
    return build_places(tmp_path_factory.mktemp("places"))


@pytest.fixture(scope="session")
def registry(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """Give a registry that has the image as ``team/app``, in Docker's format and in that of OCI."""
    with start_registry(tmp_path_factory.mktemp("registry")) as server:
        copy_to_registry(server, places.stored, "team/app:v2s2", "--format=v2s2")
        copy_to_registry(server, places.stored, "team/app:oci", "--format=oci")
        yield server


@pytest.fixture(scope="session")
def podman(places: Places) -> Iterator[Path]:
    """Give the socket of an engine whose store has the image, where a user's own engine has it."""
    found = Path(os.environ["XDG_RUNTIME_DIR"]) / "podman/podman.sock"
    found.parent.mkdir(exist_ok=True)
    with start_podman(places.store) as path:
        found.symlink_to(path)
        yield path
        found.unlink()
