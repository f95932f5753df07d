"""What real registries do: the shapes that images have."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pandas as pd
import pytest
from aiohttp import web

import regframe as rf
from tests.parts.emulated_registry import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, EmulatedRegistry, as_json

Connect = Callable[..., rf.Registry]
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def test_build_attestations_are_no_images_of_an_unknown_platform(odd: EmulatedRegistry, connect: Connect) -> None:
    """Zui 475, buildx 3047."""
    image = odd.image("app", None)
    attestation = odd.image(
        "app", None, os="unknown", architecture="unknown", layer_type="application/vnd.in-toto+json"
    )
    annotations = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
    entries = [
        {**image, "platform": {"os": "linux", "architecture": "amd64"}},
        {**attestation, "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": annotations},
    ]
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    registry = connect(odd)
    images = registry.images("app")
    assert images["kind"].tolist() == ["image", "attestation"]
    assert images["platform"].tolist()[0] == "linux/amd64"
    assert images["platform"].isna().tolist() == [False, True]
    assert images["subject"][1] == image["digest"]
    assert connect(odd, platform="linux/amd64").images("app")["kind"].tolist() == ["image"]


def test_an_index_inside_an_index_is_followed(odd: EmulatedRegistry, connect: Connect) -> None:
    """Drydock 814 (a live image), registry-image-resource PR 381."""
    inner = odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [odd.image("app", None)]}, tag=None)
    outer = odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]})
    images = connect(odd).images("app")
    assert images["platform"].tolist() == ["linux/amd64"]
    assert images["index_digest"].tolist() == [outer["digest"]]


def test_indexes_nested_without_end_stop_at_a_limit(odd: EmulatedRegistry, connect: Connect) -> None:
    descriptor = odd.image("app", None)
    for _ in range(10):
        descriptor = odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}, tag=None)
    odd.tags["app"] = {"1": descriptor["digest"]}
    odd.image("app", "2")
    inventory = connect(odd).inventory("app")
    assert inventory.images["tag"].tolist() == ["2"]
    assert "deep" in inventory.errors["message"][0]


def test_docker_and_oci_types_are_read_mixed_in_one_index(odd: EmulatedRegistry, connect: Connect) -> None:
    """image-spec 1150."""
    entries = [odd.image("app", None), odd.image("app", None, env=["x"], manifest={"mediaType": DOCKER_MANIFEST})]
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    assert connect(odd).images("app")["media_type"].tolist() == [OCI_MANIFEST, DOCKER_MANIFEST]


def test_artifacts_are_told_apart_and_their_config_is_not_fetched(odd: EmulatedRegistry, connect: Connect) -> None:
    """image-spec 1.1: ``artifactType``, the empty config, no layers."""
    subject = odd.image("app", "1")
    empty = odd.add(b"{}", EMPTY)
    sbom = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/spdx+json", "config": empty,
            "layers": [], "subject": subject}  # fmt: skip
    helm = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
            "config": odd.add(b'{"name": "chart"}', "application/vnd.cncf.helm.config.v1+json")}  # fmt: skip
    odd.manifest(sbom, tag="sbom")
    odd.manifest(helm, tag="chart")
    images = connect(odd).images("app").set_index("tag")
    assert images["kind"].to_dict() == {"1": "image", "chart": "artifact", "sbom": "artifact"}
    assert images["artifact_type"]["sbom"] == "application/spdx+json"
    assert images["artifact_type"]["chart"] == "application/vnd.cncf.helm.config.v1+json"
    assert images["subject"]["sbom"] == subject["digest"]
    assert sum("/blobs/" in path for path in odd.requests) == 1


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ],
)
def test_foreign_layers_are_marked_as_not_stored(odd: EmulatedRegistry, connect: Connect, media_type: str) -> None:
    """Harbor 8886, skopeo 545."""
    odd.image("app", "1", layer_type=media_type)
    odd.image("app", "2")
    layers = connect(odd).layers("app")
    assert layers["stored"].tolist() == [False, True]
    assert layers["compression"].tolist() == ["gzip", "gzip"]


@pytest.mark.parametrize(
    ("media_type", "compression"),
    [(OCI_LAYER.replace("gzip", "zstd"), "zstd"), (OCI_LAYER, "gzip"), (OCI_LAYER.removesuffix("+gzip"), "none")],
)
def test_layers_are_named_by_their_compression(
    odd: EmulatedRegistry, connect: Connect, media_type: str, compression: str
) -> None:
    """apple/container 988."""
    odd.image("app", layer_type=media_type)
    assert connect(odd).layers("app")["compression"].tolist() == [compression]


@pytest.mark.parametrize(
    ("history", "made_by"),
    [
        (None, [None, None]),
        ([], [None, None]),
        ([{"created_by": "ADD"}], ["ADD", None]),
        ([{"created_by": "ENV", "empty_layer": True}, {"created_by": "ADD"}], ["ADD", None]),
        ([{"created_by": "ADD"}, {"created_by": "RUN"}, {"created_by": "COPY"}], ["ADD", "RUN"]),
    ],
)
def test_history_is_joined_to_layers_as_far_as_it_goes(
    odd: EmulatedRegistry, connect: Connect, history: list[dict[str, object]] | None, made_by: list[str | None]
) -> None:
    """go-containerregistry PR 2450, quay PR 5724: absent, shorter and longer than the layers allow."""
    odd.image("app", layers=2, history=history)
    inventory = connect(odd).inventory("app")
    assert (
        inventory.layers["created_by"].astype(object).where(inventory.layers["created_by"].notna(), None).tolist()
        == made_by
    )
    assert len(inventory.history) == len(history or [])


def test_an_empty_layer_that_was_written_is_a_row_each_time(odd: EmulatedRegistry, connect: Connect) -> None:
    """Distribution 1575: ``a3ed95ca…``, the empty gzip layer, repeated within an image."""
    empty_gzip = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
    empty = {"mediaType": OCI_LAYER, "digest": empty_gzip, "size": 32}
    real = {"mediaType": OCI_LAYER, "digest": "sha256:" + 64 * "1", "size": 1000}
    odd.image("app", manifest={"layers": [empty, real, empty]}, history=[{"created_by": name} for name in "abc"])
    inventory = connect(odd).inventory("app")
    assert inventory.layers["created_by"].tolist() == ["a", "b", "c"]
    assert rf.storage(inventory)["stored"].tolist() == [1032]


@pytest.mark.parametrize(
    "created", [None, "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "0001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
)
def test_a_date_that_is_not_believable_is_kept_and_another_is_found(
    odd: EmulatedRegistry, connect: Connect, created: str | None
) -> None:
    """Distroless 112 and 754, buildpacks 21, jib 341."""
    history = [
        {"created": created, "created_by": "a"},
        {"created": "2024-05-06T07:08:09.123456789Z", "created_by": "b"},
    ]
    odd.image("app", created=created, history=history)
    row = connect(odd).images("app").iloc[0]
    assert pd.isna(row["created"]) if created is None else row["created"] == pd.Timestamp(created).as_unit("us")
    assert row["released_at"] == pd.Timestamp("2024-05-06T07:08:09.123456Z")
    assert row["released_source"] == "history"


def test_the_annotation_comes_before_the_config(odd: EmulatedRegistry, connect: Connect) -> None:
    annotations = {"org.opencontainers.image.created": "2024-07-01T00:00:00Z"}
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [odd.image("app", None)],
                  "annotations": annotations})  # fmt: skip
    row = connect(odd).images("app").iloc[0]
    assert (row["released_at"], row["released_source"]) == (pd.Timestamp("2024-07-01T00:00:00Z"), "annotation")


def test_last_modified_is_the_date_of_an_image_without_any(odd: EmulatedRegistry, connect: Connect) -> None:
    odd.image("app", created=None, history=[])

    def dated(request: web.Request) -> web.Response:
        response = odd.plain(request)
        response.headers["Last-Modified"] = "Mon, 06 May 2024 07:08:09 GMT"
        return response

    odd.override("/v2/app/manifests/*", dated)
    row = connect(odd).images("app").iloc[0]
    assert (row["released_at"], row["released_source"]) == (pd.Timestamp("2024-05-06T07:08:09Z"), "modified")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("not JSON", b"<html>"),
        ("gzip", gzip.compress(b"{}")),
        ("a list", b"[]"),
        ("wrong types", as_json({"schemaVersion": 2, "config": {"digest": 5, "size": "x"}, "layers": []})),
        (
            "a bad digest",
            as_json({"schemaVersion": 2, "config": {"digest": "sha256:../../x", "size": 1}, "layers": []}),
        ),
        ("a negative size", as_json({"config": {"digest": "sha256:" + 64 * "0", "size": -1}, "layers": []})),
        ("two documents in one", as_json({"layers": [], "manifests": []})),
        ("nothing", b""),
        ("deep", b'{"annotations":' * 100_000),
        ("a lone surrogate", b'{"mediaType": "\\ud800"}'),
    ],
)
def test_a_document_that_is_none_is_one_row_and_the_rest_is_read(
    odd: EmulatedRegistry, connect: Connect, name: str, body: bytes
) -> None:
    odd.image("app", "1")
    odd.image("app", "2", env=["x"])
    odd.override("/v2/app/manifests/2", lambda request: web.Response(body=body, content_type=OCI_MANIFEST))
    inventory = connect(odd).inventory("app")
    assert inventory.images["tag"].tolist() == ["1"]
    assert inventory.errors["tag"].tolist() == ["2"]


def test_a_config_that_is_none_costs_its_columns_and_one_row_for_each_tag(
    odd: EmulatedRegistry, connect: Connect
) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": odd.add(json.dumps({"os": 5}).encode(), OCI_CONFIG),
        "layers": [{"mediaType": OCI_LAYER, "digest": "sha256:" + 64 * "1", "size": 1000}],
    }
    odd.manifest(manifest, tag="1")
    odd.manifest(manifest, tag="alias")
    inventory = connect(odd).inventory("app")
    assert inventory.images["size"].tolist() == [1000, 1000]
    assert inventory.images["platform"].isna().all()
    assert inventory.errors["tag"].tolist() == ["1", "alias"]
    assert inventory.errors["operation"].tolist() == ["config", "config"]
