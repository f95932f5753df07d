"""A registry of images that are built on one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import regframe as rf
from tests.analysis.builds import push_builds, push_odd_shapes
from tests.parts import start_registry

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def built_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a registry's storage folder with the images of `push_builds` and `push_odd_shapes`; copy it to change it."""
    storage = tmp_path_factory.mktemp("built")
    with start_registry(storage) as registry:
        push_builds(registry)
        push_odd_shapes(registry)
    return storage


@pytest.fixture(scope="session")
def built(built_storage: Path) -> rf.Inventory:
    """Give the inventory of these images."""
    with start_registry(built_storage, read_only=True) as registry:
        return rf.Registry(registry.address, progress=False).inventory()
