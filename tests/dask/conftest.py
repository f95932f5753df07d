"""A real Dask cluster of several processes, and registries for it to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.parts import Front, RegistryServer, pushing, start_front, start_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, LocalCluster

WORKERS = 2
# Repository -> tags. One has more than all the others.
TAGS: dict[str, tuple[str, ...]] = {
    "base": ("3.9", "3.10", "latest"),
    "big": tuple(f"1.{minor}" for minor in range(12)),
    "emptied": (),
    "team/app": ("1.0", "1.1", "2.0-rc1", "2.0"),
    "team/multi": ("1.0", "1.1"),
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Give a scheduler with worker processes of one thread each."""
    distributed = pytest.importorskip("distributed")
    # Without a page its scheduler listens at a fixed port all the same.
    with distributed.LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    """Give a client of the cluster, all of whose workers are there."""
    from distributed import Client

    with Client(cluster) as client:
        client.wait_for_workers(WORKERS)
        yield client


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """Give a registry with the images of `TAGS`."""
    with start_registry(tmp_path_factory.mktemp("storage"), delete=True) as server:
        for repository, tags in TAGS.items():
            with pushing(server, repository) as push:
                for number, tag in enumerate(tags):
                    # What is undated was seen first when the scan began, in whichever part it is.
                    said: dict[str, Any] = {
                        "config": {"Env": [f"APP={repository}", f"VERSION={tag}"]},
                        "history": [{"created_by": f"step {layer}"} for layer in range(1 + number % 3)],
                    }
                    if number % 3:
                        said["created"] = f"2026-01-{number + 1:02}T00:00:00Z"
                    if repository == "team/multi":
                        push.index([push.image(layers=1 + number, author=author, **said) for author in "ab"], tag)
                    else:
                        push.image(tag, layers=1 + number % 3, **said)
        yield server


@pytest.fixture
def front(registry: RegistryServer) -> Iterator[Front]:
    """Give a server before the registry that can hold and count."""
    with start_front(registry) as front:
        yield front


@pytest.fixture
def other_front(registry: RegistryServer) -> Iterator[Front]:
    """Give another."""
    with start_front(registry) as front:
        yield front
