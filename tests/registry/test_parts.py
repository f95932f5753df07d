"""The real parts work: whoever cannot trust them cannot trust the tests that stand on them."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography import x509

from tests.parts import (
    PASSWORD,
    SAMPLE_IMAGES,
    SAMPLE_PLATFORMS,
    SAMPLE_SHAPES,
    USERNAME,
    Certificate,
    RegistryServer,
    TokenServer,
    pushing,
    skopeo,
    start_registry,
    start_token_server,
)

if TYPE_CHECKING:
    from pathlib import Path


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, verify=False, trust_env=False, **options)


def ask_for_token(server: TokenServer, scope: str, password: str = PASSWORD) -> httpx.Response:
    parameters = {"service": server.service, "scope": scope}
    return get(server.realm, params=parameters, auth=(USERNAME, password))


@pytest.mark.parametrize("kind", ["plain_registry", "private_registry", "token_registry"])
def test_skopeo_lists_the_tags_of_every_registry(kind: str, request: pytest.FixtureRequest) -> None:
    registry: RegistryServer = request.getfixturevalue(kind)
    assert set(skopeo(registry, "list-tags", "app")["Tags"]) == set(SAMPLE_IMAGES["app"])


def test_the_catalog_and_the_tags_are_those_that_the_samples_name(plain_registry: RegistryServer) -> None:
    samples = SAMPLE_IMAGES | SAMPLE_SHAPES
    assert get(f"{plain_registry.url}/v2/_catalog").json()["repositories"] == sorted(samples)
    for repository, tags in samples.items():
        if tags:
            listed = set(skopeo(plain_registry, "list-tags", repository)["Tags"])
            assert {tag for tag in listed if not tag.endswith(".sig")} == set(tags)
    assert get(f"{plain_registry.url}/v2/shapes/empty/tags/list").status_code == 404


@pytest.mark.parametrize("flag", ["--raw", "--config", "--no-tags"])
def test_skopeo_inspects_every_sample_image(plain_registry: RegistryServer, flag: str) -> None:
    for repository, tags in SAMPLE_IMAGES.items():
        for tag in tags:
            assert skopeo(plain_registry, "inspect", f"{repository}:{tag}", flag, platform="linux/amd64")


def test_shapes_are_what_their_names_say(plain_registry: RegistryServer) -> None:
    def raw(target: str) -> Any:
        return skopeo(plain_registry, "inspect", target, "--raw")

    assert raw("shapes/artifact:1.0")["artifactType"]
    assert "attestation-manifest" in str(raw("shapes/attested:1.0")["manifests"][1]["annotations"])
    assert "foreign" in raw("shapes/foreign:1.0")["layers"][0]["mediaType"]
    assert "index" in raw("shapes/nested:1.0")["manifests"][0]["mediaType"]
    signature = skopeo(plain_registry, "inspect", "shapes/signed:1.0")["Digest"].replace(":", "-") + ".sig"
    assert "cosign" in raw(f"shapes/signed:{signature}")["layers"][0]["mediaType"]
    assert skopeo(plain_registry, "inspect", "shapes/undated:1.0")["Created"] is None


@pytest.mark.parametrize(
    ("target", "manifest_type", "layer_type"),
    [
        ("app:1.0-v2s2", "docker.distribution.manifest.v2+json", "docker.image.rootfs.diff.tar.gzip"),
        ("app:1.0-oci", "oci.image.manifest.v1+json", "oci.image.layer.v1.tar+gzip"),
        ("app:1.0-zstd", "oci.image.manifest.v1+json", "oci.image.layer.v1.tar+zstd"),
    ],
)
def test_images_have_the_format_that_their_tag_names(
    plain_registry: RegistryServer, target: str, manifest_type: str, layer_type: str
) -> None:
    manifest = skopeo(plain_registry, "inspect", target, "--raw")
    config = skopeo(plain_registry, "inspect", target, "--config")
    assert manifest["mediaType"] == f"application/vnd.{manifest_type}"
    assert {layer["mediaType"] for layer in manifest["layers"]} == {f"application/vnd.{layer_type}"}
    layers = len(manifest["layers"])
    assert layers == len(config["rootfs"]["diff_ids"])
    assert layers == sum(not step.get("empty_layer") for step in config["history"]) >= 4
    assert len(config["history"]) >= 2 * layers


def test_legacy_is_schema_1(plain_registry: RegistryServer) -> None:
    manifest = skopeo(plain_registry, "inspect", "legacy/app:1.0", "--raw")
    assert manifest["schemaVersion"] == 1
    assert manifest["signatures"]


def test_an_alias_has_the_same_digest_and_a_reproducible_image_no_real_date(
    plain_registry: RegistryServer,
) -> None:
    digests = {skopeo(plain_registry, "inspect", f"app:{tag}")["Digest"] for tag in ("1.0-v2s2", "latest")}
    assert len(digests) == 1
    config = skopeo(plain_registry, "inspect", "team/reproducible:1.0", "--config")
    dates = {config["created"], *(step["created"] for step in config["history"])}
    assert dates == {"1970-01-01T00:00:00Z"}


@pytest.mark.parametrize("tag", SAMPLE_IMAGES["team/multi"])
def test_an_index_holds_an_image_for_each_platform(plain_registry: RegistryServer, tag: str) -> None:
    index = skopeo(plain_registry, "inspect", f"team/multi:{tag}", "--raw")
    platforms = [manifest["platform"] for manifest in index["manifests"]]
    named = ["/".join([p["os"], p["architecture"], *filter(None, [p.get("variant")])]) for p in platforms]
    assert sorted(named) == sorted(SAMPLE_PLATFORMS)
    for platform in SAMPLE_PLATFORMS:
        config = skopeo(plain_registry, "inspect", f"team/multi:{tag}", "--config", platform=platform)
        assert f"BUILT_FOR={config['architecture']}" in config["config"]["Env"]
        assert config["architecture"] == platform.split("/")[1]


def test_the_certificate_has_a_cn_and_no_san(certificate: Certificate) -> None:
    loaded = x509.load_pem_x509_certificate(certificate.certificate.read_bytes())
    assert "CN=localhost" in loaded.subject.rfc4514_string()
    with pytest.raises(x509.ExtensionNotFound):
        loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_only_the_certificate_itself_is_a_ca_for_the_registry(
    private_registry: RegistryServer, certificate: Certificate, other_certificate: Certificate
) -> None:
    def connect(ca: Certificate) -> int:
        context = ssl.create_default_context(cafile=ca.certificate)
        context.check_hostname = False  # what a client without SAN support for CN needs
        return httpx.get(f"{private_registry.url}/v2/", verify=context, trust_env=False).status_code

    assert connect(certificate) == 401
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        connect(other_certificate)


def test_only_the_right_password_opens_the_private_registry(private_registry: RegistryServer) -> None:
    url = f"{private_registry.url}/v2/"
    assert get(url).status_code == 401
    assert get(url, auth=(USERNAME, "wrong")).status_code == 401
    assert get(url, auth=(USERNAME, PASSWORD)).status_code == 200


def test_a_token_opens_its_scope_and_nothing_else(token_registry: RegistryServer, token_server: TokenServer) -> None:
    token = ask_for_token(token_server, "repository:app:pull").json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert get(f"{token_registry.url}/v2/app/tags/list", headers=headers).status_code == 200
    refused = get(f"{token_registry.url}/v2/legacy/app/tags/list", headers=headers)
    assert refused.status_code == 401
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert token_server.requests == {"repository:app:pull": 1}


def test_a_token_stops_working_when_its_lifetime_is_over(sample_storage: Path, certificate: Certificate) -> None:
    with (
        start_token_server(certificate, tls=False, lifetime=1) as server,
        start_registry(sample_storage, token=server, read_only=True) as registry,
    ):
        answer = ask_for_token(server, "registry:catalog:*").json()
        assert answer["expires_in"] == 1
        headers = {"Authorization": f"Bearer {answer['token']}"}
        statuses = [get(f"{registry.url}/v2/_catalog", headers=headers).status_code]
        deadline = time.monotonic() + 10
        while statuses[-1] == 200 and time.monotonic() < deadline:
            statuses.append(get(f"{registry.url}/v2/_catalog", headers=headers).status_code)
    assert statuses[0] == 200
    assert statuses[-1] == 401


def test_the_token_server_refuses_and_answers_as_told(token_server: TokenServer) -> None:
    assert ask_for_token(token_server, "repository:app:pull", password="wrong").status_code == 401
    token_server.answer = ("access_token",)
    token_server.expires_in = 300
    answer = ask_for_token(token_server, "repository:app:pull").json()
    assert set(answer) == {"access_token", "expires_in", "issued_at"}
    assert answer["expires_in"] == 300
    form = {"grant_type": "refresh_token", "refresh_token": token_server.identity_token}
    answer = httpx.post(token_server.realm, data=form, verify=False, trust_env=False)
    assert answer.json()["access_token"]


def test_a_withheld_scope_gets_a_token_that_allows_nothing(
    token_registry: RegistryServer, token_server: TokenServer
) -> None:
    token_server.withheld.add("registry:catalog:*")
    token = ask_for_token(token_server, "registry:catalog:*").json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert get(f"{token_registry.url}/v2/_catalog", headers=headers).status_code == 401


def test_an_empty_registry_takes_pushes_and_counts_requests(empty_registry: RegistryServer) -> None:
    with pushing(empty_registry, "own/image") as push:
        image = push.image("1.0", created="2024-01-02T03:04:05Z")
    assert skopeo(empty_registry, "inspect", "own/image:1.0")["Digest"] == image["digest"]
    assert empty_registry.requests()["GET /v2/own/image/manifests/1.0"] == 1


def test_the_shared_registries_take_no_pushes(plain_registry: RegistryServer) -> None:
    with pushing(plain_registry, "own/image") as push, pytest.raises(httpx.HTTPStatusError, match="405"):
        push.image("1.0")
