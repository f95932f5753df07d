"""An inventory goes on where an earlier one stopped: after an interrupt, after errors, after a while."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pandas as pd
import pytest

import regframe as rf
from tests.parts import Front, RegistryServer, pushing, start_front

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREATED = "2024-05-06T07:08:09Z"


@pytest.fixture
def front(plain_registry: RegistryServer) -> Iterator[Front]:
    """Give a server before the samples, which counts."""
    with start_front(plain_registry) as front:
        yield front


@pytest.fixture
def own_front(empty_registry: RegistryServer) -> Iterator[Front]:
    """Give a server before a registry of the test's own, with three tags of two images in one repository."""
    with pushing(empty_registry, "app") as push:
        push.image("1.0", created=_CREATED)
        push.image("1.1", created=_CREATED, layers=2)
        push.image("latest", created=_CREATED, layers=2)
    with start_front(empty_registry) as front:
        yield front


def registry_at(front: Front, **options: object) -> rf.Registry:
    """Return the registry behind a front, without a cache: what is not asked for is not there."""
    return rf.Registry(front.address, cache=False, progress=False, **options)  # type: ignore[arg-type]


def assert_same(found: rf.Inventory, expected: rf.Inventory) -> None:
    """Check that two inventories say the same, but for when an image was seen."""
    for name, frame in expected.frames():
        frames = [frame, getattr(found, name)]
        if name == "images":
            frames = [
                one.assign(released_at=one["released_at"].mask(one["released_source"] == "seen")) for one in frames
            ]
        pd.testing.assert_frame_equal(frames[1], frames[0])


def tag_requests(front: Front, method: str, inventory: rf.Inventory) -> Counter[str]:
    """Return one request for each tag."""
    tags = zip(inventory.tags["repository"], inventory.tags["tag"], strict=True)
    return Counter(f"{method} /v2/{repository}/manifests/{tag}" for repository, tag in tags)


def below_lists(front: Front) -> Counter[str]:
    """Return what was asked for besides lists."""
    return Counter({request: count for request, count in front.requests.items() if "?n=" not in request})


@pytest.mark.parametrize("form", ["memory", "csv", "parquet"])
def test_what_has_not_moved_is_asked_for_once_by_head(front: Front, tmp_path: Path, form: str) -> None:
    registry = registry_at(front)
    earlier = registry.inventory()
    expected = earlier
    if form == "csv":
        earlier.to_csv(tmp_path)
        earlier = rf.Inventory.read_csv(tmp_path)
    elif form == "parquet":
        pytest.importorskip("pyarrow")
        earlier.to_parquet(tmp_path)
        earlier = rf.Inventory.read_parquet(tmp_path)
    front.requests.clear()
    found = registry.inventory(resume=earlier)

    assert below_lists(front) == tag_requests(front, "HEAD", expected)
    assert set(front.requests.values()) == {1}
    for name, frame in expected.frames():
        # Also the images without a date: they keep the one at which they were seen first.
        pd.testing.assert_frame_equal(getattr(found, name), frame)
    assert found.taken_at > expected.taken_at


@pytest.mark.parametrize("unusable", ["refused", "without digest"])
def test_where_head_is_of_no_use_get_asks(front: Front, unusable: str) -> None:
    registry = registry_at(front, concurrency=1)
    earlier = registry.inventory()
    if unusable == "refused":
        front.refused = {"^HEAD": 405}
    else:
        # Nor does it compare what it has with what is asked for.
        front.left_out = {"docker-content-digest", "if-none-match"}
    front.requests.clear()
    found = registry.inventory(resume=earlier)

    (head,) = (request for request in front.requests if request.startswith("HEAD"))
    gets = tag_requests(front, "GET", earlier)
    assert below_lists(front) == gets + Counter([head])
    assert_same(found, earlier)


