"""Inventories go out as files and come back the same."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regframe as rf
from regframe.frames import SCHEMAS, frame

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "007",
        "1e5",
        "NA",
        "null",
        "",
        " ",
        "'",
        "''",
        "'=1",
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\t",
        "\r",
        "\n",
        "a\r\nb",
        "＝1",
        '"',
        ",",
    ]
)


def value(dtype: str) -> st.SearchStrategy[Any]:
    """Return values that a column of a dtype may have."""
    values: dict[str, st.SearchStrategy[Any]] = {
        "Int64": st.integers(0, 2**63 - 1),
        "boolean": st.booleans(),
        "datetime64[us, UTC]": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    }
    return st.none() | values.get(dtype, TEXTS)


@st.composite
def inventories(draw: st.DrawFn) -> rf.Inventory:
    """Draw an inventory of any contents."""
    frames = {
        name: frame(name, draw(st.lists(st.tuples(*map(value, schema.values())), max_size=4)))
        for name, schema in SCHEMAS.items()
    }
    return rf.Inventory(**frames, registry="localhost:5000")


def assert_equal(one: rf.Inventory, other: rf.Inventory) -> None:
    assert (one.registry, one.taken_at, one.complete) == (other.registry, other.taken_at, other.complete)
    for name, expected in one.frames():
        pd.testing.assert_frame_equal(getattr(other, name), expected)


@settings(max_examples=60, deadline=None)
@given(inventories(), st.booleans())
def test_csv_comes_back_the_same_dtypes_included(inventory: rf.Inventory, escape_formulas: bool) -> None:
    with TemporaryDirectory() as folder:
        inventory.to_csv(folder, escape_formulas=escape_formulas)
        assert_equal(inventory, rf.Inventory.read_csv(folder))


@settings(max_examples=25, deadline=None)
@given(inventories())
def test_parquet_comes_back_the_same(inventory: rf.Inventory) -> None:
    pytest.importorskip("pyarrow")
    with TemporaryDirectory() as folder:
        inventory.to_parquet(folder)
        assert_equal(inventory, rf.Inventory.read_parquet(folder))


def with_label(text: str) -> rf.Inventory:
    empty = {name: frame(name) for name in SCHEMAS}
    config = frame("config", [("app", "1", "sha256:0", "linux/amd64", "label", "x", text)])
    return rf.Inventory(**{**empty, "config": config})


@pytest.mark.parametrize("text", ["=cmd()|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_a_spreadsheet_runs_no_text_from_an_image(tmp_path: Path, text: str) -> None:
    def written() -> str:
        with (tmp_path / "config.csv").open(newline="", encoding="utf-8") as file:
            return next(csv.DictReader(file))["value"]

    with_label(text).to_csv(tmp_path)
    assert written() == "'" + text
    with_label(text).to_csv(tmp_path, escape_formulas=False)
    assert written() == text


def test_a_folder_without_an_inventory_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(rf.ConfigurationError, match="no inventory"):
        rf.Inventory.read_csv(tmp_path)
    (tmp_path / "inventory.json").write_text("[]")
    for name in SCHEMAS:
        (tmp_path / f"{name}.csv").write_text("a,b\n1,2\n")
    with pytest.raises(rf.RegframeError):
        rf.Inventory.read_csv(tmp_path)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_frame_has_its_columns_and_dtypes_also_when_it_is_empty(name: str) -> None:
    assert {column: str(dtype) for column, dtype in frame(name).dtypes.items()} == dict(SCHEMAS[name])


def test_frames_are_the_same_where_pyarrow_is_not_there() -> None:
    program = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from regframe.frames import SCHEMAS, frame
for name, schema in SCHEMAS.items():
    made = frame(name, [tuple(None for _ in schema)])
    assert {column: str(dtype) for column, dtype in made.dtypes.items()} == dict(schema), made.dtypes
"""
    subprocess.run([sys.executable, "-c", program], check=True)
