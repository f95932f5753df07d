"""What is attached to an image, in each of the ways in which things are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from aiohttp import web

import regframe as rf
from regframe import demo
from regframe.frames import OTHER_SCHEMAS
from tests.parts import RegistryServer, pushing
from tests.parts.emulated_registry import OCI_INDEX, OCI_MANIFEST, EmulatedRegistry, as_json, error, serving

EMPTY = "application/vnd.oci.empty.v1+json"
SPDX = "application/spdx+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture
def odd() -> Iterator[EmulatedRegistry]:
    """Give a registry over plain HTTP without a referrers API."""
    with serving(EmulatedRegistry()) as registry:
        yield registry


class Referrers:
    """Gives an emulated registry a referrers API (distribution-spec 1.1, "Listing Referrers")."""

    def __init__(self, registry: EmulatedRegistry, *, page_size: int = 1000, filters: bool = True) -> None:
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self._registry = registry
        self._page_size = page_size
        self._filters = filters
        registry.override("/v2/app/referrers/*", self.answer)

    def attach(self, subject: dict[str, Any], artifact_type: str = SPDX, **annotations: str) -> dict[str, Any]:
        """Attach an artifact, and return the descriptor that the API lists."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": self._registry.add(b"{}", EMPTY),
            "layers": [{"mediaType": artifact_type, "digest": "sha256:" + "1" * 64, "size": 1234}],
            "subject": subject,
            "annotations": {"n": str(len(self._registry.documents)), **annotations},
        }
        descriptor = self._registry.add(as_json(manifest), OCI_MANIFEST)
        listed = descriptor | {"artifactType": artifact_type, "annotations": manifest["annotations"]}
        self.entries.setdefault(subject["digest"], []).append(listed)
        return listed

    def answer(self, request: web.Request) -> web.Response:
        entries = self.entries.get(request.path.rpartition("/")[2], [])
        headers = {"Content-Type": OCI_INDEX}
        if self._filters and (wanted := request.query.get("artifactType")):
            entries = [entry for entry in entries if entry["artifactType"] == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        start = int(request.query.get("from", "0"))
        if start + self._page_size < len(entries):
            headers["Link"] = f'<{request.path}?from={start + self._page_size}>; rel="next"'
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": entries[start : start + self._page_size],
        }
        return web.Response(body=as_json(index), headers=headers)


def connect(registry: EmulatedRegistry, **options: Any) -> rf.Registry:
    return rf.Registry(registry.address, progress=False, timeout=5, **options)


def test_cosigns_tag_on_a_registry_without_the_api(plain_registry: RegistryServer) -> None:
    registry = rf.Registry(plain_registry.address)
    [row] = registry.referrers("shapes/signed:1.0").to_dict("records")
    images = registry.images("shapes/signed")
    signature = images[images["kind"] == "signature"].iloc[0]
    assert row["subject"] == registry.tags("shapes/signed:1.0", resolve=True)["digest"][0]
    assert row["subject"] == signature["subject"]
    assert (row["digest"], row["kind"], row["found_by"]) == (signature["digest"], "signature", "cosign tag")
    assert row["artifact_type"] == "application/vnd.dev.cosign.simplesigning.v1+json"
    assert (row["size"], row["manifest_size"]) == (signature["size"], signature["manifest_size"])
    assert registry.errors.empty


def test_build_attestations_in_an_index(plain_registry: RegistryServer) -> None:
    registry = rf.Registry(plain_registry.address)
    [row] = registry.referrers("shapes/attested:1.0").to_dict("records")
    images = registry.images("shapes/attested").set_index("kind")
    assert row["subject"] == images["digest"]["image"]
    assert row["digest"] == images["digest"]["attestation"]
    assert (row["platform"], row["kind"], row["found_by"]) == ("linux/amd64", "attestation", "index")
    assert row["predicate_type"] == "https://slsa.dev/provenance/v1"
    assert row["artifact_type"] == "application/vnd.in-toto+json"
    assert json.loads(row["annotations"])["vnd.docker.reference.digest"] == row["subject"]


def test_the_tag_that_stands_in_for_the_api(empty_registry: RegistryServer) -> None:
    """distribution-spec 1.1, "Referrers Tag Schema"; docker-registry 2.8 has no referrers API."""
    with pushing(empty_registry, "app") as push:
        image = push.image("1.0")
        document = {
            "mediaType": OCI_MANIFEST,
            "artifactType": SPDX,
            "config": push.blob(b"{}", EMPTY),
            "layers": [push.blob(b"an SBOM", SPDX)],
            "subject": image,
            "annotations": {"org.opencontainers.image.created": "2024-05-06T07:08:09Z"},
        }
        sbom = push.manifest(document)
        push.index([sbom | {"artifactType": SPDX}], image["digest"].replace(":", "-"))
    frame = rf.Registry(empty_registry.address).referrers("app:1.0")
    [row] = frame.to_dict("records")
    assert (row["digest"], row["found_by"], row["kind"]) == (sbom["digest"], "referrers tag", "artifact")
    assert (row["artifact_type"], row["size"]) == (SPDX, len(b"an SBOM"))
    assert row["created"] == pd.Timestamp("2024-05-06T07:08:09Z")


