"""Random registries and random plans: what was to stay stays, with all that it needs, whatever fails in the middle."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regframe as rf
from regframe import demo
from regframe.demo import ContentBuilder
from regframe.frames import frame
from tests.parts import start_front

_OCI = "application/vnd.oci.image"
_ACCEPTED = f"{_OCI}.index.v1+json, {_OCI}.manifest.v1+json"
_TAGS = ("a", "b", "c", "d")


def content(pointers: dict[str, int], below: tuple[set[int], set[int]], spare: int) -> demo.SampleContent:
    """Return one repository: two images, an index of these, an index of these and that, and tags to any of them."""
    builder = ContentBuilder()
    documents: list[dict[str, Any]] = []
    for number in range(2):
        config = builder.json_blob({"os": "linux", "architecture": "amd64", "made": number}, f"{_OCI}.config.v1+json")
        layer = builder.blob(bytes([number]) * 10, f"{_OCI}.layer.v1.tar")
        manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": [layer]}
        documents.append(builder.manifest(manifest))
    for number, entries in enumerate(below):
        index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "annotations": {"made": str(number)}}
        documents.append(builder.manifest(index | {"manifests": [documents[entry] for entry in sorted(entries)]}))
    for tag, number in pointers.items():
        builder.tag("app", tag, points_to=documents[number])
    builder.tag("app", "spare", points_to=documents[spare])
    return builder.content()


def everything(client: httpx.Client, tag: str) -> dict[str, bytes]:
    """Return each document that a tag leads to, as a plain client sees it; by digest, but for the first."""
    found: dict[str, bytes] = {}
    waiting = [f"manifests/{tag}"]
    while waiting:
        answer = client.get(path := f"/v2/app/{waiting.pop()}").raise_for_status()
        found[path.removesuffix(f"/{tag}")] = answer.content
        if "/manifests/" in path:
            document = json.loads(answer.content)
            waiting += [f"manifests/{entry['digest']}" for entry in document.get("manifests", [])]
            waiting += [f"blobs/{entry['digest']}" for entry in [document.get("config")] if entry]
            waiting += [f"blobs/{entry['digest']}" for entry in document.get("layers", [])]
    return found


@dataclass(frozen=True)
class Fault:
    """What goes wrong: connections are lost, some documents cannot be deleted, or a tag moves at the last moment."""

    lost: str | None = None
    lost_after: int = 0
    refused: frozenset[int] = frozenset()
    moves: str | None = None


_ANY_DOCUMENT = st.integers(0, 3)
_FAULTS = st.one_of(
    st.just(Fault()),
    # The first requests ask what is allowed.
    st.builds(Fault, lost=st.just("DELETE "), lost_after=st.integers(2, 8)),
    st.builds(Fault, lost=st.just("."), lost_after=st.integers(0, 30)),
    st.builds(Fault, refused=st.frozensets(_ANY_DOCUMENT, min_size=1)),
    st.builds(Fault, moves=st.sampled_from(_TAGS)),
)


@pytest.mark.filterwarnings("ignore::regframe.RegframeWarning")
@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from(_TAGS), _ANY_DOCUMENT, min_size=1),
    st.tuples(st.sets(st.integers(0, 1), min_size=1), st.sets(st.integers(0, 2), min_size=1)),
    _ANY_DOCUMENT,
    st.lists(st.sampled_from(_TAGS), unique=True, min_size=1),
    st.sets(_ANY_DOCUMENT, max_size=2),
    st.booleans(),
    _FAULTS,
    st.none() | st.randoms(use_true_random=False),
)
def test_what_was_to_stay_is_whole(
    pointers: dict[str, int],
    below: tuple[set[int], set[int]],
    spare: int,
    going: list[str],
    manifests: set[int],
    deletes_tags: bool,
    fault: Fault,
    edits: random.Random | None,
) -> None:
    held = content(pointers, below, spare)
    digests = [*held.manifests]
    with (
        demo.serve(content=held, writable=True) as sample,
        start_front(sample) as front,
        httpx.Client(base_url=f"http://{sample.address}", headers={"Accept": _ACCEPTED}, trust_env=False) as client,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        # What is lost is tried again at once.
        monkeypatch.setattr("regframe.sources.transport._FIRST_WAIT_SECONDS", 0.0)
        if not deletes_tags:
            front.refused[r"DELETE .*/manifests/[^:]+$"] = 400
        selection: Any = [*(f"app:{tag}" for tag in going), *(f"app@{digests[number]}" for number in manifests)]
        registry = rf.Registry(front.address, progress=False, timeout=5)
        if edits is not None:
            # A plan that somebody has taken rows out of and put in another order.
            plan = registry.delete(selection)
            kept = [row for row in plan.index if edits.random() < 0.8]
            selection = plan.loc[edits.sample(kept, len(kept))]
            going = [tag for tag in selection.loc[selection["outcome"] == "would go", "tag"] if isinstance(tag, str)]
        for number in fault.refused:
            front.refused[f"DELETE .*/{digests[number]}"] = 503
        front.lost, front.lost_after = fault.lost, fault.lost_after
        staying = {tag: everything(client, tag) for tag in held.repositories["app"] if tag not in going}
        moved: list[str] = []
        if (moving := fault.moves) and pointers.get(moving, spare) != spare:

            def move(tag: str = moving) -> None:
                retag(client, "spare", tag)
                moved.append(tag)

            front.before_first["DELETE "] = move
        spared = everything(client, "spare")
        try:
            done = registry.delete(selection, dry_run=False)
        except rf.RegframeError:
            # What there is could not be read, or nothing of what was asked for is there.
            done = frame("deletions")
        # Where there is nothing to delete, nothing has moved.
        staying |= dict.fromkeys(moved, spared)
        assert {tag: everything(client, tag) for tag in staying} == staying
        left = set(client.get("/v2/app/tags/list").json()["tags"] or [])
        named = done[done["tag"].notna()]
        tried = named[named["outcome"].isin(["deleted", "failed", "not tried"])]
        assert set(tried["tag"]) <= set(going)
        assert not left & set(named[named["outcome"] == "deleted"]["tag"])
        # What is to go and could not is as whole as what stays.
        for tag in left:
            everything(client, tag)
        if fault == Fault():
            assert left == set(held.repositories["app"]) - set(named[named["outcome"] == "deleted"]["tag"])
            if deletes_tags:
                assert left == set(staying)


def retag(client: httpx.Client, tag: str, other: str) -> None:
    """Put what a tag points to under another tag, too."""
    document = client.get(f"/v2/app/manifests/{tag}")
    kind = {"Content-Type": document.headers["Content-Type"]}
    client.put(f"/v2/app/manifests/{other}", content=document.content, headers=kind).raise_for_status()
