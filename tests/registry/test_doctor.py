"""What the doctor says of real registries, and of odd ones over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pandas as pd
import pytest
from aiohttp import web

import regframe as rf
from tests.parts import PASSWORD, USERNAME, Certificate, RegistryServer, TokenServer, start_proxy
from tests.parts.emulated_registry import OCI_INDEX, EmulatedRegistry, Handler, error, serving
from tests.parts.hosted_apis import DockerHub

ZEROS = "sha256:" + "0" * 64
USED_UP = {"RateLimit_Limit": "100;w=21600", "RateLimit_Remaining": "0;w=21600"}
LOGIN = {"username": USERNAME, "password": PASSWORD}


@pytest.fixture
def odd() -> Iterator[EmulatedRegistry]:
    """Give a registry over plain HTTP with two repositories of two tags."""
    with serving(EmulatedRegistry()) as registry:
        for name in ("app", "tool"):
            registry.image(name, "1")
            registry.image(name, "latest", env=["A=1"])
        yield registry


def found(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return result and verdict of each check."""
    assert not frame["check"].duplicated().any()
    return {row.check: (row.result, row.verdict) for row in frame.itertuples()}  # type: ignore[misc,attr-defined]


def doctor(registry: EmulatedRegistry, image: str | None = None, **options: object) -> pd.DataFrame:
    return rf.Registry(registry.address, progress=False, timeout=5, **options).doctor(image)  # type: ignore[arg-type]


def change(registry: EmulatedRegistry, **headers: str | None) -> Handler:
    """Return a handler that answers as ever, with other headers."""

    def answer(request: web.Request) -> web.Response:
        response = registry.plain(request)
        for name, text in headers.items():
            response.headers.popall(name.replace("_", "-"), None)
            if text is not None:
                response.headers[name.replace("_", "-")] = text
        return response

    return answer


def test_the_frame_says_for_each_check_what_it_means(plain_registry: RegistryServer) -> None:
    frame = rf.Registry(plain_registry.address).doctor()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "check": "str",
        "result": "str",
        "verdict": "category",
        "meaning": "str",
    }
    assert set(frame["verdict"]) <= {"good", "note", "problem", "not tested"}
    assert frame.notna().all(axis=None)
    assert frame["meaning"].str.endswith(".").all()
    assert frame["meaning"].str.len().max() < 300


def test_a_plain_registry(plain_registry: RegistryServer) -> None:
    frame = rf.Registry(plain_registry.address).doctor()
    told = found(frame)
    assert told["address"] == (f"http://{plain_registry.address}", "good")
    assert told["login"] == ("none", "good")
    assert told["API version"] == ("registry/2.0", "good")
    assert told["catalog"] == ("offered", "good")
    assert told["catalog page"] == ("11 names, all of them", "good")
    assert told["catalog paging"] == ("relative next links", "good")
    # docker-registry 2.8 takes n for the catalog and not for tags.
    assert told["tags paging"] == ("n is ignored", "note")
    assert told["image"][0].startswith("app:")
    assert told["HEAD"] == ("answered, with the digest", "good")
    assert told["digest header"] == ("right", "good")
    assert told["blobs"] == ("from the registry itself", "good")
    assert told["ranges"] == ("answered", "good")
    assert told["referrers"] == ("no API (404), by tag", "note")
    assert told["clock"] == ("in step", "good")
    assert told["deletes"][1] == "not tested"
    assert "problem" not in set(frame["verdict"])


def test_a_private_registry_with_a_certificate_of_its_own(
    private_registry: RegistryServer, certificate: Certificate
) -> None:
    frame = rf.Registry(private_registry.address, ca=certificate.certificate, **LOGIN).doctor()
    told = found(frame)
    assert told["TLS"] == ("TLSv1.3, HTTP/2 offered", "good")
    assert told["certificate"][1] == "note"
    assert "CN=localhost" in told["certificate"][0]
    assert "self-signed" in told["certificate"][0]
    # It has a CN and no subjectAltName, which other clients refuse.
    assert told["certificate names"] == ("localhost", "note")
    until = datetime.fromisoformat(told["certificate expiry"][0])
    assert timedelta(days=27) < until - datetime.now() < timedelta(days=31)
    assert told["login"] == ("Basic", "good")
    assert told["credentials"] == ("user and password, accepted", "good")
    assert_no_secret(frame)


