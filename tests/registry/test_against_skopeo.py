"""For every image in a real registry, regframe says what skopeo says, field by field."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import regframe as rf
from tests.parts import SAMPLE_IMAGES, SAMPLE_SHAPES, RegistryServer, skopeo

REFERENCES = [f"{repository}:{tag}" for images in (SAMPLE_IMAGES, SAMPLE_SHAPES) for repository, tags in images.items()
              for tag in tags]  # fmt: skip
# skopeo 1.9 inspects images, and prints artifacts and signatures only as they are.
IMAGES = [reference for reference in REFERENCES if "artifact" not in reference and not reference.endswith(".sig")]


@pytest.fixture(scope="module")
def registry(plain_registry: RegistryServer) -> rf.Registry:
    return rf.Registry(plain_registry.address, progress=False)


@pytest.fixture(scope="module")
def inventory(registry: rf.Registry) -> rf.Inventory:
    return registry.inventory()


def rows(frame: pd.DataFrame, repository: str, tag: str, platform: str) -> pd.DataFrame:
    is_meant = (frame["repository"] == repository) & (frame["tag"] == tag) & (frame["platform"] == platform)
    return frame[is_meant]


def values(column: pd.Series[Any]) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def test_list_tags(plain_registry: RegistryServer, inventory: rf.Inventory) -> None:
    for repository in (*SAMPLE_IMAGES, *SAMPLE_SHAPES):
        listed = inventory.tags.loc[inventory.tags["repository"] == repository, "tag"].tolist()
        if listed:
            assert sorted(listed) == sorted(skopeo(plain_registry, "list-tags", repository)["Tags"])


@pytest.mark.parametrize("reference", REFERENCES)
def test_inspect_raw(plain_registry: RegistryServer, registry: rf.Registry, reference: str) -> None:
    raw = skopeo(plain_registry, "inspect", reference, "--raw")
    said, manifest = json.loads(raw) if isinstance(raw, str) else raw, registry.manifest(reference)
    # docker-registry signs a schema 1 manifest anew for each answer.
    assert ("signatures" in said) == ("signatures" in manifest)
    assert {**manifest, "signatures": None} == {**said, "signatures": None}


@pytest.mark.parametrize("reference", IMAGES)
def test_inspect(plain_registry: RegistryServer, registry: rf.Registry, reference: str) -> None:
    said = skopeo(plain_registry, "inspect", reference)
    fields = registry.inspect(reference).to_dict()
    assert {key: fields.get(key) for key in said} == said
    # What newer ones say besides.
    assert set(fields) - set(said) <= {"LayersData"}


@pytest.mark.parametrize("reference", [one for one in IMAGES if not one.startswith(("legacy/", "shapes/foreign"))])
def test_inspect_config(
    plain_registry: RegistryServer, registry: rf.Registry, inventory: rf.Inventory, reference: str
) -> None:
    repository, _, tag = reference.partition(":")
    images = inventory.images[(inventory.images["repository"] == repository) & (inventory.images["tag"] == tag)]
    for _, image in images[images["kind"] == "image"].iterrows():
        platform = image["platform"]
        said = skopeo(plain_registry, "inspect", reference, "--config", platform=platform)
        assert image["architecture"] == said["architecture"]
        assert image["os"] == said["os"]
        created = said.get("created")
        assert pd.isna(image["created"]) if created is None else image["created"] == pd.Timestamp(created).floor("us")
        layers = rows(inventory.layers, repository, tag, platform)
        assert values(layers["diff_id"]) == said["rootfs"]["diff_ids"][: len(layers)]
        history = rows(inventory.history, repository, tag, platform)
        steps = said.get("history") or []
        assert values(history["created_by"]) == [step.get("created_by") for step in steps]
        assert history["empty_layer"].tolist() == [step.get("empty_layer", False) for step in steps]
        config = rows(inventory.config, repository, tag, platform)
        run = said.get("config") or {}
        env = config[config["section"] == "env"]
        assert [f"{name}={value}" for name, value in zip(env["name"], env["value"], strict=True)] == run.get("Env", [])
        labels = config[config["section"] == "label"]
        assert dict(zip(labels["name"], labels["value"], strict=True)) == (run.get("Labels") or {})
        assert set(config.loc[config["section"] == "port", "name"]) == set(run.get("ExposedPorts") or {})
        assert set(config.loc[config["section"] == "volume", "name"]) == set(run.get("Volumes") or {})
        for section, key in (("entrypoint", "Entrypoint"), ("cmd", "Cmd")):
            assert [json.loads(value) for value in config.loc[config["section"] == section, "value"]] == (
                [run[key]] if run.get(key) else []
            )
        for section, key in (("user", "User"), ("workdir", "WorkingDir"), ("stop_signal", "StopSignal")):
            assert config.loc[config["section"] == section, "value"].tolist() == ([run[key]] if run.get(key) else [])


def test_layers_add_up_to_their_images(inventory: rf.Inventory) -> None:
    keys = ["repository", "tag", "digest"]
    sums = inventory.layers.groupby(keys)["size"].sum(min_count=1).rename("of_layers").reset_index()
    joined = inventory.images.merge(sums, on=keys)
    assert joined["size"].equals(joined["of_layers"].rename("size"))
    assert inventory.images["layers"].sum() == len(inventory.layers)


def test_schema_1_has_layers_without_sizes_and_history_with_dates(inventory: rf.Inventory) -> None:
    image = inventory.images[inventory.images["repository"] == "legacy/app"].iloc[0]
    layers = inventory.layers[inventory.layers["repository"] == "legacy/app"]
    assert pd.isna(image["size"])
    assert layers["size"].isna().all()
    assert layers["created"].notna().all()
    assert image["released_source"] == "config"
