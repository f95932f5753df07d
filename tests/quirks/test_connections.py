"""Connections that are kept for the next request: what a server may do with them between two requests."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

import regframe as rf
from tests.parts.emulated_registry import EmulatedRegistry

Connect = Callable[..., rf.Registry]


def assert_whole(inventory: rf.Inventory, odd: EmulatedRegistry) -> None:
    """Check that every tag is there, with what it points to, and that nothing failed."""
    images = inventory.images
    found = {(row.repository, row.tag): row.digest for row in images.itertuples()}
    assert found == {(name, tag): digest for name, tags in odd.tags.items() for tag, digest in tags.items()}
    assert inventory.errors.empty


def test_a_connection_that_is_closed_without_a_word(odd: EmulatedRegistry, connect: Connect) -> None:
    async def close_after(request: web.Request) -> web.StreamResponse:
        response = odd.plain(request)
        await response.prepare(request)
        await response.write_eof()
        assert request.transport is not None
        request.transport.close()
        return response

    for number in range(20):
        odd.image("app", str(number), variant=str(number))
    odd.override("*", close_after)
    assert_whole(connect(odd, concurrency=2).inventory(), odd)


def test_an_interim_answer_before_the_answer(odd: EmulatedRegistry, connect: Connect) -> None:
    def hint(request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 103 Early Hints\r\nLink: </v2/>; rel=preload\r\n\r\n")

    odd.image("app", "1")
    odd.override("*", hint)
    assert_whole(connect(odd).inventory(), odd)


def test_an_answer_that_nobody_asked_for(odd: EmulatedRegistry, connect: Connect) -> None:
    """It is not taken for the answer to the next request."""

    def answer_twice(request: web.Request) -> web.Response:
        response = odd.plain(request)
        body = response.body
        assert isinstance(body, bytes)
        head = f"HTTP/1.1 {response.status} OK\r\nContent-Type: {response.content_type}\r\nContent-Length: {len(body)}"
        assert request.transport is not None
        request.transport.write(head.encode() + b"\r\n\r\n" + body + b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        request.transport.close()
        return response

    for number in range(5):
        odd.image("app", str(number), variant=str(number))
    odd.override("*", answer_twice)
    assert_whole(connect(odd, concurrency=1).inventory(), odd)


def test_a_registry_that_says_that_a_tag_has_not_moved(odd: EmulatedRegistry, connect: Connect) -> None:
    def compare(request: web.Request) -> web.Response | None:
        current = odd.tags["app"].get(request.path.rpartition("/")[2])
        is_same = current is not None and request.headers.get("If-None-Match") == f'"{current}"'
        return web.Response(status=304) if is_same else None

    odd.override("/v2/app/manifests/*", compare)
    for number in range(3):
        odd.image("app", str(number), variant=str(number))
    registry = connect(odd)
    earlier = registry.inventory()
    odd.tags["app"]["2"] = odd.tags["app"]["1"]
    odd.seen.clear()
    later = registry.inventory(resume=earlier)
    assert_whole(later, odd)
    below = sorted(request for request in odd.requests if "/manifests/" in request)
    assert below == ["GET /v2/app/manifests/2", *(f"HEAD /v2/app/manifests/{number}" for number in range(3))]
