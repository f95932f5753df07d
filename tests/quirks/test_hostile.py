"""A hostile registry fails its own rows and nothing else: in bounded time and memory, and without a credential."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import regframe as rf
from tests.parts.emulated_registry import OCI_INDEX, OCI_MANIFEST, EmulatedRegistry, as_json, error

Connect = Callable[..., rf.Registry]

# What Python, pandas and the rest take by themselves is measured first; this much more is allowed to a scan.
MOST_MEBIBYTES = 400
MOST_SECONDS = 60

# A process of its own, so that its memory is its own.
READ = """
import json, resource, sys, warnings
import regframe as rf
warnings.simplefilter("ignore")
def mebibytes(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
address, call = sys.argv[1:3]
login = {"username": "me", "password": "hunter2"}
registry = rf.Registry(address, insecure=True, progress=False, cache=False, timeout=2, **login)
before = mebibytes()
try:
    found = getattr(registry, call)()
    errors = list(getattr(found, "errors", registry.errors)["message"])
    rows = len(getattr(found, "images", found))
except rf.RegframeError as error:
    errors, rows = [str(error)], 0
print(json.dumps({"errors": errors[:5], "rows": rows, "mebibytes": mebibytes() - before}))
"""


@pytest.fixture
def read(odd: EmulatedRegistry, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Give a function that reads the odd registry in a process of its own, and tells what came of it."""

    def run(call: str = "inventory") -> dict[str, Any]:
        command = [sys.executable, "-c", READ, odd.address, call]
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, cwd=tmp_path, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["mebibytes"] < MOST_MEBIBYTES
        assert list(tmp_path.iterdir()) == []
        assert found["errors"]
        return found

    return run


def without_end(chunk: bytes, drop_seconds: float = 0.0, **headers: str) -> Callable[[web.Request], Any]:
    """Return a handler whose answer does not end; it may drip."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={name.replace("_", "-"): text for name, text in headers.items()})
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(chunk)
            await asyncio.sleep(drop_seconds)
        return response

    return answer


def test_pages_without_end(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]) -> None:
    def page(request: web.Request) -> web.Response:
        number = int(request.query.get("last", 0)) + 1
        link = {"Link": f'</v2/_catalog?last={number}>; rel="next"'}
        return web.json_response({"repositories": [f"app{number}"]}, headers=link)

    odd.override("/v2/_catalog", page)
    assert "without an end" in read("repositories")["errors"][0]


def test_a_page_of_ten_million_names(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]) -> None:
    page = b'{"repositories":[' + b",".join(b'"app%d"' % number for number in range(10_000_000)) + b"]}"
    odd.override("/v2/_catalog", lambda request: web.Response(body=page))
    assert "at most" in read()["errors"][0]


@pytest.mark.parametrize("announced", [True, False])
def test_a_manifest_of_ten_gigabytes(
    odd: EmulatedRegistry, read: Callable[..., dict[str, Any]], announced: bool
) -> None:
    odd.image("app", "1")
    odd.image("app", "2")
    headers = {"Content_Length": str(10 * 1024**3)} if announced else {}
    odd.override("/v2/app/manifests/2", without_end(b" " * 65536, **headers))
    assert read()["rows"] == 1


def test_a_blob_that_is_larger_than_its_descriptor_says(
    odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]
) -> None:
    odd.image("app", "1")
    odd.override("/v2/app/blobs/*", without_end(b" " * 65536))
    assert "at most" in read()["errors"][0] or "the most" in read()["errors"][0]


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/app/tags/list", "/v2/app/manifests/1"])
def test_a_compressed_bomb(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]], path: str) -> None:
    odd.image("app", "1")
    bomb = gzip.compress(b" " * 100_000_000)
    odd.override(path, lambda request: web.Response(body=bomb, headers={"Content-Encoding": "gzip"}))
    assert "gzip" in read()["errors"][0]


def test_deep_json_everywhere(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]) -> None:
    odd.image("app", "1")
    odd.override("/v2/app/manifests/1", lambda request: web.Response(body=b'{"x":' * 1_000_000))
    assert "deep" in read()["errors"][0]
    odd.override("/v2/_catalog", lambda request: web.Response(body=b"[" * 1_000_000))
    assert read()["errors"]


def test_an_index_that_contains_itself(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]) -> None:
    itself = as_json({"schemaVersion": 2, "mediaType": OCI_INDEX,
                      "manifests": [{"mediaType": OCI_INDEX, "digest": "sha256:" + 64 * "0", "size": 1}]})  # fmt: skip
    odd.tags["app"] = {"1": ""}
    odd.override("/v2/app/manifests/*", lambda request: web.Response(body=itself, content_type=OCI_INDEX))
    assert "digest" in read()["errors"][0]


def test_ten_thousand_nested_indexes(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]) -> None:
    descriptor = odd.image("app", None)
    for _ in range(10_000):
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}
        descriptor = odd.manifest(document, tag=None)
    odd.tags["app"] = {"1": descriptor["digest"]}
    assert "deep" in read()["errors"][0]
    assert odd.requests.total() < 20


def test_ten_thousand_entries_that_are_not_there(odd: EmulatedRegistry, read: Callable[..., dict[str, Any]]) -> None:
    entries = [{"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 1} for number in range(10_000)]
    odd.manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, tag="1")
    odd.image("app", "2")
    assert read()["rows"] == 1


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../b", "a\x1b[31mb", "=cmd()|' /C calc'!A0", "A", ""]
)
def test_names_that_are_none(odd: EmulatedRegistry, connect: Connect, tmp_path: Path, name: str) -> None:
    odd.image("app", "1")
    odd.override("/v2/_catalog", lambda request: web.json_response({"repositories": [name, "app"]}))
    odd.override("/v2/app/tags/list", lambda request: web.json_response({"tags": [name or " ", "1"]}))
    inventory = connect(odd).inventory()
    assert inventory.images["tag"].tolist() == ["1"]
    assert "no repository's name" in inventory.errors["message"][0]
    assert not any("passwd" in one.path for one in odd.seen)
    inventory.to_csv(tmp_path / "out")
    assert {path.parent for path in tmp_path.rglob("*.csv")} == {tmp_path / "out"}
    for line in (tmp_path / "out" / "errors.csv").read_text().splitlines():
        assert not line.startswith("=")


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://localhost/x",
        "http://[::1",
        "//",
        "javascript:alert(1)",
        "http://localhost:1/x",
        "{here}",
    ],
)
def test_redirects_that_lead_nowhere(odd: EmulatedRegistry, connect: Connect, location: str) -> None:
    odd.image("app", "1")
    odd.image("app", "2", env=["x"])
    target = location.format(here=f"http://{odd.address}/v2/app/manifests/2")
    odd.override("/v2/app/manifests/2", lambda request: web.Response(status=307, headers={"Location": target}))
    inventory = connect(odd, timeout=1.0).inventory()
    assert inventory.images["tag"].tolist() == ["1"]
    assert len(inventory.errors) == 1


def test_a_redirect_from_tls_to_plain_http_is_not_followed(
    odd_tls: EmulatedRegistry, other: EmulatedRegistry, connect: Connect, certificate: Any
) -> None:
    odd_tls.image("app", "1")
    away = {"Location": f"http://{other.address}/v2/app/manifests/1"}
    odd_tls.override("/v2/app/manifests/*", lambda request: web.Response(status=307, headers=away))
    with pytest.raises(rf.RegistryError, match="does not follow from https"):
        connect(odd_tls, ca=certificate.certificate).images("app")
    assert other.seen == []


def test_a_credential_goes_nowhere_but_to_its_registry(
    odd: EmulatedRegistry, other: EmulatedRegistry, connect: Connect
) -> None:
    odd.image("app", "1")
    away = f"http://{other.address}"
    odd.override("/v2/app/blobs/*", lambda request: web.Response(status=307, headers={"Location": f"{away}/blob"}))
    odd.override("/v2/app/tags/list", lambda request: web.json_response(
        {"tags": ["1"]}, headers={"Link": f'<{away}/v2/app/tags/list?last=1>; rel="next"'}))  # fmt: skip

    def demand(request: web.Request) -> web.Response | None:
        if "Authorization" in request.headers:
            return None
        return error(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')

    odd.override("/v2/*", demand)
    connect(odd, username="me", password="hunter2").inventory()
    assert [one.path for one in other.seen] == ["/blob"]
    assert not any("Authorization" in one.headers for one in other.seen)


def test_answers_that_never_end_drop_by_drop(odd: EmulatedRegistry, connect: Connect) -> None:
    odd.image("app", "1")
    odd.image("app", "2", env=["x"])
    odd.override("/v2/app/manifests/2", without_end(b" ", drop_seconds=0.05))
    inventory = connect(odd, timeout=0.2).inventory()
    assert inventory.images["tag"].tolist() == ["1"]
    assert "did not answer" in inventory.errors["message"][0]


FIELDS = ("config", "layers", "manifests", "digest", "size", "mediaType", "fsLayers", "history", "annotations")
FIELDS += ("platform", "os", "artifactType", "subject", "signatures", "tags", "repositories", "token")
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_no_answer_makes_anything_but_a_result_or_a_regframe_error(
    odd: EmulatedRegistry, connect: Connect, body: bytes
) -> None:
    odd.image("app", "1")
    odd.overrides.clear()
    for path in ("/v2/_catalog", "/v2/app/tags/list", "/v2/app/manifests/1"):
        odd.override(path, lambda request: web.Response(body=body, content_type="application/json"))
        with suppress(rf.RegframeError):
            connect(odd).inventory()
        odd.overrides.clear()
