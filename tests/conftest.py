"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parts import Certificate, make_certificate, make_other_certificate, write_htpasswd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# Podman's own commands go to the engine that CONTAINER_HOST names, whatever store they are given.
ENGINE_SETTINGS = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
    *("CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_CONF"),
)


@pytest.fixture(scope="session", autouse=True)
def _no_stored_logins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the logins, settings and caches of whoever runs the tests out of them."""
    home = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            monkeypatch.setenv(name, home)
        for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "REGFRAME_USERNAME", "REGFRAME_PASSWORD", *ENGINE_SETTINGS):
            monkeypatch.delenv(name, raising=False)
        # What one test has read is not there for the next.
        monkeypatch.setenv("REGFRAME_CACHE", "off")
        yield


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give the certificate of our servers: for localhost by its CN, without SAN."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give a certificate that none of our servers uses: a wrong CA."""
    return make_other_certificate(tmp_path_factory.mktemp("other-certificate"))


@pytest.fixture(scope="session")
def htpasswd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an htpasswd file (bcrypt) of `USERNAME` and `PASSWORD`."""
    return write_htpasswd(tmp_path_factory.mktemp("auth") / "htpasswd")