def test_after_errors_only_what_failed_is_asked_for(front: Front) -> None:
    registry = registry_at(front)
    expected = registry.inventory()
    config = expected.images.loc[expected.images["repository"] == "team/reproducible", "config_digest"].iloc[0]
    child = expected.images.loc[expected.images["tag"] == "1.0-oci", ["repository", "digest"]]
    child = child.loc[child["repository"] == "team/multi", "digest"].iloc[1]
    front.refused = {
        f"/blobs/{config}": 403,
        f"/manifests/{child}": 404,
        "/manifests/1.0-zstd": 403,
        "foreign/tags": 403,
    }
    earlier = registry.inventory()
    assert len(earlier.errors) == 4
    assert set(earlier.errors["repository"]) == {"team/reproducible", "team/multi", "app", "shapes/foreign"}

    front.refused = {}
    front.requests.clear()
    found = registry.inventory(resume=earlier)
    assert_same(found, expected)
    failed = {"app:1.0-zstd", "team/multi:1.0-oci", "team/reproducible:1.0", "shapes/foreign:1.0"}
    whole = tag_requests(front, "HEAD", expected) - Counter(
        f"HEAD /v2/{name.replace(':', '/manifests/')}" for name in failed
    )
    heads = Counter({request: count for request, count in front.requests.items() if request.startswith("HEAD")})
    assert heads == whole
    read = {request.split("/manifests/")[0].split("/blobs/")[0] for request in below_lists(front) - heads}
    assert read == {f"GET /v2/{name.partition(':')[0]}" for name in failed}


def test_what_fails_again_is_an_error_again(front: Front) -> None:
    registry = registry_at(front)
    front.refused = {"/manifests/1.0-zstd": 403}
    earlier = registry.inventory()
    found = registry.inventory(resume=earlier)
    assert_same(found, earlier)
    assert list(found.errors["tag"]) == ["1.0-zstd"]


def test_a_moved_a_new_and_a_deleted_tag(own_front: Front, empty_registry: RegistryServer) -> None:
    registry = registry_at(own_front)
    earlier = registry.inventory()
    with pushing(empty_registry, "app") as push:
        push.image("latest", created=_CREATED, layers=3)
        push.image("1.2", created=_CREATED, layers=3)
        push.image("1.10", created=_CREATED, layers=1, Env=["A=1"])
    gone = earlier.tags.loc[earlier.tags["tag"] == "1.0", "digest"].iloc[0]
    httpx.delete(f"{empty_registry.url}/v2/app/manifests/{gone}").raise_for_status()
    own_front.requests.clear()
    found = registry.inventory(resume=earlier)

    assert list(found.tags["tag"]) == list(registry.tags()["tag"])
    assert set(found.tags["tag"]) == {"latest", "1.1", "1.2", "1.10"}
    heads = [request for request in own_front.requests if request.startswith("HEAD")]
    assert sorted(heads) == ["HEAD /v2/app/manifests/1.1", "HEAD /v2/app/manifests/latest"]
    assert not any(request[-13:] == "manifests/1.1" for request in own_front.requests if request.startswith("GET"))
    assert_same(found, registry.inventory())


def test_an_undated_image_keeps_the_day_it_was_seen_first(own_front: Front, empty_registry: RegistryServer) -> None:
    with pushing(empty_registry, "undated") as push:
        push.image("1.0")
    registry = registry_at(own_front)
    earlier = registry.inventory()
    assert set(earlier.images.loc[earlier.images["repository"] == "undated", "released_source"]) == {"seen"}
    with pushing(empty_registry, "undated") as push:
        push.image("2.0")
        push.image("2.1", layers=2)
    found = registry.inventory(resume=earlier)

    released = found.images.loc[found.images["repository"] == "undated"].set_index("tag")["released_at"]
    first = earlier.images.loc[earlier.images["repository"] == "undated", "released_at"].iloc[0]
    # 2.0 is a new tag of the same image.
    assert released["1.0"] == released["2.0"] == first
    assert released["2.1"] == pd.Timestamp(found.taken_at)


def test_a_part_and_the_whole(front: Front) -> None:
    registry = registry_at(front)
    expected = registry.inventory()
    part = registry.inventory(["app", "team/*"])
    front.requests.clear()
    assert_same(registry.inventory(resume=part), expected)
    heads = {request for request in front.requests if request.startswith("HEAD")}
    assert heads == set(tag_requests(front, "HEAD", part))

    assert_same(registry.inventory(["app", "team/*"], resume=expected), part)
    named = registry.inventory("app:latest", resume=expected)
    assert list(named.tags["tag"]) == ["latest"]
    assert_same(named, registry.inventory("app:latest"))


def test_images_named_by_a_frame(front: Front) -> None:
    registry = registry_at(front)
    images = registry.images("team/multi")
    some = images[images["architecture"] == "arm64"]
    earlier = registry.inventory(some)
    front.requests.clear()
    assert_same(registry.inventory(some, resume=earlier), earlier)
    assert {request.split()[0] for request in below_lists(front)} == {"HEAD"}
    with pytest.raises(rf.InvalidReference, match="other images"):
        registry.inventory(resume=earlier)