def test_a_registry_with_a_token_server(
    token_registry: RegistryServer, token_server: TokenServer, certificate: Certificate
) -> None:
    token_server.lifetime = 120
    registry = rf.Registry(f"{token_registry.address}/team/multi:1.0", ca=certificate.certificate, **LOGIN)
    frame = registry.doctor()
    told = found(frame)
    host = token_server.realm.removeprefix("https://").removesuffix("/token")
    assert told["login"] == (f"Bearer, tokens from {host} for “regframe tests”", "good")
    assert told["token lifetime"] == ("120 s", "good")
    assert told["image"] == ("team/multi:1.0", "good")
    assert told["content type"][0].endswith("manifest.list.v2+json")
    assert "problem" not in set(frame["verdict"])
    assert_no_secret(frame)


def assert_no_secret(frame: pd.DataFrame) -> None:
    text = frame.to_csv()
    assert PASSWORD not in text
    assert USERNAME not in text.replace("username", "")
    assert "eyJ" not in text


class TestWithoutAConnection:
    def test_a_certificate_that_is_not_believed(self, private_registry: RegistryServer) -> None:
        frame = rf.Registry(private_registry.address, **LOGIN).doctor()
        told = found(frame)
        assert told["address"] == (f"https://{private_registry.address}", "problem")
        assert "CN=localhost" in told["certificate"][0]
        assert "self-signed" in frame.set_index("check")["meaning"]["address"]
        assert "catalog" not in told

    def test_a_certificate_that_is_not_checked(self, private_registry: RegistryServer) -> None:
        told = found(rf.Registry(private_registry.address, verify=False, **LOGIN).doctor())
        assert told["certificate"][1] == "problem"
        assert told["catalog"] == ("offered", "good")

    @pytest.mark.parametrize(
        ("login", "result"),
        [({}, "none"), ({**LOGIN, "password": "wrong-word"}, "user and password, refused")],
    )
    def test_credentials_that_are_missing_or_wrong(
        self, private_registry: RegistryServer, certificate: Certificate, login: dict[str, str], result: str
    ) -> None:
        registry = rf.Registry(private_registry.address, ca=certificate.certificate, **login)  # type: ignore[arg-type]
        frame = registry.doctor()
        told = found(frame)
        assert told["login"] == ("Basic", "problem")
        assert told["credentials"] == (result, "problem")
        assert "wrong-word" not in frame.to_csv()

    def test_nobody_there(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            frame = rf.Registry(f"localhost:{free.getsockname()[1]}").doctor()
        told = found(frame)
        assert told["address"][1] == "problem"
        assert "Nothing listens" in frame.set_index("check")["meaning"]["address"]
        assert list(told) == ["regframe", "address", "deletes"]

    def test_something_else_there(self, odd: EmulatedRegistry) -> None:
        odd.override("/v2/", lambda request: web.Response(status=404, text="<html>"))
        assert found(doctor(odd))["address"] == (f"http://{odd.address}/v2/", "problem")

    def test_a_reference_that_is_none_is_an_error(self, odd: EmulatedRegistry) -> None:
        with pytest.raises(rf.InvalidReference):
            doctor(odd, "Not A Reference")


class TestOddRegistries:
    @pytest.mark.parametrize(
        ("path", "headers", "check", "result", "verdict"),
        [
            ("/v2/", {"Docker_Distribution_Api_Version": None}, "API version", "not said", "good"),
            ("/v2/", {"Server": "x" * 500}, "server", "x" * 120 + "…", "good"),
            ("/v2/", {"Connection": "close"}, "HTTP", "HTTP/1.1, connections are closed", "note"),
            ("/v2/", {"Date": "yesterday"}, "clock", "not said", "good"),
            ("/v2/app/manifests/*", {"Docker_Content_Digest": None}, "digest header", "missing", "note"),
            ("/v2/app/manifests/*", {"Docker_Content_Digest": ZEROS}, "digest header", "wrong", "problem"),
            ("/v2/app/manifests/*", {"Docker_Content_Digest": None}, "HEAD", "answered, without a digest", "note"),
            ("/v2/app/manifests/*", {"Content_Type": "text/plain; x"}, "content type", "text/plain; x", "note"),
            ("/v2/", USED_UP, "rate limit", "0 of 100 left in 21,600 s", "problem"),
            ("/v2/", {"X_RateLimit_Remaining": "7"}, "rate limit", "7 left", "note"),
        ],
    )
    def test_headers(
        self,
        odd: EmulatedRegistry,
        path: str,
        headers: dict[str, str | None],
        check: str,
        result: str,
        verdict: str,
    ) -> None:
        odd.override(path, change(odd, **headers))
        assert found(doctor(odd))[check] == (result, verdict)

    def test_a_clock_that_is_wrong(self, odd: EmulatedRegistry) -> None:
        late = format_datetime(datetime.now(UTC) - timedelta(minutes=10), usegmt=True)
        odd.override("/v2/", change(odd, Date=late))
        result, verdict = found(doctor(odd))["clock"]
        assert (result.endswith(" s behind this machine's"), verdict) == (True, "note")
        assert 595 < int(result.split()[0]) < 630

    @pytest.mark.parametrize("status", [401, 403, 404, 405])
    def test_no_catalog(self, odd: EmulatedRegistry, status: int) -> None:
        challenge = {"WWW_Authenticate": 'Basic realm="r"'} if status == 401 else {}
        odd.override("/v2/_catalog", lambda request: error(status, "DENIED", **challenge))
        told = found(doctor(odd))
        assert told["catalog"] == (f"not offered ({status})", "note")
        assert told["image"][1] == "not tested"
        named = found(doctor(odd, "app"))
        assert named["image"] == ("app:latest", "good")
        assert named["HEAD"][1] == "good"

    def test_a_cap_on_pages(self, odd: EmulatedRegistry) -> None:
        """quay: 100 (Joxit docker-registry-ui 306)."""

        def cap(request: web.Request) -> web.Response | None:
            return error(413, "SIZE_INVALID") if int(request.query.get("n", "0")) > 100 else None

        odd.override("/v2/app/tags/list", cap)
        assert found(doctor(odd))["tags page"] == ("n=1000 is refused, n=100 is taken", "note")

    @pytest.mark.parametrize(
        ("second", "expected"),
        [
            ("/v2/_catalog?n=1&last=app", ("relative next links", "good")),
            ("http://{address}/v2/_catalog?n=1&last=app", ("absolute next links", "good")),
            ("/v2/_catalog?n=1", ("the next link leads nowhere", "problem")),
            ("", ("no next link", "problem")),
        ],
    )
    def test_paging(self, odd: EmulatedRegistry, second: str, expected: tuple[str, str]) -> None:
        def pages(request: web.Request) -> web.Response:
            names = ["app", "tool"]
            if request.query.get("n") == "1":
                names = names[1:] if "last" in request.query else names[:1]
            link = {"Link": f'<{second.format(address=odd.address)}>; rel="next"'} if second and len(names) == 1 else {}
            return web.json_response({"repositories": names}, headers=link)

        odd.override("/v2/_catalog", pages)
        assert found(doctor(odd))["catalog paging"] == expected

    def test_a_next_link_to_another_host_is_a_problem(self, odd: EmulatedRegistry) -> None:
        odd.override("/v2/_catalog", change(odd, Link='<http://thief.example/v2/_catalog>; rel="next"'))
        told = found(doctor(odd, "app"))
        assert told["catalog"][1] == "problem"
        assert told["HEAD"][1] == "good"

    def test_a_list_that_may_be_cut_short(self, odd: EmulatedRegistry) -> None:
        for number in range(98):
            odd.tags["app"][f"2.{number}"] = odd.tags["app"]["1"]
        assert found(doctor(odd))["tags page"] == ("100 names, no next page", "note")

    def test_head_is_refused(self, odd: EmulatedRegistry) -> None:
        odd.override("*", lambda request: error(405, "UNSUPPORTED") if request.method == "HEAD" else None)
        assert found(doctor(odd))["HEAD"] == ("refused (405)", "note")

    def test_blobs_elsewhere_in_whole(self, odd: EmulatedRegistry) -> None:
        with serving(EmulatedRegistry(documents=odd.documents)) as store:

            def redirect(request: web.Request) -> web.Response:
                return web.Response(
                    status=307, headers={"Location": f"http://{store.address}{request.path}?sig=secret"}
                )

            odd.override("/v2/app/blobs/*", redirect)
            told = found(frame := doctor(odd))
            assert told["blobs"] == (f"from {store.address}", "good")
            assert told["ranges"] == ("ignored", "note")
            assert "secret" not in frame.to_csv()

    def test_the_referrers_api(self, odd: EmulatedRegistry) -> None:
        answer = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [odd.image("app", None, env=["B=1"])]}
        odd.override("/v2/app/referrers/*", lambda request: web.json_response(answer, content_type=OCI_INDEX))
        assert found(doctor(odd))["referrers"] == ("API, 1 thing attached to app:latest", "good")

    def test_an_empty_registry(self) -> None:
        with serving(EmulatedRegistry()) as empty:
            told = found(doctor(empty))
        assert told["catalog"] == ("offered", "good")
        assert told["image"][1] == "not tested"

    def test_an_image_that_is_not_there(self, odd: EmulatedRegistry) -> None:
        told = found(doctor(odd, "app:gone"))
        assert told["manifest"] == ("failed, 404", "problem")
        assert "blobs" not in told
        assert told["deletes"][1] == "not tested"

    @pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/app/tags/list", "/v2/app/manifests/*", "/v2/app/blobs/*",
                                      "/v2/app/referrers/*"])  # fmt: skip
    @pytest.mark.parametrize("fault", ["500", "html", "reset", "null", "odd", "large"])
    def test_whatever_fails_is_a_row_and_the_rest_is_there(
        self, odd: EmulatedRegistry, path: str, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(request: web.Request) -> web.Response:
            if fault == "reset":
                assert request.transport is not None
                request.transport.abort()
            bodies = {"html": "<html>", "null": "null", "odd": json.dumps({"tags": 7, "manifests": "x"})}
            if fault == "large":
                return web.Response(body=b"[" * 40_000_000)
            return web.Response(status=500 if fault == "500" else 200, text=bodies.get(fault, ""))

        # It is tried again, which takes a while.
        monkeypatch.setattr("regframe.sources.transport._FIRST_WAIT_SECONDS", 0.01)
        odd.override(path, fail)
        told = found(frame := doctor(odd, "app:1"))
        assert list(told)[-1] == "deletes"
        assert "response time" in told
        assert "problem" in set(frame["verdict"]) or path.startswith(("/v2/app/blobs", "/v2/app/referrers"))

    def test_it_reads_and_does_nothing_else(self, odd: EmulatedRegistry) -> None:
        doctor(odd)
        assert {one.method for one in odd.seen} == {"GET", "HEAD"}
        assert len(odd.seen) < 25


@pytest.fixture
def hub(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerHub]:
    """Give Docker Hub behind every host name, with its rate limit."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    with serving(EmulatedRegistry(), context) as registry:
        registry.image("library/hello-world", "latest")
        registry.image("ratelimitpreview/test", "latest")

        def answer(request: web.Request) -> web.Response | None:
            if request.host != "registry-1.docker.io":
                return None
            if request.path == "/v2/_catalog" or not request.headers.get("Authorization", "").startswith("Bearer"):
                challenge = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'
                return error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)
            response = registry.plain(request)
            if "/manifests/" in request.path:
                response.headers["ratelimit-limit"] = "100;w=21600"
                response.headers["ratelimit-remaining"] = "76;w=21600"
                response.headers["docker-ratelimit-source"] = "192.0.2.1"
            return response

        registry.override("*", answer)
        registry.override("/token", lambda request: web.json_response({"token": "t", "expires_in": 300}))
        with start_proxy(int(registry.address.rpartition(":")[2])) as (proxy, _):
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            yield DockerHub(registry)


def docker_io() -> rf.Registry:
    return rf.Registry("docker.io", verify=False, progress=False, timeout=5)


def test_docker_hub(hub: DockerHub) -> None:
    told = found(docker_io().doctor())
    assert told["address"] == ("https://registry-1.docker.io", "good")
    assert told["login"] == ("Bearer, tokens from auth.docker.io for “registry.docker.io”", "good")
    assert told["token lifetime"] == ("300 s", "good")
    assert told["catalog"] == ("not offered (401)", "note")
    assert told["image"] == ("library/hello-world:latest", "good")
    assert told["own API"] == ("Docker Hub, answers", "good")
    assert told["rate limit"] == ("76 of 100 left in 21,600 s", "note")
    # Through a proxy the doctor does not see the server's own handshake.
    assert told["TLS"][1] == "not tested"
    hub.private.add("library/hello-world")
    assert found(docker_io().doctor())["own API"] == ("Docker Hub, silent", "note")
    hub.registry.override("/v2/namespaces/*", lambda request: web.Response(status=500))
    assert found(docker_io().doctor())["own API"] == ("failed, 500", "note")


class TestLimits:
    def test_docker_hub_is_asked_by_the_request_that_its_documentation_names(self, hub: DockerHub) -> None:
        limits = docker_io().limits()
        assert limits.to_dict() == {
            "limit": 100,
            "remaining": 76,
            "window": 21600,
            "asked": "HEAD /v2/ratelimitpreview/test/manifests/latest",
        }
        assert limits.name == "docker.io"
        manifests = [one.method for one in hub.registry.seen if "/manifests/" in one.path]
        assert set(manifests) == {"HEAD"}

    def test_a_used_up_limit_is_a_zero_and_no_error(self, hub: DockerHub, monkeypatch: pytest.MonkeyPatch) -> None:
        # It is tried again, which takes a while.
        monkeypatch.setattr("regframe.sources.transport._FIRST_WAIT_SECONDS", 0.01)
        headers = {"ratelimit_limit": "100;w=21600", "ratelimit_remaining": "0;w=21600", "Retry_After": "0"}
        hub.registry.override(
            "/v2/ratelimitpreview/*",
            lambda request: error(429, "TOOMANYREQUESTS", **headers) if "Authorization" in request.headers else None,
        )
        assert docker_io().limits()["remaining"] == 0

    def test_a_registry_that_says_nothing(self, plain_registry: RegistryServer) -> None:
        limits = rf.Registry(plain_registry.address).limits()
        assert limits[["limit", "remaining", "window"]].isna().all()
        assert limits["asked"] == "GET /v2/"

    def test_what_is_left_is_in_the_progress(
        self, hub: DockerHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader = docker_io().aio
        asyncio.run(reader.images("hello-world"))
        assert reader.progress.remaining == 76
        monkeypatch.setattr("regframe.progress._SHOWN_AFTER_SECONDS", 0)
        rf.Registry("docker.io", verify=False, progress=True).images("hello-world")
        assert "requests left=76" in capsys.readouterr().err
