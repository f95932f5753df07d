"""The explorer, driven from Python: loading in the background, what it shows, what it writes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from ipywidgets.embed import dependency_state
from pandas.testing import assert_frame_equal

import regframe as rf
from regframe import demo
from regframe.widgets.views import Table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts import Certificate, Front

TABS = ["Table", "Layer sizes", "Release timeline", "History", "Config", "Storage"]


@pytest.fixture
def explorer(registry: rf.Registry) -> rf.Explorer:
    """Give an explorer with three releases of httpd chosen."""
    opened = rf.explore(registry)
    assert opened.repository_picker is not None
    assert opened.tag_picker is not None
    opened.repository_picker.wait()
    opened.repository_picker.value = "httpd"
    opened.tag_picker.wait()
    opened.tag_picker.pattern.value = "2.4.6[234]"
    return opened


def test_what_is_loaded_is_what_the_registry_gives(explorer: rf.Explorer, registry: rf.Registry) -> None:
    assert not explorer.load_button.disabled
    explorer.load_button.click()
    inventory = explorer.wait()
    assert inventory is not None
    assert explorer.inventory is inventory
    expected = registry.inventory("httpd:2.4.6[234]")
    for (name, found), (_, wanted) in zip(inventory.frames(), expected.frames(), strict=True):
        if name != "repositories":
            assert_frame_equal(found, wanted)
    assert_frame_equal(explorer.images, expected.images)
    assert_frame_equal(explorer.layers, expected.layers)
    assert explorer.status.text == f"3 tags and {expected.images['digest'].nunique()} images loaded."
    assert (explorer.progress.value, explorer.progress.max) == (3, 3)
    assert explorer.cancel_button.disabled


def test_nothing_is_loaded_before_something_is_chosen(registry: rf.Registry) -> None:
    explorer = rf.explore(registry)
    assert explorer.load_button.disabled
    assert explorer.inventory is None
    assert explorer.images.empty
    assert explorer.layers.empty
    with pytest.raises(rf.RegframeError, match="nothing to export"):
        explorer.export()
    with pytest.raises(rf.RegframeError, match="connect to a registry first"):
        rf.explore().load()


def test_one_cell_chooses_and_loads(registry: rf.Registry) -> None:
    explorer = rf.explore(registry)
    assert explorer.repository_picker is not None
    assert explorer.tag_picker is not None
    explorer.tag_picker.pattern.value = "2.4.62"
    explorer.repository_picker.value = "httpd"
    explorer.load()

    async def in_a_running_loop() -> rf.Inventory | None:
        return explorer.wait()

    inventory = asyncio.run(in_a_running_loop())
    assert inventory is not None
    assert list(inventory.tags["tag"]) == ["2.4.62"]


def test_each_tab_is_drawn_when_it_is_looked_at(explorer: rf.Explorer) -> None:
    explorer.load()
    explorer.wait()
    assert list(explorer.tabs.titles) == TABS
    assert [bool(page.children) for page in explorer.tabs.children] == [True] + [False] * 5
    for index in range(len(TABS)):
        explorer.tabs.selected_index = index
        explorer.wait()
    shown = json.dumps(dependency_state([explorer]))
    assert all(page.children for page in explorer.tabs.children)
    for name in ("images", "history", "config", "storage", "layer-sizes", "release-timeline", "storage-plot"):
        assert f"regframe-{name}" in shown
    assert explorer.status.text.endswith("loaded.")


def test_a_table_is_sorted_by_any_column(explorer: rf.Explorer) -> None:
    explorer.load()
    explorer.wait()
    table = explorer.tabs.children[0].children[0]
    largest = explorer.images.nlargest(1, "size").iloc[0]
    table.sort.value = "size"
    first = table.children[1].value.partition("<tbody>")[2].partition("</tr>")[0]
    assert largest["tag"] in first
    assert str(largest["platform"]) in first
    table.order.value = True  # smallest first
    assert first not in table.children[1].value.partition("<tbody>")[2].partition("</tr>")[0]


def test_tags_are_sorted_as_versions() -> None:
    table = Table(pd.DataFrame({"tag": ["2.4.9", "2.4.10", None, "latest"]}, dtype="str"), "tags")
    table.sort.value, table.order.value = "tag", True
    places = [table.children[1].value.index(f">{tag}<") for tag in ("2.4.9", "2.4.10", "latest")]
    assert places == sorted(places)


def test_what_is_exported_is_what_is_shown(
    explorer: rf.Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, front: Front
) -> None:
    monkeypatch.chdir(tmp_path)
    explorer.load()
    explorer.wait()
    explorer.export_button.click()
    explorer.wait()
    folder = tmp_path / f"regframe-localhost-{front.server_port}"
    assert_frame_equal(rf.Inventory.read_csv(folder).images, explorer.images)
    assert 'download="regframe-localhost' in explorer.exported.value
    assert explorer.export(tmp_path / "elsewhere")[0].parent == tmp_path / "elsewhere"


def test_loading_does_not_block_and_can_be_cancelled(explorer: rf.Explorer, front: Front) -> None:
    front.held, front.held_after = r"/(manifests|blobs)/", 8
    explorer.load()
    assert front.is_holding.wait(30)
    assert not explorer.cancel_button.disabled
    explorer.cancel_button.click()
    inventory = explorer.wait()
    front.release()
    assert inventory is not None
    assert not inventory.complete
    assert explorer.status.text.startswith("Cancelled: ")
    assert explorer.cancel_button.disabled
    explorer.load()
    whole = explorer.wait()
    assert whole is not None
    assert whole.complete


def test_a_new_choice_cancels_the_load_before(explorer: rf.Explorer, front: Front) -> None:
    front.held = "/v2/httpd/(manifests|blobs)/"
    explorer.load()
    assert front.is_holding.wait(30)
    assert explorer.repository_picker is not None
    assert explorer.tag_picker is not None
    explorer.tag_picker.pattern.value = ""
    explorer.repository_picker.value = "hello-world"
    explorer.tag_picker.wait()
    explorer.load()
    inventory = explorer.wait()
    front.release()
    assert inventory is not None
    assert inventory.complete
    assert set(inventory.tags["repository"]) == {"hello-world"}


def test_a_registry_that_stops_in_the_middle_is_in_words(explorer: rf.Explorer, front: Front) -> None:
    front.refused["/blobs/"] = 404
    explorer.load()
    inventory = explorer.wait()
    assert inventory is not None
    assert not inventory.errors.empty
    assert explorer.progress.bar_style == "warning"
    assert f"{len(inventory.errors)} things could not be read" in explorer.errors.value
    assert str(inventory.errors["message"].iloc[0]).split()[0] in explorer.errors.value


def test_the_code_loads_the_same(front: Front, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: demo.PASSWORD)
    explorer = rf.explore()
    picker = explorer.registry_picker
    assert picker is not None
    picker.value = front.address
    picker.username.value, picker.ca.value = demo.USERNAME, str(certificate.certificate)
    picker.password.value = demo.PASSWORD
    picker.connect()
    assert picker.wait() is not None
    assert explorer.repository_picker is not None
    assert explorer.tag_picker is not None
    explorer.repository_picker.wait()
    explorer.repository_picker.value = "httpd"
    explorer.tag_picker.wait()
    explorer.tag_picker.pattern.value = "2.4.6*-alpine"
    explorer.tag_picker.platform.value = "linux/amd64"
    explorer.load()
    explorer.wait()
    explorer.code_button.click()
    names: dict[str, rf.Inventory] = {}
    exec(explorer.code.value, names)
    assert_frame_equal(names["inventory"].images, explorer.images)
    assert set(explorer.images["platform"]) == {"linux/amd64"}
    for shown in (explorer.code.value, repr(explorer), json.dumps(dependency_state([explorer]))):
        assert demo.PASSWORD not in shown
    explorer.tag_picker.pattern.value = "2.4.62"
    assert "'httpd:2.4.62'" in explorer.code.value
