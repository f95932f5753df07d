"""What registries say of how large a layer is once unpacked."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

import regframe as rf
from tests.parts.emulated_registry import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, EmulatedRegistry, as_json, digest

Connect = Callable[..., rf.Registry]
ESTARGZ = "io.containers.estargz.uncompressed-size"
TAR = OCI_LAYER.removesuffix("+gzip")


def push(registry: EmulatedRegistry, *layers: dict[str, Any]) -> None:
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": registry.add(as_json(config), OCI_CONFIG)}
    registry.manifest({**manifest, "layers": list(layers)})


def take_ranges(registry: EmulatedRegistry) -> None:
    """Answer ranges from the end, as registries do."""

    def answer(request: web.Request) -> web.Response | None:
        wanted = request.headers.get("Range", "")
        name = request.path.rpartition("/")[2]
        if not wanted.startswith("bytes=-") or name not in registry.documents:
            return None
        return web.Response(status=206, body=registry.documents[name][0][-int(wanted[7:]) :])

    registry.overrides.append(answer)


def asked_for_ranges(registry: EmulatedRegistry) -> list[str]:
    return [one.path for one in registry.seen if "Range" in one.headers]


def test_the_estargz_annotation_says_the_uncompressed_size(odd: EmulatedRegistry, connect: Connect) -> None:
    """apple/container 988."""
    layer = {"mediaType": OCI_LAYER, "digest": digest(b"a layer"), "size": 1000}
    push(odd, {**layer, "annotations": {ESTARGZ: "123456"}})
    found = connect(odd).layers("app", uncompressed=True)
    assert found["uncompressed_size"].item() == 123456
    assert found["uncompressed_estimated"].item()
    assert not asked_for_ranges(odd)


@pytest.mark.parametrize("nonsense", ["-1", "", "1e9", "９", 30 * "9"])
def test_an_estargz_annotation_that_is_no_number_is_not_believed(
    odd: EmulatedRegistry, connect: Connect, nonsense: str
) -> None:
    blob = odd.add(gzip.compress(bytes(5000)), OCI_LAYER)
    push(odd, {**blob, "annotations": {ESTARGZ: nonsense}})
    take_ranges(odd)
    assert connect(odd).layers("app", uncompressed=True)["uncompressed_size"].item() == 5000


def test_the_end_of_a_gzip_layer_is_asked_for_once(odd: EmulatedRegistry, connect: Connect) -> None:
    blob = odd.add(gzip.compress(bytes(5000)), OCI_LAYER)
    plain = odd.add(bytes(3000), TAR)
    push(odd, blob, blob, plain)
    take_ranges(odd)
    registry = connect(odd)
    assert list(registry.layers("app")["uncompressed_size"].fillna(-1)) == [-1, -1, 3000]
    assert not asked_for_ranges(odd)
    found = registry.layers("app", uncompressed=True)
    assert list(found["uncompressed_size"]) == [5000, 5000, 3000]
    assert list(found["uncompressed_estimated"]) == [True, True, False]
    assert asked_for_ranges(odd) == [f"/v2/app/blobs/{blob['digest']}"]


def test_a_registry_without_ranges_leaves_the_estimate_missing(odd: EmulatedRegistry, connect: Connect) -> None:
    """It answers with the whole layer, which is not read."""
    large = odd.add(gzip.compress(os.urandom(2_000_000)), OCI_LAYER)
    push(odd, large, odd.add(gzip.compress(b"small"), OCI_LAYER))
    registry = connect(odd)
    found = registry.layers("app", uncompressed=True)
    assert found["uncompressed_size"].isna().all()
    assert found["uncompressed_estimated"].isna().all()
    assert registry.errors.empty


def test_a_layer_that_could_not_be_compressed_has_an_estimate(odd: EmulatedRegistry, connect: Connect) -> None:
    push(odd, odd.add(gzip.compress(os.urandom(500_000)), OCI_LAYER))
    take_ranges(odd)
    assert connect(odd).layers("app", uncompressed=True)["uncompressed_size"].item() == 500_000


def test_an_end_that_is_smaller_than_the_layer_is_not_believed(odd: EmulatedRegistry, connect: Connect) -> None:
    """The last four bytes are of the last gzip member only, and eStargz has a member for each file."""
    members = gzip.compress(os.urandom(5000)) + gzip.compress(b"the last")
    push(odd, odd.add(members, OCI_LAYER))
    take_ranges(odd)
    assert connect(odd).layers("app", uncompressed=True)["uncompressed_size"].isna().all()


def test_a_layer_that_cannot_be_asked_for_is_a_row(odd: EmulatedRegistry, connect: Connect) -> None:
    lost = {"mediaType": OCI_LAYER, "digest": digest(b"lost"), "size": 1000}
    push(odd, lost, odd.add(gzip.compress(bytes(5000)), OCI_LAYER))
    take_ranges(odd)
    registry = connect(odd)
    with pytest.warns(rf.RegframeWarning):
        found = registry.layers("app", uncompressed=True)
    assert list(found["uncompressed_size"].fillna(-1)) == [-1, 5000]
    assert registry.errors[["operation", "status", "digest"]].values.tolist() == [["blob", 404, lost["digest"]]]
