"""What the reading commands write is what the library reads, in each format."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.cells import cell_len

import regframe as rf
from regframe import demo
from regframe.frames import SCHEMAS
from regframe.oci import media_types
from tests.cli.conftest import Call
from tests.parts import needs, run

FRAMES = [
    ("repositories", ["team/*", "sample/*"], {"counts": True}),
    ("tags", ["registry:2.*"], {}),
    ("tags", ["sample/signed", "httpd:2-alpine"], {"resolve": True}),
    ("images", ["httpd:2-alpine", "sample/signed"], {}),
    ("layers", ["sample/files:1.0"], {}),
    ("history", ["httpd:2-alpine"], {}),
    ("config", ["sample/files:multi"], {}),
]


def words_of(name: str, sample: demo.SampleRegistry, selected: list[str], options: dict[str, bool]) -> list[str]:
    return [name, sample.address, *selected, *(f"--{option}" for option in options)]


def read(name: str, sample: demo.SampleRegistry, selected: list[str], options: dict[str, bool]) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(rf.Registry(sample.address, progress=False), name)(selected, **options)
    return by_name(frame.drop(columns=["released_at", "released_source"], errors="ignore"))


def by_name(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in an order of its own: repositories that are named are read in any."""
    return frame.sort_values("repository", kind="stable", ignore_index=True)


@pytest.mark.parametrize(("name", "selected", "options"), FRAMES)
def test_csv_in_a_pipe_is_the_frame(
    call: Call, sample: demo.SampleRegistry, name: str, selected: list[str], options: dict[str, bool]
) -> None:
    ended = call(*words_of(name, sample, selected, options))
    assert (ended.status, ended.said) == (0, "")
    assert ended.output.splitlines()[0] == ",".join(SCHEMAS[name])
    told = pd.read_csv(io.StringIO(ended.output), dtype="str", keep_default_na=False, na_values=[""])
    expected = read(name, sample, selected, options)
    assert len(told) == len(expected) > 0
    for column in expected.select_dtypes(["str", "Int64"]):
        written = expected[column].astype("str").mask(expected[column].isna())
        assert list(by_name(told)[column].str.removeprefix("'").dropna()) == list(written.dropna())


@pytest.mark.parametrize(("name", "selected", "options"), FRAMES)
def test_json_is_a_list_of_records(
    call: Call, sample: demo.SampleRegistry, name: str, selected: list[str], options: dict[str, bool]
) -> None:
    ended = call(*words_of(name, sample, selected, options), "--format", "json")
    records: list[dict[str, Any]] = json.loads(ended.output)
    assert [list(record) for record in records] == [list(SCHEMAS[name])] * len(records)
    expected = read(name, sample, selected, options)
    times = list(expected.select_dtypes("datetimetz"))
    plain = expected.drop(columns=times).astype(object).where(expected.notna(), None)
    told = by_name(pd.DataFrame(records, dtype=object))
    assert told[list(plain)].to_dict("records") == plain.to_dict("records")
    for time in times:
        pd.testing.assert_series_equal(pd.to_datetime(told[time], utc=True).dt.as_unit("us"), expected[time])


