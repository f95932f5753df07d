"""An inventory that is written to files as it is read is the one that is taken in memory; batches of three tags."""

from __future__ import annotations

import dataclasses
import gc
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
import pytest

import regframe as rf
from regframe.batches import BatchedScan
from tests.parts import Front, RegistryServer, start_front

if TYPE_CHECKING:
    from collections.abc import Iterator

Form = Literal["csv", "parquet"]

pytest.importorskip("pyarrow")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchedScan, "tags_in_a_batch", 3)


@pytest.fixture
def front(plain_registry: RegistryServer) -> Iterator[Front]:
    """Give a server before the samples, which counts."""
    with start_front(plain_registry) as front:
        yield front


def registry_at(front: Front, **options: object) -> rf.Registry:
    return rf.Registry(front.address, cache=False, progress=False, **options)  # type: ignore[arg-type]


def assert_same(found: rf.Inventory, expected: rf.Inventory) -> None:
    """Check that two inventories say the same, but for when an image was seen."""
    assert (found.registry, found.complete, found.covers) == (expected.registry, expected.complete, expected.covers)
    for name, frame in expected.frames():
        frames = [frame, getattr(found, name)]
        if name == "images":
            frames = [
                one.assign(released_at=one["released_at"].mask(one["released_source"] == "seen")) for one in frames
            ]
        pd.testing.assert_frame_equal(frames[1], frames[0])


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "selection",
    [
        None,
        ["team/*", "app", "none/there"],
        ["team/multi:1.0", "app:*", "team/*:latest", "app:nope", "app:latest"],
        "app@sha256:" + "0" * 64,
    ],
    ids=["all", "globs", "names", "nothing"],
)
def test_files_hold_what_is_taken_in_memory(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form, selection: list[str] | None
) -> None:
    registry = registry_at(front)
    # Some tags, configs and a list that cannot be had.
    front.refused = {"GET .*/shapes/nested/tags": 403, "GET .*/shapes/attested/manifests/1.0": 400}
    try:
        with monkeypatch.context() as all_at_once:
            all_at_once.setattr(BatchedScan, "tags_in_a_batch", 2000)
            expected = registry.inventory(selection)
    except rf.NotFound:
        with pytest.raises(rf.NotFound):
            registry.inventory(selection, output=tmp_path / "out", format=form)
        assert not (tmp_path / "out").exists()
        return
    errors = registry.errors
    files = registry.inventory(selection, output=tmp_path / "out", format=form)
    assert files.complete
    assert files.rows == {name: len(frame) for name, frame in expected.frames()}
    assert len(registry.errors) == len(errors) == len(files.errors)
    assert_same(files.read(), expected)
    assert_same(registry.inventory(selection), expected)


@pytest.mark.parametrize("way", ["in memory", "csv", "parquet"])
def test_each_text_is_in_memory_once(front: Front, tmp_path: Path, way: str) -> None:
    inventory = registry_at(front).inventory()
    if way == "csv":
        inventory.to_csv(tmp_path)
        inventory = rf.Inventory.read_csv(tmp_path)
    elif way == "parquet":
        inventory.to_parquet(tmp_path)
        inventory = rf.Inventory.read_parquet(tmp_path)
    places: dict[str, set[int]] = {}
    for _, frame in inventory.frames():
        for name in frame.select_dtypes("str").columns:
            for text in frame[name].dropna().to_numpy(dtype=object):
                places.setdefault(text, set()).add(id(text))
    assert len(places) > 100
    assert {text: len(there) for text, there in places.items() if len(there) > 1} == {}


def test_the_garbage_collector_is_as_it_was(front: Front, tmp_path: Path) -> None:
    registry, before = registry_at(front), gc.get_freeze_count()
    registry.inventory("app", output=tmp_path)
    registry.images("app")
    with pytest.raises(rf.NotFound):
        registry.inventory("none/there")
    assert gc.get_freeze_count() == before
    gc.freeze()
    try:
        registry.inventory("app")
        # What the user has frozen stays so.
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_each_list_and_tag_is_asked_for_once(front: Front, tmp_path: Path) -> None:
    files = registry_at(front).inventory(output=tmp_path)
    asked = {request: count for request, count in front.requests.items() if "sha256:" not in request}
    assert set(asked.values()) == {1}
    assert sum("/manifests/" in request for request in asked) == files.rows["tags"]


