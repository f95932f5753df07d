"""A real registry with token authentication: tokens per scope, which live for two seconds."""

from __future__ import annotations

import pytest

import regframe as rf
from tests.parts import PASSWORD, SAMPLE_IMAGES, USERNAME, RegistryServer, TokenServer, skopeo

LOGIN = {"username": USERNAME, "password": PASSWORD}


def connect(server: RegistryServer, **options: object) -> rf.Registry:
    return rf.Registry(server.address, **{"progress": False, "ca": server.ca, **LOGIN, **options})  # type: ignore[arg-type]


def test_every_scope_is_asked_for_once(token_registry: RegistryServer, token_server: TokenServer) -> None:
    token_server.lifetime = 300
    inventory = connect(token_registry).inventory()
    assert inventory.errors.empty
    assert len(inventory.images) > len(SAMPLE_IMAGES)
    assert set(token_server.requests.values()) == {1}


def test_tokens_are_renewed_in_mid_scan_and_no_row_is_lost(
    token_registry: RegistryServer, token_server: TokenServer
) -> None:
    # The server says that they live long, and takes them for two seconds: only a 401 tells.
    token_server.expires_in = 300
    registry = connect(token_registry, cache=False, concurrency=1)
    whole = registry.inventory()
    while token_server.requests["repository:app:pull"] < 2:
        again = registry.inventory("app")
        assert again.errors.empty
        assert len(again.images) == (whole.images["repository"] == "app").sum()


@pytest.mark.parametrize("answer", [("token",), ("access_token",), ("token", "access_token")])
def test_the_token_has_two_names(
    token_registry: RegistryServer, token_server: TokenServer, answer: tuple[str, ...]
) -> None:
    token_server.answer = answer
    assert sorted(connect(token_registry).tags("app")["tag"]) == sorted(skopeo_tags(token_registry))


def skopeo_tags(server: RegistryServer) -> list[str]:
    tags: list[str] = skopeo(server, "list-tags", "app")["Tags"]
    return tags


def test_a_wrong_password_is_refused_by_the_token_server(token_registry: RegistryServer) -> None:
    with pytest.raises(rf.CredentialsRefused, match="does not accept this user name and password"):
        connect(token_registry, password="wrong-secret").inventory()


def test_a_catalog_token_that_allows_nothing_is_a_catalog_that_is_not_offered(
    token_registry: RegistryServer, token_server: TokenServer
) -> None:
    token_server.withheld = {"registry:catalog:*"}
    with pytest.raises(rf.Unsupported, match="name the repositories"):
        connect(token_registry).repositories()
    assert len(connect(token_registry).images("app")) == 4
