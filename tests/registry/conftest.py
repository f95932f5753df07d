"""Registry servers that hold the sample images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parts import (
    Certificate,
    RegistryServer,
    TokenServer,
    push_sample_images,
    start_registry,
    start_token_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def sample_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a registry's storage folder with the sample images and shapes; serve it read-only."""
    storage = tmp_path_factory.mktemp("storage")
    with start_registry(storage) as registry:
        push_sample_images(registry)
    return storage


@pytest.fixture(scope="session")
def plain_registry(sample_storage: Path) -> Iterator[RegistryServer]:
    """Give a read-only registry of the samples: plain HTTP, open to all."""
    with start_registry(sample_storage, read_only=True) as registry:
        yield registry


@pytest.fixture(scope="session")
def private_registry(sample_storage: Path, certificate: Certificate, htpasswd: Path) -> Iterator[RegistryServer]:
    """Give a read-only registry of the samples: a self-signed certificate (CN only), user and password."""
    with start_registry(sample_storage, tls=certificate, htpasswd=htpasswd, read_only=True) as registry:
        yield registry


@pytest.fixture
def token_server(certificate: Certificate) -> Iterator[TokenServer]:
    """Give a token server whose tokens live for two seconds, and which has counted nothing yet."""
    with start_token_server(certificate, lifetime=2) as server:
        yield server


@pytest.fixture
def token_registry(
    sample_storage: Path, certificate: Certificate, token_server: TokenServer
) -> Iterator[RegistryServer]:
    """Give a read-only registry of the samples: a self-signed certificate, tokens from `token_server`."""
    with start_registry(sample_storage, tls=certificate, token=token_server, read_only=True) as registry:
        yield registry


@pytest.fixture
def empty_registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """Give an empty registry of the test's own: plain HTTP, open to all, takes pushes and deletes."""
    with start_registry(tmp_path / "storage", delete=True) as registry:
        yield registry
