"""A registry that each test makes as odd as it needs."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import regframe as rf
from tests.parts import Certificate
from tests.parts.emulated_registry import EmulatedRegistry, serving


@pytest.fixture
def odd() -> Iterator[EmulatedRegistry]:
    """Give a running registry, empty and open to all, over plain HTTP."""
    with serving(EmulatedRegistry()) as registry:
        yield registry


@pytest.fixture
def other() -> Iterator[EmulatedRegistry]:
    """Give another host: a blob store, a token server or a thief. It records what it gets."""
    with serving(EmulatedRegistry()) as registry:
        yield registry


@pytest.fixture
def odd_tls(certificate: Certificate) -> Iterator[EmulatedRegistry]:
    """Give a running registry over TLS, with the tests' certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    with serving(EmulatedRegistry(), context) as registry:
        yield registry


@pytest.fixture
def connect() -> Iterator[Callable[..., rf.Registry]]:
    """Give the registry as a user has it, quick to give up."""
    with ExitStack():

        def to(registry: EmulatedRegistry, **options: Any) -> rf.Registry:
            options = {"progress": False, "timeout": 5.0, "insecure": "ca" not in options, **options}
            return rf.Registry(registry.address, **options)

        yield to