def test_the_api_of_the_sample_registry() -> None:
    with demo.serve() as sample:
        registry = rf.Registry(sample.address, progress=False)
        frame = registry.referrers("sample/signed:1.0")
        assert frame["found_by"].tolist() == ["referrers API", "referrers API", "cosign tag"]
        assert frame["kind"].tolist() == ["artifact", "artifact", "signature"]
        by_tag = registry.images("sample/signed").dropna(subset="subject").set_index("digest")
        for row in frame.to_dict("records"):
            if row["digest"] in by_tag.index:
                assert by_tag.loc[row["digest"], "subject"] == row["subject"]
        # What was found goes back in.
        assert set(registry.layers(frame)["digest"]) == set(frame["digest"])
        platforms = registry.referrers("httpd:2-alpine")
        assert set(platforms["found_by"]) == {"index"}
        assert {"linux/amd64", "linux/arm64/v8"} <= set(platforms["platform"])


def test_what_is_attached_to_the_index_and_to_each_of_its_images(odd: EmulatedRegistry) -> None:
    api = Referrers(odd)
    images = [
        odd.image("app", None, architecture=name) | {"platform": {"os": "linux", "architecture": name}}
        for name in ("amd64", "arm64")
    ]
    nested = odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": images[1:]}, "app", None)
    index = odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [images[0], nested]}, "app", "1")
    expected = [api.attach(subject) for subject in (index, *images)]
    frame = connect(odd).referrers("app:1")
    assert frame["digest"].tolist() == [one["digest"] for one in expected]
    assert frame["subject"].tolist() == [one["digest"] for one in (index, *images)]
    assert frame["platform"].astype("str").fillna("").tolist() == ["", "linux/amd64", "linux/arm64"]
    assert frame["manifest_size"].tolist() == [one["size"] for one in expected]
    # By digest it is the same image, and one image alone has what is attached to it.
    pd.testing.assert_frame_equal(connect(odd).referrers(f"app@{index['digest']}"), frame)
    assert connect(odd).referrers(f"app@{images[0]['digest']}")["digest"].tolist() == [expected[1]["digest"]]


def test_all_ways_at_once_and_nothing_twice(odd: EmulatedRegistry) -> None:
    api = Referrers(odd)
    image = odd.image("app", "1")
    bundle = api.attach(image, BUNDLE, **{"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"})
    tag = image["digest"].replace(":", "-")
    # The one that the API lists has a tag, too; the tag schema's is not asked for where there is an API.
    odd.tags["app"][f"{tag}.att"] = bundle["digest"]
    other = odd.image("app", None, env=["A=1"])
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [other]}, "app", tag)
    sbom = odd.image("app", f"{tag}.sbom", layer_type="text/spdx+json", env=["A=2"])
    frame = connect(odd).referrers("app:1")
    assert frame["digest"].tolist() == [bundle["digest"], sbom["digest"]]
    assert frame["found_by"].tolist() == ["referrers API", "cosign tag"]
    assert frame["predicate_type"].fillna("").tolist() == ["https://slsa.dev/provenance/v1", ""]
    assert frame["kind"].tolist()[0] == "signature"
    assert frame["artifact_type"].tolist() == [BUNDLE, "text/spdx+json"]


@pytest.mark.parametrize("filters", [True, False])
def test_one_type_whether_the_registry_filters_or_not(odd: EmulatedRegistry, filters: bool) -> None:
    api = Referrers(odd, filters=filters)
    image = odd.image("app", "1")
    sbom, _ = api.attach(image, SPDX), api.attach(image, BUNDLE)
    frame = connect(odd).referrers("app:1", artifact_type=SPDX)
    assert frame["digest"].tolist() == [sbom["digest"]]
    assert connect(odd).referrers("app:1", artifact_type="application/none").empty
    asked = next(one.query for one in odd.seen if "/referrers/" in one.path)
    assert asked == "artifactType=application/spdx%2Bjson"


def test_pages(odd: EmulatedRegistry) -> None:
    api = Referrers(odd, page_size=3)
    image = odd.image("app", "1")
    expected = [api.attach(image)["digest"] for _ in range(10)]
    assert connect(odd).referrers("app:1")["digest"].tolist() == expected
    assert sum("/referrers/" in one.path for one in odd.seen) == 4


def test_pages_that_repeat_end(odd: EmulatedRegistry) -> None:
    image = odd.image("app", "1")
    entry = odd.image("app", None, env=["A=1"])
    index = as_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    odd.override(
        "/v2/app/referrers/*",
        lambda request: web.Response(body=index, headers={"Link": f'<{request.path}?again>; rel="next"'}),
    )
    registry = connect(odd)
    assert registry.referrers("app:1")["digest"].tolist() == [entry["digest"]]
    assert sum(image["digest"] in one.path and "/referrers/" in one.path for one in odd.seen) == 2


