"""What no tag leads to: shown where the registry shows it, and deleted from the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

import regframe as rf
from regframe import demo
from regframe.demo import ContentBuilder
from tests.parts import start_front
from tests.parts.emulated_registry import EmulatedRegistry, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

_OCI = "application/vnd.oci.image"


@pytest.fixture
def signed() -> Iterator[tuple[demo.SampleRegistry, str]]:
    """Give a registry with the referrers API, and the digest of an artifact without a tag about a tagged image."""
    builder = ContentBuilder()
    config = builder.json_blob({"os": "linux", "architecture": "amd64"}, f"{_OCI}.config.v1+json")
    image = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": []}
    subject = builder.manifest(image)
    artifact = builder.manifest(image | {"artifactType": "application/spdx+json", "subject": subject})
    builder.tag("app", "1.0", points_to=subject)
    with demo.serve(content=builder.content(), writable=True) as registry:
        yield registry, artifact["digest"]


def test_what_is_attached_to_a_tagged_image_is_shown_and_goes(signed: tuple[demo.SampleRegistry, str]) -> None:
    registry = rf.Registry(signed[0].address, progress=False)
    found = registry.untagged("app")
    assert found[["digest", "artifact_type", "found_by"]].to_numpy().tolist() == [
        [signed[1], "application/spdx+json", "referrers API"]
    ]
    assert list(registry.delete(found, dry_run=False)["outcome"]) == ["deleted"]
    assert registry.untagged("app").empty
    assert registry.tags("app")["tag"].tolist() == ["1.0"]


def test_a_referrers_api_that_fails_is_an_error_of_its_repository(signed: tuple[demo.SampleRegistry, str]) -> None:
    with start_front(signed[0]) as front:
        front.refused["/referrers/"] = 403
        registry = rf.Registry(front.address, progress=False)
        with pytest.raises(rf.CredentialsRefused):
            registry.untagged("app")
        assert registry.errors["repository"].tolist() == ["app"]


def test_what_google_lists_without_a_tag_is_shown() -> None:
    with serving(EmulatedRegistry()) as google:
        google.image("app", "1")
        google.image("app", "2", env=["A=1"])
        first, second = google.tags["app"]["1"], google.tags["app"].pop("2")
        manifests = {
            first: {"tag": ["1"]},
            second: {"tag": [], "mediaType": "made/up"},
            "no digest": {},
            "1": {"tag": 1},
        }
        google.override("/v2/app/tags/list", lambda request: web.json_response({"tags": ["1"], "manifest": manifests}))
        found = rf.Registry(google.address, progress=False).untagged("app")
    assert found[["digest", "media_type", "found_by"]].to_numpy().tolist() == [[second, "made/up", "tag list"]]
