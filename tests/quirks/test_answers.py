"""What real registries do: headers, media types, statuses, redirects, rate limits and faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate

import pytest
from aiohttp import web

import regframe as rf
from tests.parts.emulated_registry import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, EmulatedRegistry, error

Connect = Callable[..., rf.Registry]


def with_headers(odd: EmulatedRegistry, **changes: str | None) -> Callable[[web.Request], web.Response]:
    """Return a handler that answers as ever, with other headers."""

    def answer(request: web.Request) -> web.Response:
        response = odd.plain(request)
        for name, text in changes.items():
            response.headers.popall(name.replace("_", "-"), None)
            if text is not None:
                response.headers[name.replace("_", "-")] = text
        return response

    return answer


def test_a_missing_digest_header_is_made_up_for_by_hashing_the_body(odd: EmulatedRegistry, connect: Connect) -> None:
    """Containerd 3238, distribution 3792: Red Hat, ECR, static S3."""
    descriptor = odd.image("app")
    odd.override("/v2/app/manifests/*", with_headers(odd, Docker_Content_Digest=None))
    assert connect(odd).images("app")["digest"].tolist() == [descriptor["digest"]]


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=utf-8", f"{OCI_MANIFEST}; charset=utf-8"])
@pytest.mark.parametrize("own_type", [True, False])
def test_the_documents_own_media_type_counts_then_its_shape(
    odd: EmulatedRegistry, connect: Connect, content_type: str, own_type: bool
) -> None:
    """docker_registry2 34 (ECR), oras 2047 (Artifactory)."""
    image = odd.image("app", "1")
    odd.manifest(
        {"schemaVersion": 2, **({"mediaType": OCI_INDEX} if own_type else {}), "manifests": [image]}, "app", "2"
    )
    odd.override("/v2/app/manifests/*", with_headers(odd, Content_Type=content_type))
    images = connect(odd).images("app").set_index("tag")
    assert images["media_type"].tolist() == [OCI_MANIFEST, OCI_MANIFEST]
    assert images["index_digest"].isna().to_dict() == {"1": True, "2": False}


def test_reading_does_without_head(odd: EmulatedRegistry, connect: Connect) -> None:
    """regclient ``disableHead``."""
    odd.image("app")
    odd.override("*", lambda request: error(405, "UNSUPPORTED") if request.method == "HEAD" else None)
    earlier = connect(odd).inventory()
    again = connect(odd).inventory(resume=earlier)
    assert len(again.images) == len(earlier.images) == 1
    assert again.errors.empty


def test_all_media_types_are_named(odd: EmulatedRegistry, connect: Connect) -> None:
    """Cup 132 (GHCR and GitLab answer 404 otherwise), che-plugin-registry PR 2082 (quay converts to schema 1)."""
    odd.image("app")
    wanted = ("oci.image.index.v1", "oci.image.manifest.v1", "manifest.list.v2", "distribution.manifest.v2")

    def picky(request: web.Request) -> web.Response | None:
        accepted = request.headers.get("Accept", "")
        return None if all(one in accepted for one in wanted) else error(404, "MANIFEST_UNKNOWN")

    odd.override("/v2/app/manifests/*", picky)
    assert len(connect(odd).images("app")) == 1


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_rate_limit_is_waited_for(odd: EmulatedRegistry, connect: Connect, form: str, status: int) -> None:
    """containers/image 618, drydock 343: 429 with and without ``Retry-After``, in both its forms."""
    odd.image("app")
    times: list[float] = []

    def limit(request: web.Request) -> web.Response | None:
        times.append(time.time())
        if len(times) > 1:
            return None
        after = {"seconds": "1", "date": formatdate(time.time() + 2, usegmt=True), "none": None}[form]
        return error(status, "TOOMANYREQUESTS", **({"Retry_After": after} if after else {}))

    odd.override("/v2/app/manifests/*", limit)
    assert len(connect(odd).images("app")) == 1
    # A date has no fractions of a second.
    assert form == "none" or times[1] - times[0] >= 0.9


def test_a_rate_limit_of_hours_is_an_error_at_once_and_nothing_more_is_asked(
    odd: EmulatedRegistry, connect: Connect
) -> None:
    for number in range(50):
        odd.image("app", f"1.{number}")
    odd.override("/v2/app/manifests/*", lambda request: error(429, "TOOMANYREQUESTS", Retry_After="21600"))
    began = time.monotonic()
    with pytest.raises(rf.RateLimited, match="come back in 21,"):
        connect(odd, concurrency=4).images("app")
    assert time.monotonic() - began < 5
    assert sum(count for path, count in odd.requests.items() if "/manifests/" in path) <= 4


def test_fewer_are_asked_at_once_while_the_registry_pushes_back(odd: EmulatedRegistry, connect: Connect) -> None:
    for number in range(40):
        odd.image("app", f"1.{number}", env=[str(number)])
    failed: set[str] = set()

    def push_back(request: web.Request) -> web.Response | None:
        if len(failed) < 5 and request.path not in failed:
            failed.add(request.path)
            return error(429, "TOOMANYREQUESTS")
        return None

    odd.override("/v2/app/blobs/*", push_back)
    inventory = connect(odd, concurrency=8).inventory("app")
    assert len(inventory.images) == 40
    assert inventory.errors.empty


FAULTS = ("429", "500", "502", "503", "504", "reset", "half", "late")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_costs_no_row(odd: EmulatedRegistry, connect: Connect, fault: str) -> None:
    for number in range(3):
        odd.image("app", f"1.{number}", env=[str(number)])
    tries: Counter[str] = Counter()

    async def fail_once(request: web.Request) -> web.StreamResponse | None:
        tries[request.path] += 1
        if tries[request.path] > 1:
            return None
        if fault.isdigit():
            return error(int(fault), "UNKNOWN")
        assert request.transport is not None
        if fault == "reset":
            request.transport.abort()
        elif fault == "half":
            response = web.StreamResponse(headers={"Content-Length": "500"})
            await response.prepare(request)
            await response.write(b'{"schemaVersion": 2, ')
            request.transport.close()
            return response
        else:
            # Nothing comes, however long one waits.
            await asyncio.Event().wait()
        return web.Response(status=500)

    odd.override("/v2/app/manifests/*", fail_once)
    odd.override("/v2/app/blobs/*", fail_once)
    inventory = connect(odd, timeout=0.5).inventory("app")
    assert inventory.errors.empty
    assert inventory.images["platform"].tolist() == ["linux/amd64"] * 3


def test_a_fault_that_stays_is_one_row_with_what_the_registry_said(odd: EmulatedRegistry, connect: Connect) -> None:
    odd.image("app", "1")
    odd.image("app", "2", env=["x"])
    odd.override("/v2/app/manifests/2", lambda request: error(400, "MANIFEST_INVALID", "broken \x1b[31m on disk"))
    inventory = connect(odd).inventory("app")
    assert inventory.images["tag"].tolist() == ["1"]
    row = inventory.errors.iloc[0]
    assert (row["repository"], row["tag"], row["status"], row["code"]) == ("app", "2", 400, "MANIFEST_INVALID")
    assert "broken" in row["message"]
    assert "\x1b" not in row["message"]


@pytest.mark.parametrize(("mebibytes", "is_read"), [(7, True), (9, False)])
def test_manifests_are_read_up_to_8_mib(odd: EmulatedRegistry, connect: Connect, mebibytes: int, is_read: bool) -> None:
    """Distribution 4636, regclient PR 512."""
    odd.image("app", "1")
    odd.image("app", "2", manifest={"annotations": {"padding": "x" * mebibytes * 1024 * 1024}})
    inventory = connect(odd).inventory("app")
    assert inventory.images["tag"].tolist() == (["1", "2"] if is_read else ["1"])
    assert ["8,388,608" in message for message in inventory.errors["message"]] == ([] if is_read else [True])


def test_sha512_digests_are_read_and_verified(odd: EmulatedRegistry, connect: Connect) -> None:
    config = odd.add(json.dumps({"os": "linux", "architecture": "amd64"}).encode(), OCI_CONFIG, "sha512")
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    child = odd.add(json.dumps(manifest).encode(), OCI_MANIFEST, algorithm="sha512")
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}, "app", "1")
    inventory = connect(odd).inventory("app")
    assert inventory.errors.empty
    assert inventory.images["digest"].tolist() == [child["digest"]]
    data, media_type = odd.documents[config["digest"]]
    odd.documents[config["digest"]] = (data + b" ", media_type)
    broken = connect(odd).inventory("app")
    assert broken.errors["operation"].tolist() == ["blob"]
    assert "do not trust" in broken.errors["message"][0]


def test_a_dangling_tag_is_a_row_in_errors_and_still_a_tag(odd: EmulatedRegistry, connect: Connect) -> None:
    odd.image("app", "1")
    odd.tags["app"]["2"] = "sha256:" + 64 * "0"
    inventory = connect(odd).inventory("app")
    assert inventory.tags["tag"].tolist() == ["1", "2"]
    assert inventory.errors["code"].tolist() == ["MANIFEST_UNKNOWN"]