def test_a_page_on_another_host_is_refused(odd: EmulatedRegistry) -> None:
    odd.image("app", "1")
    index = as_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    link = {"Link": '<http://thief.example/v2/app/referrers/x>; rel="next"'}
    odd.override("/v2/app/referrers/*", lambda request: web.Response(body=index, headers=link))
    registry = connect(odd)
    with pytest.warns(rf.RegframeWarning):
        assert registry.referrers("app:1").empty
    assert registry.errors["operation"].tolist() == ["referrers"]
    assert "another host" in registry.errors["message"][0]


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_without_the_api_it_is_asked_for_once(odd: EmulatedRegistry, status: int) -> None:
    platforms = [odd.image("app", None, architecture=name) for name in ("amd64", "arm64", "s390x")]
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": platforms}, "app", "1")
    odd.override("/v2/app/referrers/*", lambda request: error(status, "UNSUPPORTED"))
    registry = connect(odd)
    assert registry.referrers("app:1").empty
    assert registry.errors.empty
    assert sum("/referrers/" in one.path for one in odd.seen) == 1


def test_an_api_that_fails_costs_a_row_and_the_tags_are_looked_at(
    odd: EmulatedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regframe.sources.transport._FIRST_WAIT_SECONDS", 0.01)
    image = odd.image("app", "1")
    signature = odd.image("app", image["digest"].replace(":", "-") + ".sig", env=["A=1"])
    odd.override("/v2/app/referrers/*", lambda request: error(500, "UNKNOWN"))
    registry = connect(odd)
    with pytest.warns(rf.RegframeWarning, match="1 thing"):
        frame = registry.referrers("app:1")
    assert frame["digest"].tolist() == [signature["digest"]]
    assert registry.errors[["operation", "status", "digest"]].values.tolist() == [["referrers", 500, image["digest"]]]
    with pytest.raises(rf.RegistryError):
        connect(odd, strict=True).referrers("app:1")


def test_a_referrer_that_cannot_be_read_is_there_as_far_as_its_descriptor_goes(odd: EmulatedRegistry) -> None:
    api = Referrers(odd)
    listed = api.attach(odd.image("app", "1"))
    odd.override(f"/v2/app/manifests/{listed['digest']}", lambda request: error(404, "MANIFEST_UNKNOWN"))
    registry = connect(odd)
    with pytest.warns(rf.RegframeWarning):
        [row] = registry.referrers("app:1").to_dict("records")
    assert (row["artifact_type"], row["manifest_size"], row["kind"]) == (SPDX, listed["size"], "artifact")
    assert pd.isna(row["size"])
    assert registry.errors["digest"].tolist() == [listed["digest"]]


@pytest.mark.parametrize("body", [b"<html>", b"null", b"{}", b'{"manifests": 7}', b'{"manifests": [{"digest": "x"}]}'])
def test_an_answer_that_is_no_index(odd: EmulatedRegistry, body: bytes) -> None:
    odd.image("app", "1")
    odd.override("/v2/app/referrers/*", lambda request: web.Response(body=body))
    registry = connect(odd)
    with pytest.warns(rf.RegframeWarning):
        assert registry.referrers("app:1").empty
    assert len(registry.errors) == 1


def test_an_index_of_too_many_images_is_not_gone_through(odd: EmulatedRegistry) -> None:
    entries = [{"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 1} for number in range(10_000)]
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, "app", "1")
    with pytest.raises(rf.TooLarge, match="more than 500 images"):
        connect(odd).referrers("app:1")
    assert len(odd.seen) < 5


def test_too_many_referrers_are_an_error(odd: EmulatedRegistry) -> None:
    api = Referrers(odd)
    image = odd.image("app", "1")
    api.entries[image["digest"]] = [
        {"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 1, "artifactType": SPDX}
        for number in range(5_001)
    ]
    odd.override("/v2/app/manifests/sha256:0*", lambda request: error(404, "MANIFEST_UNKNOWN"))
    registry = connect(odd)
    with pytest.warns(rf.RegframeWarning):
        assert len(registry.referrers("app:1")) == 5_000
    assert registry.errors["message"].str.contains("More than 5,000 things").sum() == 1


def test_nothing_attached_is_an_empty_frame_of_the_same_columns(plain_registry: RegistryServer) -> None:
    registry = rf.Registry(f"{plain_registry.address}/team/reproducible:1.0")
    frame = registry.referrers()
    assert frame.empty
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == OTHER_SCHEMAS["referrers"]


def test_an_image_that_is_not_there(plain_registry: RegistryServer) -> None:
    with pytest.raises(rf.NotFound):
        rf.Registry(plain_registry.address).referrers("app:gone")
    with pytest.raises(rf.InvalidReference):
        rf.Registry(plain_registry.address).referrers("app:*")
