"""What real registries do: the catalog, and lists in pages."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from aiohttp import web

import regframe as rf
from tests.parts.emulated_registry import EmulatedRegistry, error

Connect = Callable[..., rf.Registry]


def in_pages(
    names: list[str], key: str, size: int, link: Callable[[str], str]
) -> Callable[[web.Request], web.Response]:
    """Return a handler that answers a list in pages; ``link`` makes the address of the next one of its cursor."""

    def answer(request: web.Request) -> web.Response:
        start = names.index(request.query["last"]) + 1 if "last" in request.query else 0
        page = names[start : start + size]
        more = start + size < len(names)
        headers = {"Link": f'<{link(page[-1])}>; rel="next"'} if more else {}
        return web.json_response({key: page}, headers=headers)

    return answer


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_catalog_that_is_not_offered_names_the_way_round(
    odd: EmulatedRegistry, connect: Connect, status: int
) -> None:
    """Docker Hub, GHCR, Harbor, ACR: hub-feedback 2094, oras-go 621, harbor 7898, Azure/acr 751."""
    odd.image("team/app")

    def refuse(request: web.Request) -> web.Response:
        if status != 401:
            return error(status, "DENIED")
        # Docker Hub grants a token for the catalog, and then does not take it.
        realm = f'Bearer realm="http://{odd.address}/token",service="hub",error="insufficient_scope"'
        return error(401, "UNAUTHORIZED", WWW_Authenticate=realm)

    odd.override("/v2/_catalog", refuse)
    odd.override("/token", lambda request: web.json_response({"token": "granted"}))
    with pytest.raises(
        rf.Unsupported, match=r"does not offer a list of its repositories.*name the repositories"
    ) as info:
        connect(odd).inventory()
    assert info.value.status == status
    assert connect(odd).images("team/app")["tag"].tolist() == ["1"]


@pytest.mark.parametrize("answer", ["null", "empty", "404"])
def test_a_repository_without_tags_is_empty_and_no_error(odd: EmulatedRegistry, connect: Connect, answer: str) -> None:
    """Distribution 1186, 1585, 2314, 4324."""
    odd.image("app")
    odd.tags["gone"] = {}
    handlers = {
        "null": lambda request: web.json_response({"name": "gone", "tags": None}),
        "empty": lambda request: web.json_response({"name": "gone", "tags": []}),
        "404": lambda request: error(404, "NAME_UNKNOWN"),
    }
    odd.override("/v2/gone/tags/list", handlers[answer])
    inventory = connect(odd).inventory()
    assert dict(zip(inventory.repositories["repository"], inventory.repositories["tags"], strict=True)) == {
        "app": 1,
        "gone": 0,
    }
    assert inventory.errors.empty


def test_a_repository_that_was_named_and_is_not_there_is_an_error(odd: EmulatedRegistry, connect: Connect) -> None:
    with pytest.raises(rf.NotFound, match="no repository gone"):
        connect(odd).images("gone")


def test_a_page_past_the_end_that_returns_page_one_ends_the_list(odd: EmulatedRegistry, connect: Connect) -> None:
    """Craneoperator 52: an endless loop."""
    odd.image("app")
    again = {"Link": '</v2/app/tags/list?last=1>; rel="next"'}
    odd.override("/v2/app/tags/list", lambda request: web.json_response({"tags": ["1"]}, headers=again))
    assert connect(odd).tags("app")["tag"].tolist() == ["1"]
    assert odd.requests["GET /v2/app/tags/list"] == 2


@pytest.mark.parametrize("form", ["relative", "absolute", "relative to the path"])
def test_next_links_are_followed_relative_and_absolute(odd: EmulatedRegistry, connect: Connect, form: str) -> None:
    """docker_registry2 34 and 56."""
    tags = [f"1.{number}" for number in range(25)]
    starts = {
        "relative": "/v2/app/tags/list",
        "absolute": f"http://{odd.address}/v2/app/tags/list",
        "relative to the path": "list",
    }
    odd.override("/v2/app/tags/list", in_pages(tags, "tags", 10, lambda last: f"{starts[form]}?last={last}&n=10"))
    assert connect(odd).tags("app")["tag"].tolist() == tags


def test_a_next_link_to_another_host_is_refused_and_gets_no_credential(
    odd: EmulatedRegistry, other: EmulatedRegistry, connect: Connect
) -> None:
    """go-containerregistry ``pkg/v1/google/list.go``: a way to steal credentials."""
    away = {"Link": f'<http://{other.address}/v2/_catalog?last=app>; rel="next"'}
    odd.image("app")
    odd.override("/v2/_catalog", lambda request: web.json_response({"repositories": ["app"]}, headers=away))
    inventory = connect(odd, username="me", password="hunter2").inventory()
    assert inventory.images["repository"].tolist() == ["app"]
    assert "does not follow a list to another host" in inventory.errors["message"][0]
    assert other.seen == []


def test_the_cursor_is_opaque_and_followed_as_it_came(odd: EmulatedRegistry, connect: Connect) -> None:
    """drydock PR 927: a rebuilt ``last=`` gets 405 on ECR Public."""
    cursor = "eyJr+/=" + quote("a b/ü", safe="")

    def answer(request: web.Request) -> web.Response:
        if "next_token" not in request.query:
            return web.json_response(
                {"tags": ["1"]}, headers={"Link": f'</v2/app/tags/list?next_token={cursor}>; rel="next"'}
            )
        if request.raw_path.partition("?")[2] != f"next_token={cursor}":
            return error(405, "UNSUPPORTED")
        return web.json_response({"tags": ["2"]})

    odd.override("/v2/app/tags/list", answer)
    assert connect(odd).tags("app")["tag"].tolist() == ["1", "2"]


@pytest.mark.parametrize(("most", "status"), [(100, 413), (100, 400), (0, 400)])
def test_a_cap_on_the_page_size_is_kept_to(odd: EmulatedRegistry, connect: Connect, most: int, status: int) -> None:
    """ECR 1000, distribution 1000 (``PAGINATION_NUMBER_INVALID``), quay 100 (413); some take no ``n`` at all."""
    tags = [f"1.{number}" for number in range(250)]
    pages = in_pages(tags, "tags", most or 100, lambda last: f"/v2/app/tags/list?last={last}")

    def answer(request: web.Request) -> web.Response:
        if int(request.query.get("n", 0)) > most:
            return error(status, "PAGINATION_NUMBER_INVALID")
        return pages(request)

    odd.override("/v2/app/tags/list", answer)
    assert connect(odd).tags("app")["tag"].tolist() == tags


def test_repositories_with_many_pages_of_a_thousand_tags(odd: EmulatedRegistry, connect: Connect) -> None:
    """Drydock 343: 24 to 160 pages."""
    tags = [f"1.{number}" for number in range(24_000)]
    odd.override("/v2/app/tags/list", in_pages(tags, "tags", 1000, lambda last: f"/v2/app/tags/list?last={last}"))
    assert connect(odd).tags("app")["tag"].tolist() == tags
    assert odd.requests["GET /v2/app/tags/list"] == 24


def test_cosign_tags_are_told_apart_as_signatures(odd: EmulatedRegistry, connect: Connect) -> None:
    """go-containerregistry PR 1528: 7,890 tags, 369 images."""
    signed = odd.image("app", "1.0")
    signature = f"{signed['digest'].replace(':', '-')}.sig"
    odd.image("app", signature, layer_type="application/vnd.dev.cosign.simplesigning.v1+json")
    registry = connect(odd)
    tags = registry.tags("app").set_index("tag")
    assert tags["kind"][signature] == "signature"
    images = registry.images("app").set_index("tag")
    assert images["kind"].to_dict() == {"1.0": "image", signature: "signature"}
    assert images["subject"][signature] == signed["digest"]


def test_what_selects_nothing_asks_for_nothing(odd: EmulatedRegistry, connect: Connect) -> None:
    """Not for the catalog, which may not be offered; nor is a repository of one letter meant."""
    odd.image("a")
    registry = connect(odd)
    images = registry.images()
    assert images["repository"].tolist() == ["a"]
    odd.override("/v2/_catalog", lambda request: error(403, "DENIED"))
    none = images.head(0)
    for selection in ([], none):
        assert registry.images(selection).empty
        assert registry.inventory(selection).tags.empty
        assert registry.delete(selection).empty
        assert registry.errors.empty
    odd.seen.clear()
    assert registry.pulled(none).empty
    assert registry.pulled(images.assign(repository="elsewhere/a")).empty
    assert registry.errors.empty
    assert not [one.path for one in odd.seen if one.path != "/v2/"]
