"""The private sample registry, and a server before it that can hold its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import regframe as rf
from regframe import demo
from tests.parts import Certificate, Front, start_front

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ipywidgets", reason="needs ipywidgets: pip install 'regframe[lab]'")


@pytest.fixture(scope="session")
def private_sample() -> Iterator[demo.SampleRegistry]:
    """Give the sample registry, which asks for a user and a password."""
    with demo.serve(username=demo.USERNAME, password=demo.PASSWORD) as registry:
        yield registry


@pytest.fixture
def front(private_sample: demo.SampleRegistry, certificate: Certificate) -> Iterator[Front]:
    """Give the private sample registry with TLS, behind a server that can hold and refuse."""
    with start_front(private_sample, tls=certificate) as running:
        yield running


@pytest.fixture
def registry(front: Front, certificate: Certificate) -> rf.Registry:
    """Give it to someone who is logged in."""
    return rf.Registry(
        front.address,
        username=demo.USERNAME,
        password=demo.PASSWORD,
        ca=certificate.certificate,
        progress=False,
    )
