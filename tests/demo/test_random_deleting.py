"""Random registries and random plans: what was to stay stays, with all that it needs, whatever fails in the middle."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regframe as rf
from regframe import demo
from regframe.demo import ContentBuilder
from tests.parts import start_front

_OCI = "application/vnd.oci.image"
_ACCEPTED = f"{_OCI}.index.v1+json, {_OCI}.manifest.v1+json"
_TAGS = ("a", "b", "c", "d", "e")


def content(pointers: dict[str, int], below: list[list[int]], spare: int) -> demo.SampleContent:
    """Return one repository: three images, indexes of these and of earlier indexes, and tags to any of them."""
    builder = ContentBuilder()
    documents: list[dict[str, Any]] = []
    for number in range(3):
        config = builder.json_blob({"os": "linux", "architecture": "amd64", "made": number}, f"{_OCI}.config.v1+json")
        layer = builder.blob(bytes([number]) * 10, f"{_OCI}.layer.v1.tar")
        manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": [layer]}
        documents.append(builder.manifest(manifest))
    for entries in below:
        named = [documents[entry % len(documents)] for entry in dict.fromkeys(entries)]
        index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": named}
        documents.append(builder.manifest(index))
    for tag, number in pointers.items():
        builder.tag("app", tag, points_to=documents[number % len(documents)])
    builder.tag("app", "spare", points_to=documents[spare % len(documents)])
    return builder.content()


def everything(client: httpx.Client, tag: str) -> dict[str, bytes]:
    """Return each document that a tag leads to, as a plain client sees it."""
    found: dict[str, bytes] = {}
    waiting = [f"manifests/{tag}"]
    while waiting:
        path = waiting.pop()
        answer = client.get(f"/v2/app/{path}", headers={"Accept": _ACCEPTED}).raise_for_status()
        found[path] = answer.content
        if path.startswith("manifests/"):
            document = json.loads(answer.content)
            waiting += [f"manifests/{entry['digest']}" for entry in document.get("manifests", [])]
            waiting += [f"blobs/{entry['digest']}" for entry in [document.get("config")] if entry]
            waiting += [f"blobs/{entry['digest']}" for entry in document.get("layers", [])]
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from(_TAGS), st.integers(0, 6), min_size=1),
    st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), max_size=4),
    st.integers(0, 6),
    st.sets(st.sampled_from(_TAGS), min_size=1),
    st.booleans(),
    st.integers(0, 6) | st.none(),
)
def test_what_was_to_stay_is_whole(
    pointers: dict[str, int],
    below: list[list[int]],
    spare: int,
    going: set[str],
    deletes_tags: bool,
    breaks_after: int | None,
) -> None:
    held = content(pointers, below, spare)
    with (
        demo.serve(content=held, writable=True) as sample,
        start_front(sample) as front,
        httpx.Client(base_url=f"http://{sample.address}", trust_env=False) as client,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        # What is lost is tried again at once.
        monkeypatch.setattr("regframe.sources.transport._FIRST_WAIT_SECONDS", 0.0)
        if not deletes_tags:
            front.refused[r"DELETE .*/manifests/[^:]+$"] = 400
        if breaks_after is not None:
            # After the two requests that ask what is allowed.
            front.lost, front.lost_after = "DELETE ", 2 + breaks_after
        staying = {tag: everything(client, tag) for tag in held.repositories["app"] if tag not in going}
        registry = rf.Registry(front.address, progress=False, timeout=5)
        done = registry.delete([f"app:{tag}" for tag in sorted(going)], dry_run=False)
        assert {tag: everything(client, tag) for tag in staying} == staying
        left = set(client.get("/v2/app/tags/list").json()["tags"] or [])
        named = done[done["tag"].notna()]
        assert set(named["tag"]) == going
        assert not left & set(named[named["outcome"] == "deleted"]["tag"])
        if breaks_after is None:
            assert left == set(held.repositories["app"]) - set(named[named["outcome"].isin(["deleted", "gone"])]["tag"])
        # What is to go and could not is as whole as what stays.
        for tag in left:
            everything(client, tag)
        if deletes_tags and breaks_after is None:
            assert left == set(staying)