def test_what_cannot_be_gone_on_with_is_refused(front: Front) -> None:
    registry = registry_at(front)
    earlier = registry.inventory("team/multi")
    with pytest.raises(rf.InvalidReference, match=r"elsewhere\.example"):
        registry.inventory(resume=dataclasses.replace(earlier, registry="elsewhere.example"))
    with pytest.raises(rf.InvalidReference, match="linux/arm64"):
        registry_at(front, platform="linux/arm64").inventory(resume=earlier)
    with pytest.raises(rf.InvalidReference, match="Inventory"):
        registry.inventory(resume="inventory/")  # type: ignore[arg-type]
    arm = registry_at(front, platform="linux/arm64")
    assert_same(arm.inventory(resume=arm.inventory()), arm.inventory())


_INTERRUPTED = """
import sys
import regframe as rf
from regframe.batches import BatchedScan

BatchedScan.tags_in_a_batch = int(sys.argv[4])
registry = rf.Registry(sys.argv[1], cache=sys.argv[2] or False, progress=False, concurrency=3)
try:
    registry.inventory()
except rf.Interrupted as interrupt:
    interrupt.inventory.to_csv(sys.argv[3])
    print(repr(interrupt.inventory))
    raise
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send there")
@pytest.mark.parametrize("tags_in_a_batch", [3, 2000])
@pytest.mark.parametrize("has_cache", [False, True], ids=["no cache", "cache"])
def test_an_interrupt_gives_back_what_was_read(
    front: Front, tmp_path: Path, has_cache: bool, tags_in_a_batch: int
) -> None:
    expected = registry_at(front).inventory()
    cache = tmp_path / "documents.sqlite" if has_cache else ""
    front.held, front.held_after = "GET .*/blobs/", 5
    arguments = [front.address, str(cache), str(tmp_path / "csv"), str(tags_in_a_batch)]
    command = [sys.executable, "-W", "error", "-c", _INTERRUPTED, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert front.is_holding.wait(60)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10
    assert "incomplete" in said
    assert process.returncode != 0
    assert complaints.rstrip().splitlines()[-1].startswith("regframe.inventory.Interrupted:")
    assert "Exception ignored" not in complaints

    front.release()
    earlier = rf.Inventory.read_csv(tmp_path / "csv")
    assert not earlier.complete
    assert earlier.errors.empty
    read = earlier.tags[earlier.tags["digest"].notna()]
    assert 0 < len(read) < len(expected.tags)
    # A tag is there with all its rows, or by its name alone.
    keys = list(zip(read["repository"], read["tag"], strict=True))
    for name in ("images", "layers", "history", "config"):
        whole = getattr(expected, name).set_index(["repository", "tag"])
        assert len(getattr(earlier, name)) == whole.index.isin(keys).sum()

    front.requests.clear()
    found = registry_at(front).inventory(resume=earlier)
    assert found.complete
    assert_same(found, expected)
    assert {request for request in front.requests if request.startswith("HEAD")} == set(
        tag_requests(front, "HEAD", dataclasses.replace(earlier, tags=read))
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send there")
def test_an_interrupt_while_lists_are_read_gives_back_the_names_so_far(front: Front, tmp_path: Path) -> None:
    front.held = "GET .*/team/multi/tags/list"
    arguments = [front.address, "", str(tmp_path / "csv"), "2000"]
    command = [sys.executable, "-W", "error", "-c", _INTERRUPTED, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert front.is_holding.wait(60)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=60)
    assert "incomplete" in said, complaints
    front.release()
    earlier = rf.Inventory.read_csv(tmp_path / "csv")
    assert not len(earlier.images)
    assert earlier.tags["digest"].isna().all()
    assert "team/multi" in set(earlier.repositories["repository"])
    assert_same(registry_at(front).inventory(resume=earlier), registry_at(front).inventory())


def test_an_inventory_of_a_scan_that_ended_is_complete(front: Front, tmp_path: Path) -> None:
    inventory = registry_at(front).inventory("app")
    assert inventory.complete
    assert "incomplete" not in repr(inventory)
    inventory.to_csv(tmp_path)
    assert rf.Inventory.read_csv(tmp_path).complete
    part = dataclasses.replace(inventory, complete=False)
    part.to_csv(tmp_path)
    assert "incomplete" in repr(rf.Inventory.read_csv(tmp_path))