def test_parquet_and_the_ending_of_a_file(call: Call, sample: demo.SampleRegistry, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    words = ["layers", f"{sample.address}/sample/files:1.0", "--output"]
    for ending in ("parquet", "json", "csv"):
        assert call(*words, str(tmp_path / f"layers.{ending}")).output == ""
    parquet = pd.read_parquet(tmp_path / "layers.parquet")
    assert {name: str(dtype) for name, dtype in parquet.dtypes.items()} == SCHEMAS["layers"]
    digests = list(parquet["layer_digest"])
    assert [record["layer_digest"] for record in json.loads((tmp_path / "layers.json").read_text())] == digests
    assert list(pd.read_csv(tmp_path / "layers.csv")["layer_digest"]) == digests


def test_a_target_with_a_repository_is_read_with_what_is_selected_besides(
    call: Call, sample: demo.SampleRegistry
) -> None:
    ended = call("tags", f"docker://{sample.address}/sample/nested", f"{sample.address}/sample/chart", "--format=json")
    assert {record["repository"] for record in json.loads(ended.output)} == {"sample/nested", "sample/chart"}


def test_platforms_narrow_down_an_index(call: Call, sample: demo.SampleRegistry) -> None:
    words = ["images", f"{sample.address}/httpd:2-alpine", "--format=json"]
    told = json.loads(call(*words, "--platform", "linux/amd64", "--platform", "linux/386").output)
    assert {record["platform"] for record in told} == {"linux/amd64", "linux/386"}
    assert len(json.loads(call(*words, "--platform", "all").output)) > 2


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize(("name", "selected", "options"), FRAMES)
def test_a_table_is_no_wider_than_the_terminal(
    call: Call,
    sample: demo.SampleRegistry,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    selected: list[str],
    options: dict[str, bool],
    width: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    ended = call(*words_of(name, sample, selected, options), "--format=table")
    lines = ended.output.splitlines()
    assert max(map(cell_len, lines)) <= width
    # A column that does not fit is left out.
    assert "…" not in lines[0] + lines[1]
    rows = len(read(name, sample, selected, options))
    # A heading for what all rows have in common, the names of the columns, the rows, and the counts: none is wrapped.
    assert len(lines) - rows in ({2, 3} if width > 60 else {2, 3, 4})


def test_a_table_is_written_for_people(
    call: Call, sample: demo.SampleRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    words = ["images", f"{sample.address}/sample/files:1.0"]
    [image] = json.loads(call(*words, "--format=json").output)
    heading, header, row, counts = call(*words, "--format=table").output.splitlines()
    assert heading.rstrip() == "sample/files:1.0"
    assert header.split() == ["platform", "layers", "size", "released_at", "digest"]
    size = f"{image['size'] / 1000:.1f} kB" if image["size"] >= 1000 else f"{image['size']} B"
    released = image["released_at"][:16].replace("T", " ")
    shown = [image["platform"], str(image["layers"]), *size.split(), *released.split()]
    assert row.split() == [*shown, image["digest"].removeprefix("sha256:")[:12]]
    assert counts.rstrip() == "1 image of 1 tag in 1 repository"


@pytest.fixture(scope="module")
def labelled() -> Iterator[demo.SampleRegistry]:
    """Give a registry with an image whose labels JSON writes in more than one way and order."""
    builder = demo.ContentBuilder()
    labels = {"z": 'a <b> & “c” \\ "d" \u2028', "a.b": "naïve 文字", "Z": ""}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-05-06T07:08:09.120Z",
        "config": {"Labels": labels},
    }
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": builder.json_blob(config, media_types.OCI_CONFIG),
        "layers": [builder.blob(b"text", media_types.OCI_LAYER_GZIP)],
    }
    builder.tag("app", "1.0", points_to=builder.manifest(document))
    with demo.serve(content=builder.content()) as registry:
        yield registry


@pytest.mark.parametrize(
    "image", ["httpd:2-alpine", "registry:0.6.1", "sample/files:1.0-docker", "sample/reproducible:1.0", "team/api"]
)
def test_inspect_writes_what_skopeo_writes(call: Call, sample: demo.SampleRegistry, image: str) -> None:
    assert inspected(call, sample, image) == inspected_by_skopeo(sample, image)


def test_inspect_writes_text_as_skopeo_does(call: Call, labelled: demo.SampleRegistry) -> None:
    assert inspected(call, labelled, "app:1.0") == inspected_by_skopeo(labelled, "app:1.0")


def inspected_by_skopeo(registry: demo.SampleRegistry, image: str) -> str:
    return run(needs("skopeo"), "inspect", "--tls-verify=false", f"docker://{registry.address}/{image}")


def inspected(call: Call, registry: demo.SampleRegistry, image: str) -> str:
    written = call("inspect", f"{registry.address}/{image}", "--format=json").output
    if '"LayersData"' in inspected_by_skopeo(registry, image):
        return written
    # skopeo has it since 1.11.
    return re.sub(r'    "LayersData": \[\n.*?\n    \],\n', "", written, flags=re.DOTALL)


def test_inspect_is_shown_as_fields_and_written_as_rows(call: Call, sample: demo.SampleRegistry) -> None:
    image = f"{sample.address}/sample/files:1.0"
    told = json.loads(call("inspect", image, "--format=json").output)
    written = pd.read_csv(io.StringIO(call("inspect", image).output)).set_index("field")["value"]
    assert list(written.index) == list(told)
    assert json.loads(written["Layers"]) == told["Layers"]
    shown = call("inspect", sample.address, "sample/files:1.0", "--format=table").output
    assert told["Digest"] in shown
    assert told["Layers"][0].removeprefix("sha256:")[:12] in shown


def test_manifest_is_the_document(call: Call, sample: demo.SampleRegistry) -> None:
    digest = sample.content.repositories["sample/files"]["multi"]
    ended = call("manifest", f"{sample.address}/sample/files:multi")
    assert json.loads(ended.output) == json.loads(sample.content.manifests[digest][1])


def test_ping(call: Call, sample: demo.SampleRegistry) -> None:
    told = json.loads(call("ping", sample.address, "--format=json").output)
    assert told["registry"] == sample.address
    assert (told["auth"], told["api_version"]) == ("none", "registry/2.0")
    assert sample.address in call("ping", sample.address, "--format=table").output


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_inventory_writes_a_folder(call: Call, sample: demo.SampleRegistry, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / "new" / "inventory"
    ended = call("inventory", sample.address, "sample/*", "--output", str(folder), "--format", form)
    assert (ended.status, ended.said) == (0, "")
    reader = rf.Inventory.read_csv if form == "csv" else rf.Inventory.read_parquet
    inventory = reader(folder)
    assert set(inventory.repositories["repository"]) == {
        name for name in sample.content.repositories if name.startswith("sample/")
    }
    assert f"layers.{form}" in ended.output
    assert f"{len(inventory.layers):,}" in ended.output


def test_inventory_writes_to_a_url(call: Call, sample: demo.SampleRegistry, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    pytest.importorskip("pyarrow")
    first, second = (f"file://{tmp_path}/{name}" for name in ("first", "second"))
    words = ["inventory", sample.address, "sample/*", "--format", "parquet", "--output"]
    assert f"{first}/layers.parquet" in call(*words, first).output
    ended = call(*words, second, "--resume", first)
    assert (ended.status, ended.said) == (0, "")
    pd.testing.assert_frame_equal(rf.Inventory.read_parquet(second).layers, rf.Inventory.read_parquet(first).layers)
    ended = call("inventory", sample.address, "--output", first)
    assert (ended.status, "Parquet goes to a URL" in ended.said) == (1, True)
