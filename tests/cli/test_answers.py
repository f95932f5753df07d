"""Commands that answer questions, from a live registry and from a saved inventory's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import regframe as rf
from regframe import demo
from tests.cli.conftest import Call


@pytest.fixture(scope="module")
def folder(sample: demo.SampleRegistry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a saved inventory of a part of the sample registry."""
    path = tmp_path_factory.mktemp("inventory")
    rf.Registry(sample.address, platform="linux/amd64").inventory(["httpd", "team/*"]).to_csv(path)
    return path


COMMANDS = ["storage", "releases", "aliases", "growth", "bases"]


@pytest.mark.parametrize("name", COMMANDS)
def test_an_answer_from_a_folder_is_the_functions(call: Call, folder: Path, name: str) -> None:
    inventory = rf.Inventory.read_csv(folder)
    asked = inventory.images if name in {"releases", "aliases"} else inventory
    expected = getattr(rf, name)(asked)
    ended = call(name, str(folder), "--format", "json")
    assert ended.status == 0
    rows = json.loads(ended.output)
    assert len(rows) == len(expected)
    assert [row["repository"] for row in rows] == expected["repository"].tolist()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_table_of_it_is_for_people(call: Call, folder: Path, name: str) -> None:
    ended = call(name, str(folder), "--format", "table")
    assert ended.status == 0
    assert "repository" in ended.output
    assert "rows" in ended.output.splitlines()[-1]


def test_a_selection_narrows_a_saved_inventory(call: Call, folder: Path) -> None:
    rows = json.loads(call("storage", str(folder), "team/*", "--format", "json").output)
    assert {row["repository"] for row in rows} == {"team/api", "team/web"}


def test_an_answer_from_a_live_registry(call: Call, sample: demo.SampleRegistry) -> None:
    rows = json.loads(call("storage", f"{sample.address}/team/web", "--by", "tag", "--format", "json").output)
    assert {row["repository"] for row in rows} == {"team/web"}
    assert all(row["stored"] <= row["logical"] for row in rows)


def test_what_deleting_would_free(call: Call, folder: Path) -> None:
    rows = json.loads(call("reclaimable", str(folder), "--delete", "team/web", "--format", "json").output)
    expected = rf.reclaimable(rf.Inventory.read_csv(folder), "team/web")
    assert sum(row["size"] for row in rows) == expected["size"].sum()


def test_two_images_and_two_inventories_are_compared(call: Call, sample: demo.SampleRegistry, folder: Path) -> None:
    tags = rf.Inventory.read_csv(folder).tags.query("repository == 'team/api' and patch.notna()")["tag"].tolist()
    targets = [f"{sample.address}/team/api:{tag}" for tag in (tags[0], tags[-1])]
    rows = json.loads(call("diff", *targets, "--format", "json").output)
    assert {row["part"] for row in rows} >= {"layer", "step"}
    assert json.loads(call("drift", str(folder), str(folder), "--format", "json").output) == []


def test_an_inventory_is_planned_and_gone_on_with(call: Call, sample: demo.SampleRegistry, tmp_path: Path) -> None:
    plan = json.loads(call("plan", f"{sample.address}/team/web", "--format", "json").output)
    assert plan["tags"] == 15
    once, again = tmp_path / "once", tmp_path / "again"
    assert call("inventory", f"{sample.address}/team/web", "--output", str(once)).status == 0
    # Into another folder, and into the same one.
    for earlier, later in ((once, again), (again, f"{again}/../again")):
        resumed = call("inventory", f"{sample.address}/team/web", "--resume", str(earlier), "--output", str(later))
        assert (resumed.status, resumed.said) == (0, "")
        pd.testing.assert_frame_equal(rf.Inventory.read_csv(once).images, rf.Inventory.read_csv(again).images)
        # What was written as it was read says so.
        assert json.loads((again / "inventory.json").read_text())["in_parts"] == (later == again)


def test_the_doctor_and_what_is_attached_and_the_limit(call: Call, sample: demo.SampleRegistry) -> None:
    table = call("doctor", f"{sample.address}/httpd:2-alpine", "--format", "table")
    assert table.status == 0
    assert "referrers" in table.output
    rows = json.loads(call("doctor", sample.address, "--format", "json").output)
    assert {"check", "result", "verdict", "meaning"} == set(rows[0])
    attached = json.loads(call("referrers", f"{sample.address}/sample/signed:1.0", "--format", "json").output)
    assert {row["kind"] for row in attached} >= {"artifact", "signature"}
    assert call("limits", sample.address).status == 0
