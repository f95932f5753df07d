"""A sample registry, served once for all tests."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from regframe import demo

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sample() -> Iterator[demo.SampleRegistry]:
    """Give the sample registry: plain HTTP, open to all."""
    with demo.serve() as registry:
        yield registry


@pytest.fixture(scope="session")
def private_sample() -> Iterator[demo.SampleRegistry]:
    """Give the sample registry with a self-signed certificate, a user and a password."""
    with demo.serve(tls=True, username="someone", password="secret-word") as registry:
        yield registry


@pytest.fixture(scope="session")
def client(sample: demo.SampleRegistry) -> Iterator[httpx.Client]:
    """Give a client of `sample`."""
    with connected(sample) as opened:
        yield opened


def connected(registry: demo.SampleRegistry, *, log_in: bool = True) -> httpx.Client:
    """Return a client that trusts the registry's certificate and nothing else."""
    auth = (registry.username, registry.password or "") if registry.username and log_in else None
    verify = ssl.create_default_context(cafile=registry.ca) if registry.ca else False
    scheme = "https" if registry.ca else "http"
    return httpx.Client(base_url=f"{scheme}://{registry.address}", auth=auth, verify=verify, trust_env=False)