def test_lists_come_first_so_that_it_is_known_how_much_there_is(front: Front, tmp_path: Path) -> None:
    rf.Registry(front.address, cache=False, progress=False, concurrency=4).inventory()
    order = list(front.requests)
    last_list = max(number for number, request in enumerate(order) if "/tags/list" in request)
    first_tag = min(number for number, request in enumerate(order) if "/manifests/" in request)
    # The last lists may still be on their way when a worker has none to begin.
    assert first_tag > last_list - 4


@pytest.mark.parametrize("form", [None, "parquet", "csv"])
def test_the_first_tags_are_from_everywhere_unless_a_file_grows(
    front: Front, tmp_path: Path, form: Form | None
) -> None:
    registry = registry_at(front, concurrency=1)
    files = {} if form is None else {"output": tmp_path, "format": form}
    taken = registry.inventory(**files)  # type: ignore[call-overload]
    tags = (taken if isinstance(taken, rf.Inventory) else taken.read()).tags
    position = {f"/v2/{row.repository}/manifests/{row.tag}": row.Index for row in tags.itertuples()}
    asked = [position[path] for path in (request.split()[1] for request in front.requests) if path in position]
    assert sorted(asked) == list(range(15))
    # Batches of three tags: the beginning, the end and the middle before what is between them.
    assert [at // 3 for at in asked[::3]] == ([0, 1, 2, 3, 4] if form == "csv" else [0, 4, 2, 1, 3])
    assert all(batch == sorted(batch) for batch in (asked[start : start + 3] for start in range(0, 15, 3)))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_inventory_that_was_there_is_replaced(front: Front, tmp_path: Path, form: Form) -> None:
    registry = registry_at(front)
    registry.inventory(output=tmp_path, format=form)
    files = registry.inventory("app", output=tmp_path, format=form)
    assert_same(files.read(), registry.inventory("app"))


def test_an_inventory_that_was_there_stays_where_nothing_can_be_read(front: Front, tmp_path: Path) -> None:
    registry = registry_at(front)
    before = registry.inventory("app", output=tmp_path).read()
    front.refused = {"^GET": 403}
    for selection in (None, "app", "app:1.0"):
        with pytest.raises((rf.CredentialsRefused, rf.Unsupported)):
            registry.inventory(selection, output=tmp_path)
    assert_same(rf.Inventory.read_parquet(tmp_path), before)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_home_folder_is_meant_by_its_sign(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    registry = registry_at(front)
    files = registry.inventory("app", output="~/inventory", format=form)
    assert files.folder == str(tmp_path / "inventory")
    expected = registry.inventory("app")
    write, read = getattr(expected, f"to_{form}"), getattr(rf.Inventory, f"read_{form}")
    assert_same(read("~/inventory"), expected)
    write("~/again")
    assert_same(read(tmp_path / "again"), expected)


def test_no_folder_is_this_folder(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    registry_at(front).inventory("app", output="")
    assert len(rf.Inventory.read_parquet(tmp_path).images)


def test_images_named_by_digest_are_read_back_when_it_was_interrupted(front: Front, tmp_path: Path) -> None:
    registry = registry_at(front)
    digest = registry.images("app")["digest"].iloc[0]
    files = registry.inventory(f"app@{digest}", output=tmp_path)
    whole = files.read()
    about = tmp_path / "inventory.json"
    about.write_text(about.read_text().replace('"complete": true', '"complete": false'))
    assert len(whole.images) == 1
    pd.testing.assert_frame_equal(files.read().images, whole.images)


def test_what_is_strict_stops_and_says_that_the_files_are_not_all(front: Front, tmp_path: Path) -> None:
    front.refused = {"GET .*/manifests/": 400}
    with pytest.raises(rf.RegistryError):
        registry_at(front, strict=True).inventory(output=tmp_path)
    assert not rf.Inventory.read_parquet(tmp_path).complete


def test_what_cannot_be_done_is_said_before_anything_is_asked(front: Front, tmp_path: Path) -> None:
    registry = registry_at(front)
    earlier = dataclasses.replace(registry.inventory("app"), registry="elsewhere.example")
    front.requests.clear()
    with pytest.raises(rf.InvalidReference, match="elsewhere"):
        registry.inventory(resume=earlier, output=tmp_path)
    assert not any(tmp_path.iterdir())
    with pytest.raises(rf.ConfigurationError, match="feather"):
        registry.inventory(output=tmp_path, format="feather")  # type: ignore[call-overload]
    (tmp_path / "file").write_text("")
    with pytest.raises(rf.ConfigurationError, match="no folder to write in"):
        registry.inventory(output=tmp_path / "file")
    assert not front.requests


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_goes_on_with_an_earlier_one_takes_over_its_rows_part_by_part(
    front: Front, tmp_path: Path, form: Form
) -> None:
    registry = registry_at(front)
    expected = registry.inventory()
    # What was not read by then: some tags, a repository and some configs.
    front.refused = {"GET .*/app/manifests/latest": 400, "GET .*/team/.*/blobs/": 403, "GET .*/nested/tags/": 403}
    earlier = registry.inventory()
    front.refused = {}
    front.requests.clear()
    files = registry.inventory(resume=earlier, output=tmp_path, format=form)
    assert_same(files.read(), expected)
    assert files.rows == {name: len(frame) for name, frame in expected.frames()}
    unread = earlier.errors["tag"].notna().sum()
    assert 0 < unread < len(earlier.tags)
    heads = [request for request in front.requests if request.startswith("HEAD")]
    gets = [request for request in front.requests if "/manifests/" in request and request.startswith("GET")]
    assert 3 < len(heads) < len(expected.tags)
    assert not {request.split()[1] for request in heads} & {request.split()[1] for request in gets}
    # And with nothing to be read at all.
    front.requests.clear()
    again = registry.inventory(resume=files.read(), output=tmp_path, format=form).read()
    assert_same(again, expected)
    assert not [request for request in front.requests if request.startswith("GET") and "?n=" not in request]


_INTERRUPTED = """
import sys
import regframe as rf
from regframe.batches import BatchedScan

BatchedScan.tags_in_a_batch = 3
registry = rf.Registry(sys.argv[1], cache=False, progress=False, concurrency=3)
earlier = rf.Inventory.read_parquet(sys.argv[4]) if sys.argv[4:] else None
try:
    registry.inventory(resume=earlier, output=sys.argv[2], format=sys.argv[3])
except rf.Interrupted as interrupt:
    print(repr(interrupt.files))
    print(len(interrupt.inventory.images))
    raise
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send there")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_interrupt_leaves_what_was_read(front: Front, tmp_path: Path, form: Form) -> None:
    expected = registry_at(front).inventory()
    front.held, front.held_after = "GET .*/blobs/", 6
    command = [sys.executable, "-W", "error", "-c", _INTERRUPTED, front.address, str(tmp_path), form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert front.is_holding.wait(60)
        # The batches before this one are there already.
        assert not json.loads((tmp_path / "inventory.json").read_text())["complete"]
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=60)
    assert complaints.rstrip().splitlines()[-1].startswith("regframe.inventory.Interrupted:")
    front.release()

    reader = rf.Inventory.read_csv if form == "csv" else rf.Inventory.read_parquet
    earlier = reader(tmp_path)
    assert not earlier.complete
    assert "incomplete" in said.splitlines()[0]
    assert said.splitlines()[1] == str(len(earlier.images))
    read = earlier.tags[earlier.tags["digest"].notna()]
    assert 3 <= len(read) < len(expected.tags)
    # A tag is there with all its rows, or by its name alone.
    assert list(earlier.tags["tag"]) == list(expected.tags["tag"])
    keys = list(zip(read["repository"], read["tag"], strict=True))
    for name in ("images", "layers", "history", "config"):
        whole = getattr(expected, name).set_index(["repository", "tag"])
        assert len(getattr(earlier, name)) == whole.index.isin(keys).sum()
    assert_same(registry_at(front).inventory(resume=earlier), expected)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send there")
def test_an_interrupt_while_going_on_leaves_what_was_taken_over(front: Front, tmp_path: Path) -> None:
    expected = registry_at(front).inventory()
    registry_at(front).inventory("app").to_parquet(tmp_path / "earlier")
    front.held, front.held_after = "GET .*/blobs/", 2
    arguments = [front.address, str(tmp_path / "out"), "parquet", str(tmp_path / "earlier")]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _INTERRUPTED, *arguments], stderr=subprocess.PIPE
    ) as process:
        assert front.is_holding.wait(60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    front.release()
    found = rf.Inventory.read_parquet(tmp_path / "out")
    assert not found.complete
    assert list(found.tags["tag"]) == list(expected.tags["tag"])
    # The first batch has nothing but tags that were read before: all their rows are there, for which no blob was asked.
    taken_over = expected.tags["tag"].head(3).tolist()
    for name in ("tags", "images", "layers", "history", "config"):
        rows = [
            one[(one["repository"] == "app") & one["tag"].isin(taken_over)]
            for one in (getattr(found, name), getattr(expected, name))
        ]
        assert rows[0]["digest"].tolist() == rows[1]["digest"].tolist()
        assert rows[1]["digest"].notna().all()
    assert_same(registry_at(front).inventory(resume=found), expected)
