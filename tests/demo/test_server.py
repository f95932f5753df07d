"""The sample registry answers as the distribution specification says."""

from __future__ import annotations

import hashlib
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from regframe import demo
from regframe.errors import ConfigurationError
from tests.demo.conftest import connected

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def error_of(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any]
    (error,) = response.json()["errors"]
    assert set(error) == {"code", "message", "detail"}
    return error


def pages(client: httpx.Client, path: str, key: str) -> list[list[str]]:
    """Follow the links to the next page and return the names on each."""
    found: list[list[str]] = []
    next_path: str | None = path
    while next_path:
        response = client.get(next_path).raise_for_status()
        found.append(response.json()[key])
        next_path = response.links["next"]["url"] if "next" in response.links else None
    return found


def test_it_says_which_api_it_speaks(client: httpx.Client) -> None:
    response = client.get("/v2/")
    assert response.status_code == 200
    assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_the_catalog_comes_in_pages(client: httpx.Client, sample: demo.SampleRegistry) -> None:
    found = pages(client, "/v2/_catalog?n=7", "repositories")
    assert {len(page) for page in found[:-1]} == {7}
    assert [name for page in found for name in page] == sorted(sample.content.repositories)


def test_a_catalog_page_has_a_hundred_repositories_unless_asked_otherwise() -> None:
    content = demo.SampleContent({f"r{number:03}": {} for number in range(150)}, {}, {})
    with demo.serve(content=content) as registry, connected(registry) as client:
        assert [len(page) for page in pages(client, "/v2/_catalog", "repositories")] == [100, 50]


def test_tags_come_in_one_page_unless_asked_otherwise(client: httpx.Client, sample: demo.SampleRegistry) -> None:
    expected = sorted(sample.content.repositories["httpd"])
    assert pages(client, "/v2/httpd/tags/list", "tags") == [expected]
    found = pages(client, "/v2/httpd/tags/list?n=50", "tags")
    assert [len(page) for page in found] == [50, 50, len(expected) - 100]
    assert [tag for page in found for tag in page] == expected


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/httpd/tags/list"])
@pytest.mark.parametrize("number", ["0", "-1", "1001", "many", ""])
def test_a_page_of_an_impossible_size_is_refused(client: httpx.Client, path: str, number: str) -> None:
    response = client.get(path, params={"n": number})
    assert response.status_code == 400
    assert error_of(response)["code"] == "PAGINATION_NUMBER_INVALID"


def test_a_repository_without_tags_is_listed_with_null(client: httpx.Client) -> None:
    assert client.get("/v2/sample/empty/tags/list").json() == {"name": "sample/empty", "tags": None}


@pytest.mark.parametrize("reference", ["tag", "digest"])
@pytest.mark.parametrize("name", ["httpd:2-alpine", "sample/files:1.0-docker"])
def test_a_manifest_comes_by_tag_and_by_digest(
    client: httpx.Client, sample: demo.SampleRegistry, name: str, reference: str
) -> None:
    repository, tag = name.split(":")
    digest = sample.content.repositories[repository][tag]
    path = f"/v2/{repository}/manifests/{tag if reference == 'tag' else digest}"
    response = client.get(path)
    assert response.status_code == 200
    assert (
        response.headers["Docker-Content-Digest"] == f"sha256:{hashlib.sha256(response.content).hexdigest()}" == digest
    )
    assert response.headers["Content-Type"] == response.json()["mediaType"]
    assert response.headers["ETag"] == f'"{digest}"'
    head = client.head(path)
    assert head.content == b""
    names = ("Content-Length", "Content-Type", "Docker-Content-Digest", "ETag")
    assert [head.headers[name] for name in names] == [response.headers[name] for name in names]


