"""An inventory that a real Dask cluster took is that of one machine, also when a worker dies."""

from __future__ import annotations

import base64
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from aiohttp import web

import regframe as rf
from regframe.dask import _read_part
from regframe.dataset import begin
from regframe.inventory import About
from regframe.parts import Part
from tests.dask.conftest import TAGS
from tests.parts import PASSWORD, USERNAME, Certificate, Front, RegistryServer, start_front, start_registry
from tests.parts.emulated_registry import EmulatedRegistry, serving

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

MANIFESTS = r"^GET /v2/.*/manifests/"


def at(server: RegistryServer | Front, **options: Any) -> rf.Registry:
    return rf.Registry(server.address, progress=False, **options)


def assert_equal(read: rf.Inventory, expected: rf.Inventory) -> None:
    """Check that two inventories have the same rows in the same order, whenever they were taken."""
    assert read.complete
    assert (read.registry, read.covers) == (expected.registry, expected.covers)
    for name, frame in expected.frames():
        pd.testing.assert_frame_equal(at_any_time(getattr(read, name)), at_any_time(frame))


def at_any_time(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without the times at which images were seen first."""
    if "released_at" not in frame:
        return frame
    return frame.assign(released_at=frame["released_at"].mask(frame["released_source"] == "seen"))


def kill_a_worker_that_reads(client: Client) -> None:
    busy = next(address for address, tasks in client.processing().items() if tasks)
    os.kill(client.run(os.getpid, workers=[busy])[busy], signal.SIGKILL)


def test_it_is_the_inventory_of_one_machine(client: Client, front: Front, tmp_path: Path) -> None:
    front.refused = {"/team/app/manifests/1.1$": 403}
    expected = at(front).inventory()
    asked = front.requests.copy()
    front.requests.clear()
    written = rf.dask.inventory(at(front), output=tmp_path, client=client, tags_per_part=5)
    read = rf.Inventory.read_parquet(tmp_path)
    assert_equal(read, expected)
    assert len(expected.errors) == 1
    seen = read.images[read.images["released_source"] == "seen"]
    assert seen["released_at"].tolist() == [read.taken_at] * 9
    assert (written["parts"] >= 4).all()
    counts = {name: len(frame) for name, frame in expected.frames()}
    assert written[list(counts)].to_dict("records") == [counts]
    assert written["registry"].tolist() == [front.address]
    # Lists are read once, and every tag; only what several parts have in common is asked for by each.
    for request in asked.keys() | front.requests.keys():
        assert front.requests[request] == asked[request] or "/blobs/" in request, request


def test_dask_reads_what_its_workers_wrote(client: Client, registry: RegistryServer, tmp_path: Path) -> None:
    import dask.dataframe

    rf.dask.inventory(registry.address, output=tmp_path, client=client, tags_per_part=5)
    inventory = rf.Inventory.read_parquet(tmp_path)
    keys = ["repository", "tag", "digest"]
    for name in ("images", "layers", "history", "config"):
        frame = dask.dataframe.read_parquet(tmp_path / f"{name}.parquet")
        assert len(list((tmp_path / f"{name}.parquet").iterdir())) > 2
        read = frame.compute().sort_values(keys, kind="stable", ignore_index=True)
        expected = getattr(inventory, name).sort_values(keys, kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(read, expected, check_categorical=False, check_dtype=False)
    sizes = dask.dataframe.read_parquet(tmp_path / "images.parquet")["size"].sum().compute()
    assert sizes == inventory.images["size"].sum()


@pytest.mark.parametrize(
    "selection",
    ["team/*", "big:1.1*", ["team/app:2.0", "big", "big:1.3", "base:none", "gone"], ["base:3.9", "big:1.1"]],
    ids=str,
)
def test_a_selection_is_that_of_one_machine(
    client: Client, registry: RegistryServer, tmp_path: Path, selection: Any
) -> None:
    rf.dask.inventory(registry.address, output=tmp_path, client=client, selection=selection, tags_per_part=4)
    assert_equal(rf.Inventory.read_parquet(tmp_path), at(registry).inventory(selection))


def test_a_frame_with_digests_selects_these_images(client: Client, registry: RegistryServer, tmp_path: Path) -> None:
    images = at(registry).images(["team/multi", "base"]).iloc[::2]
    rf.dask.inventory(registry.address, output=tmp_path, client=client, selection=images, tags_per_part=1)
    assert_equal(rf.Inventory.read_parquet(tmp_path), at(registry).inventory(images))


def test_when_tags_were_pushed_is_as_the_lists_say(client: Client, tmp_path: Path) -> None:
    with serving(EmulatedRegistry()) as google:
        for number in range(6):
            google.image("app", str(number), env=[f"N={number}"])
        times = {
            digest: {"tag": [tag], "timeUploadedMs": str(1_700_000_000_000 + int(tag))}
            for tag, digest in google.tags["app"].items()
        }
        google.override(
            "/v2/app/tags/list",
            lambda request: web.json_response({"name": "app", "tags": list(google.tags["app"]), "manifest": times}),
        )
        registry = rf.Registry(google.address, progress=False)
        rf.dask.inventory(registry, output=tmp_path, client=client, tags_per_part=2)
        read = rf.Inventory.read_parquet(tmp_path)
        assert set(read.images["released_source"]) == {"registry"}
        assert_equal(read, registry.inventory())


def test_a_killed_worker_costs_its_part_a_second_try(client: Client, front: Front, tmp_path: Path) -> None:
    front.held, front.held_after = MANIFESTS, 7
    workers = client.run(os.getpid)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(rf.dask.inventory, at(front), output=tmp_path, client=client, tags_per_part=4)
        assert front.is_holding.wait(60)
        kill_a_worker_that_reads(client)
        front.release()
        assert written.result(120)["failed_parts"].tolist() == [0]
    assert client.run(os.getpid) != workers
    twice = [request for request, count in front.requests.items() if "/manifests/" in request and count > 1]
    assert len(twice) <= 4
    assert_equal(rf.Inventory.read_parquet(tmp_path), at(front).inventory())


def test_a_part_that_fails_for_good_is_a_row_and_can_be_read_later(
    cluster: LocalCluster, client: Client, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    front.held = r"^GET /v2/big/manifests/"
    # One request at a time is one part at a time.
    registry = at(front, concurrency=1)
    with ThreadPoolExecutor(1) as pool:
        written: Future[pd.DataFrame] = pool.submit(
            rf.dask.inventory, registry, output=tmp_path, client=client, tags_per_part=len(TAGS["big"])
        )
        assert front.is_holding.wait(60)
        kill_a_worker_that_reads(client)
        front.release()
        assert written.result(120)[["failed_parts", "errors"]].to_numpy().tolist() == [[1, 1]]
    found, expected = rf.Inventory.read_parquet(tmp_path), registry.inventory()
    error = found.errors.iloc[0]
    assert (error["repository"], error["operation"]) == ("big", "part")
    assert error["message"].startswith("12 tags of big could not be read: the worker that read it died")
    assert set(found.images["repository"]) == {"base", "team/app", "team/multi"}
    pd.testing.assert_frame_equal(found.tags[["repository", "tag"]], expected.tags[["repository", "tag"]])
    assert_equal(registry.inventory(resume=found), expected)


def test_a_call_stops_when_another_has_begun_in_its_folder(client: Client, front: Front, tmp_path: Path) -> None:
    front.held = MANIFESTS
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(rf.dask.inventory, at(front), output=tmp_path, client=client, tags_per_part=4, retries=0)
        assert front.is_holding.wait(60)
        # What is known by then can be read.
        so_far = rf.Inventory.read_parquet(tmp_path)
        assert not so_far.complete
        assert so_far.repositories["repository"].tolist() == at(front).repositories()["repository"].tolist()
        begin(tmp_path, "parquet", About(front.address, datetime(2030, 1, 1, tzinfo=UTC)))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        front.release()
        with pytest.raises(rf.ConfigurationError, match="Another inventory has been begun"):
            first.result(120)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_worker_that_has_another_folder_at_that_path_writes_nothing(registry: RegistryServer, tmp_path: Path) -> None:
    # As on a machine that does not share it: there is nothing at that path.
    part = Part(1, datetime.now(UTC), {"base": ("3.9",)})
    with pytest.raises(rf.ConfigurationError, match="all workers must reach it by this path"):
        _read_part(at(registry)._connection, part, str(tmp_path / "inventory"))
    assert not list(tmp_path.iterdir())


def test_all_workers_together_ask_no_more_at_once_than_one_machine(
    client: Client, front: Front, tmp_path: Path
) -> None:
    # Not of manifests: the first of each worker goes alone.
    front.held = r"^GET /v2/big/blobs/"
    registry = at(front, concurrency=5)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(rf.dask.inventory, registry, output=tmp_path, client=client, tags_per_part=3)
        reached = front.wait_for(5, 30)
        front.release()
        assert written.result(120)["failed_parts"].tolist() == [0]
    assert reached
    assert front.most_under_way == 5


def test_several_registries_are_one_call(
    client: Client, registry: RegistryServer, other_front: Front, front: Front, tmp_path: Path
) -> None:
    other_front.refused = {"/v2/_catalog": 403}
    targets = [registry.address, at(front), other_front.address]
    written = rf.dask.inventory(targets, output=f"file://{tmp_path}", client=client)
    assert written["registry"].tolist() == [registry.address, front.address, other_front.address]
    for server, folder in zip((registry, front), written["folder"], strict=False):
        assert_equal(rf.Inventory.read_parquet(folder), at(server).inventory())
    # A registry that cannot be read fails its own rows.
    assert rf.Inventory.read_parquet(written["folder"][2]).errors["operation"].tolist() == ["catalog"]
    datasets = pd.read_parquet(tmp_path / "datasets.parquet")
    assert [*map(str, datasets.dtypes)] == [*map(str, written.dtypes)]
    pd.testing.assert_frame_equal(datasets, written, check_dtype=False)


def test_a_secret_is_in_no_log_of_dask(
    client: Client, registry: RegistryServer, htpasswd: Path, tmp_path: Path
) -> None:
    with start_registry(registry.storage, htpasswd=htpasswd, read_only=True) as private, start_front(private) as front:
        target = at(front, username=USERNAME, password=PASSWORD)
        rf.dask.inventory(target, output=tmp_path / "one", client=client)
        assert_equal(rf.Inventory.read_parquet(tmp_path / "one"), target.inventory())
        # Of a task that raises Dask logs what it was.
        front.refused = {"/manifests/": 500}
        target = at(front, username=USERNAME, password=PASSWORD, strict=True)
        with pytest.raises(rf.RegistryError) as refused:
            rf.dask.inventory(target, output=tmp_path / "two", client=client, retries=0)
    logs = f"{client.get_worker_logs()} {client.get_scheduler_logs()} {client.get_events()}"
    assert "_read_part" in logs
    assert PASSWORD not in logs + str(refused.value) + repr(target)
    assert base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode() not in logs
    assert not any(PASSWORD.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_workers_find_the_stored_login_themselves(
    client: Client, registry: RegistryServer, certificate: Certificate, htpasswd: Path, tmp_path: Path
) -> None:
    with start_registry(registry.storage, tls=certificate, htpasswd=htpasswd, read_only=True) as private:
        logins = Path.home() / ".docker/config.json"
        logins.parent.mkdir()
        login = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        logins.write_text(json.dumps({"auths": {private.address: {"auth": login}}}))
        # What is to be believed goes to the workers, who do not have the file.
        authority = tmp_path / "domain.crt"
        shutil.copy(certificate.certificate, authority)
        target = at(private, ca=authority)
        sent = pickle.dumps(target._connection)
        authority.unlink()
        try:
            rf.dask.inventory(target, output=tmp_path / "inventory", client=client)
        finally:
            shutil.rmtree(logins.parent)
    assert PASSWORD.encode() not in sent
    assert login.encode() not in sent
    assert len(rf.Inventory.read_parquet(tmp_path / "inventory").tags) == sum(map(len, TAGS.values()))


@pytest.mark.parametrize(
    ("targets", "error", "sentence"),
    [
        ("podman:", rf.Unsupported, "podman: is on this machine"),
        (["oci:layout"], rf.Unsupported, "is on this machine"),
        (["localhost:1/a", "localhost:1/b"], rf.InvalidReference, "localhost:1 is named twice"),
        ([], rf.InvalidReference, "Name a registry"),
    ],
)
def test_what_cannot_be_read_so_is_one_sentence(
    tmp_path: Path, targets: Any, error: type[rf.RegframeError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        rf.dask.inventory(targets, output=tmp_path)


def test_nothing_at_all_is_an_error(client: Client, front: Front, tmp_path: Path) -> None:
    front.refused = {"/v2/_catalog": 401}
    with pytest.raises(rf.Unsupported, match="does not offer a list"):
        rf.dask.inventory(front.address, output=tmp_path / "inventory", client=client)
    assert not (tmp_path / "inventory").exists()
    front.refused = {}
    (tmp_path / "file").write_text("")
    with pytest.raises(rf.ConfigurationError, match="cannot be written"):
        rf.dask.inventory(front.address, output=tmp_path / "file", client=client)


def test_a_script_that_its_workers_cannot_import_is_told(
    tmp_path: Path, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoClient:
        """What Dask does then, after some minutes."""

        def __init__(self, **options: Any) -> None:
            raise RuntimeError("Nanny failed to start.")

        @classmethod
        def current(cls) -> None:
            raise ValueError

    monkeypatch.setattr("distributed.Client", NoClient)
    with pytest.raises(rf.ConfigurationError, match=r"Nanny failed to start\. In a script the call stands below"):
        rf.dask.inventory(registry.address, output=tmp_path / "inventory")
    assert not (tmp_path / "inventory").exists()


def test_without_dask_it_says_what_to_install() -> None:
    program = """
import sys
import regframe as rf
assert "distributed" not in sys.modules and rf.dask and "distributed" not in sys.modules
sys.modules["distributed"] = None
try:
    rf.dask.inventory("localhost:1", output="nowhere")
except rf.ConfigurationError as error:
    assert "pip install 'regframe[dask]'" in str(error)
else:
    sys.exit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
