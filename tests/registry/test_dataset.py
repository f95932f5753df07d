"""An inventory in parts, written by several processes, is read as one; against a real registry."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

import regframe as rf
from regframe.dataset import FileFormat, InventoryFiles, append_csv, begin, finish, write_part
from regframe.folder import shown
from regframe.formats import parquet
from regframe.frames import SCHEMAS, Frames, frame
from regframe.inventory import About
from regframe.order import BELOW
from tests.parts import PASSWORD, RegistryServer

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def inventory(plain_registry: RegistryServer) -> rf.Inventory:
    """Give the inventory of the samples, with an error among its rows."""
    selection = [*rf.Registry(plain_registry.address, cache=False).repositories()["repository"], "none/there"]
    return rf.Registry(plain_registry.address, cache=False).inventory(selection)


def about(inventory: rf.Inventory) -> About:
    return About(inventory.registry, inventory.taken_at)


def parts(inventory: rf.Inventory) -> list[Frames]:
    """Return the frames of no tag, and those of each tag."""
    nothing = Frames(**{name: frame(name) for name in SCHEMAS})
    first = replace(nothing, repositories=inventory.repositories, errors=inventory.errors)
    tags = inventory.tags[["repository", "tag"]].itertuples(index=False, name=None)

    def of_tag(rows: pd.DataFrame, repository: str, tag: str) -> pd.DataFrame:
        return rows[(rows["repository"] == repository) & (rows["tag"] == tag)]

    return [
        first,
        *(
            replace(nothing, **{name: of_tag(getattr(inventory, name), *key) for name in ("tags", *BELOW)})
            for key in tags
        ),
    ]


def assert_equal(one: rf.Inventory, other: rf.Inventory) -> None:
    assert (one.registry, one.taken_at, one.complete) == (other.registry, other.taken_at, other.complete)
    for name, expected in one.frames():
        pd.testing.assert_frame_equal(getattr(other, name), expected)


def test_parts_that_several_processes_wrote_in_any_order_are_read_as_one(
    inventory: rf.Inventory, tmp_path: Path
) -> None:
    whole = parts(inventory)
    begin(tmp_path, "parquet", about(inventory))
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        for number in reversed(range(len(whole))):
            pool.submit(write_part, tmp_path, len(whole) - number if number else 0, whole[number])
    assert not rf.Inventory.read_parquet(tmp_path).complete
    finish(tmp_path, about(inventory))
    assert_equal(inventory, rf.Inventory.read_parquet(tmp_path))
    for name, expected in inventory.frames():
        read = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert [*map(str, read.dtypes)] == [*map(str, SCHEMAS[name].values())]
        assert len(read) == len(expected)


def test_a_part_takes_the_place_of_an_earlier_one_with_its_number(inventory: rf.Inventory, tmp_path: Path) -> None:
    first, one, other, *_ = parts(inventory)
    begin(tmp_path, "parquet", about(inventory))
    for part in (one, one, other):
        write_part(tmp_path, 1, part)
    write_part(tmp_path, 0, first)
    pd.testing.assert_frame_equal(
        rf.Inventory.read_parquet(tmp_path).tags, other.tags.reset_index(drop=True), check_categorical=False
    )


def test_nothing_of_an_earlier_inventory_is_left_whichever_form_it_had(inventory: rf.Inventory, tmp_path: Path) -> None:
    inventory.to_parquet(tmp_path)
    begin(tmp_path, "parquet", about(inventory))
    assert rf.Inventory.read_parquet(tmp_path).images.empty
    write_part(tmp_path, 7, parts(inventory)[1])
    inventory.to_parquet(tmp_path)
    assert_equal(inventory, rf.Inventory.read_parquet(tmp_path))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_folder_holds_one_inventory_though_it_may_have_both_forms(
    inventory: rf.Inventory, tmp_path: Path, form: FileFormat
) -> None:
    (tmp_path / "notes.csv").write_text("mine")
    inventory.to_parquet(tmp_path)
    inventory.to_csv(tmp_path)
    assert_equal(rf.Inventory.read_csv(tmp_path), rf.Inventory.read_parquet(tmp_path))
    other = replace(inventory, taken_at=inventory.taken_at + timedelta(1))
    other.to_csv(tmp_path)
    with pytest.raises(rf.ConfigurationError, match="parquet is missing"):
        rf.Inventory.read_parquet(tmp_path)
    other.to_parquet(tmp_path)
    begin(tmp_path, form, about(inventory))
    left = {f"{name}.{form}" for name in SCHEMAS} | {"inventory.json", "notes.csv"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_parts_stay_in_order_when_their_inventory_is_written_as_csv_too(
    inventory: rf.Inventory, tmp_path: Path
) -> None:
    begin(tmp_path, "parquet", about(inventory))
    for number, part in enumerate(reversed(parts(inventory))):
        write_part(tmp_path, number, part)
    finish(tmp_path, about(inventory))
    rf.Inventory.read_parquet(tmp_path).to_csv(tmp_path)
    assert_equal(inventory, rf.Inventory.read_csv(tmp_path))
    assert_equal(inventory, rf.Inventory.read_parquet(tmp_path))


def test_of_a_part_that_was_written_by_half_nothing_is_read(
    inventory: rf.Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, one, other, *_ = parts(inventory)
    begin(tmp_path, "parquet", about(inventory))
    for number, part in enumerate((first, one)):
        write_part(tmp_path, number, part)
    before = rf.Inventory.read_parquet(tmp_path)

    def parquet_until_killed(rows: pd.DataFrame, name: str) -> bytes:
        if name == "config":
            raise KeyboardInterrupt
        return parquet(rows, name)

    monkeypatch.setattr("regframe.dataset.parquet", parquet_until_killed)
    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path, 2, other)
    assert len(pd.read_parquet(tmp_path / "images.parquet")) > len(before.images)
    assert_equal(before, rf.Inventory.read_parquet(tmp_path))


def test_what_no_longer_fits_on_the_disk_leaves_no_half_rows_in_csv(inventory: rf.Inventory, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    first, one, other, *_ = parts(inventory)
    begin(tmp_path, "csv", about(inventory))
    for part in (first, one):
        append_csv(tmp_path, part)
    before = rf.Inventory.read_csv(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(path.stat().st_size for path in tmp_path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 5, limits[1]))
    try:
        with pytest.raises(rf.ConfigurationError, match="cannot be written to"):
            append_csv(tmp_path, replace(other, errors=pd.concat([inventory.errors] * 100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_equal(before, rf.Inventory.read_csv(tmp_path))


def test_csv_grows_part_by_part(inventory: rf.Inventory, tmp_path: Path) -> None:
    begin(tmp_path, "csv", about(inventory))
    for part in parts(inventory):
        append_csv(tmp_path, part)
    finish(tmp_path, about(inventory))
    assert_equal(inventory, rf.Inventory.read_csv(tmp_path))


def test_a_url_is_written_and_read(inventory: rf.Inventory, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    url = f"file://{tmp_path}/inventory"
    begin(url, "parquet", about(inventory))
    for number, part in enumerate(parts(inventory)):
        write_part(url, number, part)
    finish(url, about(inventory))
    assert_equal(inventory, rf.Inventory.read_parquet(url))
    assert inventory.to_parquet(url)[0] == f"{url}/repositories.parquet"
    assert_equal(inventory, rf.Inventory.read_parquet(url))
    with pytest.raises(rf.ConfigurationError, match="to a folder on this machine"):
        inventory.to_csv(url)
    with pytest.raises(rf.ConfigurationError, match="to a folder on this machine"):
        begin(url, "csv", about(inventory))
    with pytest.raises(rf.ConfigurationError, match="file:// names no folder"):
        begin("file://", "parquet", about(inventory))
    with pytest.raises(rf.ConfigurationError, match="cannot be used"):
        begin("nowhere://folder", "parquet", about(inventory))


def test_a_folder_that_cannot_be_written_is_one_sentence(inventory: rf.Inventory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(rf.ConfigurationError, match="cannot be written to"):
        begin(tmp_path / "file", "parquet", about(inventory))


def test_local_folders_need_no_fsspec() -> None:
    program = "import sys, regframe.dataset; sys.exit('fsspec' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_mistyped_bucket_is_not_made(inventory: rf.Inventory) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.get_filesystem_class("memory")

    class Store(memory):  # type: ignore[misc]
        """Buckets and keys, as S3 has them."""

        protocol = "bucketstore"
        root_marker = ""
        store: ClassVar[dict[str, object]] = {}
        pseudo_dirs: ClassVar[list[str]] = ["/mine"]

        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: object) -> None:
            if "/" + path.strip("/").split("/")[0] not in self.pseudo_dirs:
                raise FileNotFoundError(path)
            super().pipe_file("/" + path.strip("/"), value, mode=mode)

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(path).removeprefix("bucketstore://").rstrip("/")

    fsspec.register_implementation("bucketstore", Store, clobber=True)
    with pytest.raises(rf.ConfigurationError, match="cannot be written to bucketstore://other/inventory"):
        begin("bucketstore://other/inventory", "parquet", about(inventory))
    assert Store.pseudo_dirs == ["/mine"]
    begin("bucketstore://mine/inventory", "parquet", about(inventory))
    assert "/mine/inventory/inventory.json" in Store.store


def test_a_password_in_a_url_is_in_no_sentence() -> None:
    pytest.importorskip("fsspec")
    url = f"ftp://me:{PASSWORD}@127.0.0.1:1/a@b"
    with pytest.raises(rf.ConfigurationError, match=r"ftp://127\.0\.0\.1:1/a@b cannot be used") as error:
        rf.Inventory.read_parquet(url)
    files = InventoryFiles(url, "parquet", "localhost", datetime.now(UTC), complete=True, covers="all", rows={})
    assert PASSWORD not in f"{error.value} {files!r} {rf.Interrupted(files)}"
    assert shown("/tmp/a@b") == "/tmp/a@b"
