"""The code of docs/large.md gives what the functions give of an inventory in memory."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import regframe as rf
from regframe import analysis
from regframe.batches import BatchedScan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parts import RegistryServer

pytest.importorskip("pyarrow")
pytest.importorskip("dask.dataframe")

# Dask 2026.8 calls pandas 3.1 so.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

PAGE = Path(__file__).parents[2] / "docs" / "large.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def inventory(plain_registry: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rf.Inventory:
    """Write the inventory of the samples in parts of three tags, go to where it is, and give it in memory."""
    monkeypatch.setattr(BatchedScan, "tags_in_a_batch", 3)
    monkeypatch.chdir(tmp_path)
    registry = rf.Registry(plain_registry.address, cache=False, progress=False)
    return registry.inventory(output="inventory/").read()


def run(*words: str) -> dict[str, Any]:
    """Run the blocks of the page up to the last that has one of these words, without those of DuckDB before it."""
    names: dict[str, Any] = {}
    for block in BLOCKS:
        if "duckdb" not in block or any(word in block for word in words):
            exec(block, names)
    return names


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Check that frames have the same rows, in whichever order and with whichever categories."""
    by = [column for column in expected if not expected[column].isna().all()]
    both = [frame[list(expected)].astype("str").sort_values(by, ignore_index=True) for frame in (found, expected)]
    pd.testing.assert_frame_equal(*both)


def test_what_reads_the_parquet_files_alone_says_the_same(inventory: rf.Inventory) -> None:
    names = run()
    pd.testing.assert_frame_equal(names["storage"], rf.storage(inventory), check_dtype=False)
    assert_same(names["growth"], rf.growth(inventory, "app"))
    assert_same(names["releases"], rf.releases(inventory.images))
    layers = inventory.layers[inventory.layers["stored"]]
    assert names["stored"] == layers.drop_duplicates("layer_digest")["size"].sum()
    ports = inventory.config[inventory.config["section"] == "port"]
    assert len(ports)
    assert_same(names["ports"], ports[["repository", "tag", "name"]])


@pytest.mark.parametrize("function", [rf.aliases, rf.platforms, rf.releases])
def test_these_are_about_each_repository_by_itself(
    inventory: rf.Inventory, function: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    images = inventory.images
    parts = [function(images[images["repository"] == name]) for name in images["repository"].unique()]
    found, expected = pd.concat([part for part in parts if len(part)]), function(images)
    if function is rf.platforms:
        # A platform that a repository has nothing of is no column there.
        found = found.fillna({name: False for name in expected if "/" in name})
    assert_same(found, expected)


def test_so_is_what_a_policy_keeps(inventory: rf.Inventory) -> None:
    images = inventory.images
    kept = [rf.retention(rows, keep_last=1) for _, rows in images.groupby("repository", observed=True)]
    assert pd.concat(kept).sort_index().tolist() == rf.retention(images, keep_last=1).tolist()


def test_duckdb_says_the_same(inventory: rf.Inventory) -> None:
    pytest.importorskip("duckdb")
    names = run("layers_held", "layers_freed")
    storage = rf.storage(inventory).set_index("repository")
    has_others = inventory.images["kind"].ne("image").groupby(inventory.images["repository"]).any()
    expected = storage.loc[~has_others & (storage["layers"] > 0), ["layers", "stored", "exclusive"]]
    found = names["layers_held"].set_index("repository")
    assert len(expected) > 5
    assert found.reindex(expected.index).to_dict() == expected.to_dict()
    freed = rf.reclaimable(inventory, "app:1.*")
    layers = freed[freed["kind"] == "layer"].set_index("digest")["size"]
    assert names["layers_freed"].set_index("layer_digest")["size"].to_dict() == layers.to_dict()


def test_the_page_says_which_frames_a_function_reads(inventory: rf.Inventory) -> None:
    images = inventory.images
    calls: dict[str, Callable[[Any], Any]] = {
        "storage": analysis.storage,
        "reclaimable": lambda part: analysis.reclaimable(part, "app:1.*"),
        "growth": lambda part: analysis.growth(part, "app"),
        "drift": lambda part: analysis.drift(part, part),
        "bases": analysis.bases,
        "summary": analysis.summary,
    }
    about = {name: getattr(inventory, name) for name in ("registry", "taken_at", "complete", "covers")}
    text = PAGE.read_text(encoding="utf-8")
    for function, call in calls.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{function}`"))
        reads = row.split("|")[2]
        frames = {name: frame for name, frame in inventory.frames() if name in reads}
        if "all but" in reads:
            frames = {name: frame for name, frame in inventory.frames() if name not in reads}
        else:
            frames.setdefault("errors", inventory.errors)
        call(SimpleNamespace(**frames, **about))
    for function in (analysis.releases, analysis.aliases, analysis.platforms):
        assert re.search(rf"^\| `{function.__name__}` \| images \|", text, re.MULTILINE)
        function(images)