def test_a_manifest_that_has_not_changed_is_not_sent_again(client: httpx.Client) -> None:
    tag = client.head("/v2/httpd/manifests/latest").headers["ETag"]
    assert client.get("/v2/httpd/manifests/latest", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/v2/httpd/manifests/latest", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_manifest_comes_only_to_those_who_accept_its_type(client: httpx.Client) -> None:
    path = "/v2/httpd/manifests/2-alpine"
    refused = client.get(path, headers={"Accept": OCI_MANIFEST})
    assert refused.status_code == 404
    assert error_of(refused)["code"] == "MANIFEST_UNKNOWN"
    assert client.get(path, headers={"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v2/nothing/here/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/nothing/manifests/latest", 404, "NAME_UNKNOWN"),
        ("/v2/Not_A_Name/tags/list", 400, "NAME_INVALID"),
        ("/v2/httpd/manifests/no-such-tag", 404, "MANIFEST_UNKNOWN"),
        (f"/v2/httpd/manifests/sha256:{64 * '0'}", 404, "MANIFEST_UNKNOWN"),
        ("/v2/httpd/manifests/not%20a%20tag", 400, "TAG_INVALID"),
        (f"/v2/httpd/blobs/sha256:{64 * '0'}", 404, "BLOB_UNKNOWN"),
        ("/v2/httpd/blobs/latest", 400, "DIGEST_INVALID"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_there_is_refused(client: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    if method == "GET":
        assert error_of(response)["code"] == code


def test_a_path_of_no_api_is_not_found(client: httpx.Client) -> None:
    assert client.get("/v1/search").status_code == 404


def test_a_repository_serves_its_own_documents_only(client: httpx.Client, sample: demo.SampleRegistry) -> None:
    digest = sample.content.repositories["httpd"]["2-alpine"]
    assert client.get(f"/v2/nginx/manifests/{digest}").status_code == 404
    config = client.get("/v2/sample/files/manifests/1.0").json()["config"]["digest"]
    assert client.get(f"/v2/sample/files/blobs/{config}").status_code == 200
    assert client.get(f"/v2/httpd/blobs/{config}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=0-9", slice(0, 10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))],
)
def test_a_range_of_a_blob(client: httpx.Client, asked: str, expected: slice) -> None:
    layer = client.get("/v2/sample/files/manifests/1.0").json()["layers"][0]
    path = f"/v2/sample/files/blobs/{layer['digest']}"
    whole = client.get(path).content
    assert len(whole) == layer["size"]
    part = client.get(path, headers={"Range": asked})
    assert part.status_code == 206
    assert part.content == whole[expected]
    start, stop, _ = expected.indices(len(whole))
    assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=1000000-", "bytes=5-2", "lines=1-2"])
def test_an_impossible_range_is_refused(client: httpx.Client, asked: str) -> None:
    layer = client.get("/v2/sample/files/manifests/1.0").json()["layers"][0]
    response = client.get(f"/v2/sample/files/blobs/{layer['digest']}", headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{layer['size']}"


def test_a_made_up_layer_has_no_bytes_and_says_so(client: httpx.Client) -> None:
    layer = client.get("/v2/team/api/manifests/latest").json()["layers"][0]
    response = client.get(f"/v2/team/api/blobs/{layer['digest']}")
    assert response.status_code == client.head(response.request.url).status_code == 404
    assert error_of(response)["code"] == "BLOB_UNKNOWN"
    assert "made up" in error_of(response)["message"]


def test_the_referrers_of_an_image(client: httpx.Client, sample: demo.SampleRegistry) -> None:
    tags = sample.content.repositories["sample/signed"]
    path = f"/v2/sample/signed/referrers/{tags['1.0']}"
    response = client.get(path)
    assert response.headers["Content-Type"] == OCI_INDEX
    sbom, report = response.json()["manifests"]
    assert sbom["digest"] == tags["1.0-sbom"]
    assert client.get(f"/v2/sample/signed/manifests/{report['digest']}").json()["subject"]["digest"] == tags["1.0"]
    filtered = client.get(path, params={"artifactType": report["artifactType"]})
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert filtered.json()["manifests"] == [report]
    assert client.get(f"/v2/httpd/referrers/{tags['1.0']}").json()["manifests"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v2/httpd/manifests/latest"),
        ("PUT", "/v2/httpd/manifests/new"),
        ("POST", "/v2/httpd/blobs/uploads/"),
    ],
)
def test_it_is_read_only(client: httpx.Client, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    assert error_of(response)["code"] == "UNSUPPORTED"


def test_other_content_is_served_as_it_is() -> None:
    digest = f"sha256:{64 * 'a'}"
    content = demo.SampleContent({"broken": {"1": digest}}, {digest: (OCI_MANIFEST, b"not JSON")}, {})
    with demo.serve(content=content) as registry, connected(registry) as client:
        assert client.get("/v2/broken/manifests/1").content == b"not JSON"


def test_a_private_registry_asks_who_is_there(private_sample: demo.SampleRegistry) -> None:
    with connected(private_sample, log_in=False) as client:
        response = client.get("/v2/")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert error_of(response)["code"] == "UNAUTHORIZED"
        for path in ("/v2/_catalog", "/v2/httpd/manifests/latest", "/v2/nothing/tags/list", "/v1/"):
            assert client.get(path).status_code == 401
        for user, password in (("someone", "wrong"), ("other", "secret-word"), ("someone", ""), ("", "")):
            assert client.get("/v2/", auth=(user, password)).status_code == 401
        for header in (b"Basic", b"Basic ?", b"Bearer secret-word", b"basic \xff"):
            assert client.get("/v2/", headers={b"Authorization": header}).status_code == 401
    with connected(private_sample) as client:
        assert client.get("/v2/").status_code == 200


def test_the_certificate_is_for_loopback_and_signed_by_itself(private_sample: demo.SampleRegistry) -> None:
    ca, auth = private_sample.ca, ("someone", "secret-word")
    assert ca is not None
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    address = private_sample.address.replace("localhost", "127.0.0.1")
    assert httpx.get(f"https://{address}/v2/", verify=context, auth=auth, trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(f"https://{address}/v2/", auth=auth, trust_env=False)


def test_the_key_is_in_no_file_and_the_certificate_goes_with_the_registry() -> None:
    with demo.serve(tls=True, content=demo.SampleContent({}, {}, {})) as registry:
        assert registry.ca is not None
        folder = registry.ca.parent
        assert list(folder.iterdir()) == [registry.ca]
        assert "PRIVATE" not in registry.ca.read_text()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_the_password_is_in_no_repr(private_sample: demo.SampleRegistry) -> None:
    assert private_sample.password == "secret-word"
    assert "secret-word" not in repr(private_sample)


def test_it_is_on_loopback_only(sample: demo.SampleRegistry) -> None:
    port = int(sample.address.partition(":")[2])
    for address in {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if not address.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, port), timeout=5)


def test_it_leaves_nothing_behind() -> None:
    before = threading.active_count()
    with demo.serve(content=demo.SampleContent({}, {}, {})) as registry, connected(registry) as client:
        # Still connected when the server stops.
        assert client.get("/v2/").status_code == 200
        port = int(registry.address.partition(":")[2])
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_it_stops_without_a_warning_also_while_clients_are_connected() -> None:
    program = """
import ssl, httpx
from regframe import demo
with demo.serve(tls=True, content=demo.SampleContent({}, {}, {})) as registry:
    client = httpx.Client(verify=ssl.create_default_context(cafile=registry.ca), trust_env=False)
    assert client.get(f"https://{registry.address}/v2/").status_code == 200
client.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_port_that_is_taken_is_named(sample: demo.SampleRegistry) -> None:
    port = int(sample.address.partition(":")[2])
    with pytest.raises(ConfigurationError, match=str(port)), demo.serve(port=port, content=sample.content):
        pass


def test_a_user_without_a_password_is_refused(sample: demo.SampleRegistry) -> None:
    with pytest.raises(ConfigurationError, match="both"), demo.serve(username="someone", content=sample.content):
        pass


def test_a_process_has_one_running_registry_and_it_is_private() -> None:
    program = """
import regframe as rf
from regframe import demo
login = demo.running()
assert login is demo.running()
assert rf.Registry(**login).ping()["auth"] == "basic"
print(login["ca"])
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr == ""
    assert not Path(done.stdout.strip()).exists()
