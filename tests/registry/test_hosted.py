"""Lists of a namespace and release dates from the public APIs of hosted registries, over real HTTP to emulations."""

from __future__ import annotations

import base64
import json
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from aiohttp import web

import regframe as rf
from tests.parts import Certificate, start_proxy
from tests.parts.emulated_registry import EmulatedRegistry, error, serving
from tests.parts.hosted_apis import HUB, PUSHED, DockerHub, Harbor, Quay

LOGIN = {"username": "me", "password": "hunter2"}
BASIC = "Basic " + base64.b64encode(b"me:hunter2").decode()
CREATED = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@contextmanager
def everywhere(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedRegistry]:
    """Run a registry over TLS that every host name leads to."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    with serving(EmulatedRegistry(), context) as registry:
        port = int(registry.address.rpartition(":")[2])
        with start_proxy(port) as (proxy, _):
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            yield registry


@pytest.fixture
def anywhere(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedRegistry]:
    """Give a registry that every host name leads to."""
    with everywhere(certificate, monkeypatch) as registry:
        yield registry


@pytest.fixture
def hub(anywhere: EmulatedRegistry) -> DockerHub:
    """Give Docker Hub: a registry that asks for tokens and has no catalog, a token server, and the API."""

    def demand(request: web.Request) -> web.Response | None:
        if request.host != "registry-1.docker.io":
            return None
        if request.path == "/v2/_catalog" or not request.headers.get("Authorization", "").startswith("Bearer "):
            challenge = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'
            return error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)
        return None

    anywhere.override("*", demand)
    anywhere.override("/token", lambda request: web.json_response({"token": "t", "expires_in": 300}))
    for name in ("httpd", "hello-world", "python"):
        anywhere.image(f"library/{name}", "latest")
    return DockerHub(anywhere)


@pytest.fixture
def local() -> Iterator[EmulatedRegistry]:
    """Give a registry over plain HTTP."""
    with serving(EmulatedRegistry()) as registry:
        yield registry


def docker_io(**options: str) -> rf.Registry:
    return rf.Registry("docker.io", verify=False, progress=False, timeout=5, **options)  # type: ignore[arg-type]


def connect(registry: EmulatedRegistry, **options: str) -> rf.Registry:
    return rf.Registry(registry.address, progress=False, timeout=5, **options)  # type: ignore[arg-type]


def asked(registry: EmulatedRegistry, host: str = HUB) -> list[str]:
    """Return what one host was asked for."""
    return [one.path for one in registry.seen if one.headers["Host"] == host]


def released(images: pd.DataFrame) -> dict[str, tuple[datetime, str]]:
    return {
        row.tag: (row.released_at.to_pydatetime(), row.released_source)
        for row in images.itertuples()  # type: ignore[union-attr,attr-defined,misc]
    }


class TestDockerHub:
    def test_a_namespace_is_listed_where_there_is_no_catalog(self, hub: DockerHub) -> None:
        hub.private.add("library/python")
        expected = ["library/httpd", "library/hello-world"]
        assert docker_io().repositories(namespace="library")["repository"].tolist() == expected
        assert docker_io().repositories("library/h*", counts=True)["tags"].tolist() == [1, 1]
        assert docker_io().tags("library/http*:lat*")["repository"].tolist() == ["library/httpd"]
        assert "/v2/_catalog" not in asked(hub.registry, "registry-1.docker.io")

    def test_a_long_namespace_is_listed_by_pages(self, hub: DockerHub) -> None:
        for number in range(250):
            hub.registry.tags[f"many/app{number}"] = {}
        repositories = docker_io().repositories(namespace="many")["repository"]
        assert repositories.tolist() == [f"many/app{number}" for number in range(250)]
        assert len(asked(hub.registry)) == 3

    def test_an_unknown_namespace_is_said_to_be_one(self, hub: DockerHub) -> None:
        with pytest.raises(rf.NotFound, match="Docker Hub has no namespace nobody"):
            docker_io().repositories(namespace="nobody")

    def test_without_a_namespace_the_error_says_to_name_one(self, hub: DockerHub) -> None:
        with pytest.raises(rf.Unsupported, match=r"ask for one namespace, as in “library/\*”"):
            docker_io().repositories()

    @pytest.mark.parametrize("wrong", ["Library", "../x", "a b", ""])
    def test_what_is_no_namespace_is_not_asked_for(self, hub: DockerHub, wrong: str) -> None:
        with pytest.raises(rf.InvalidReference):
            docker_io().repositories(namespace=wrong)
        with pytest.raises(rf.InvalidReference, match="selection or a namespace"):
            docker_io().repositories("library/*", namespace="library")
        assert hub.registry.seen == []

    def test_a_tag_was_released_when_it_was_pushed(self, hub: DockerHub) -> None:
        for number in range(230):
            hub.registry.tags["library/httpd"][f"2.{number}"] = hub.registry.tags["library/httpd"]["latest"]
        hub.pushed["library/httpd", "2.229"] = PUSHED + timedelta(days=1)
        images = docker_io().images("httpd")
        assert len(images) == 231
        assert released(images)["2.229"] == (PUSHED + timedelta(days=1), "registry")
        assert released(images)["2.0"] == (PUSHED, "registry")
        assert asked(hub.registry) == ["/v2/namespaces/library/repositories/httpd/tags"] * 3
        # The config's own date is still there.
        assert set(images["created"]) == {pd.Timestamp(CREATED)}

    def test_a_tag_that_is_named_is_asked_for_alone_and_only_where_its_date_is_wanted(self, hub: DockerHub) -> None:
        images = docker_io().images("httpd:latest")
        assert released(images)["latest"] == (PUSHED, "registry")
        assert asked(hub.registry) == ["/v2/namespaces/library/repositories/httpd/tags/latest"]
        hub.registry.seen.clear()
        docker_io().layers(images)
        docker_io().tags("httpd", resolve=True)
        assert asked(hub.registry) == []

    def test_nothing_of_the_users_goes_to_another_host(self, hub: DockerHub) -> None:
        assert docker_io(**LOGIN).inventory("library/*").errors.empty
        sent = Counter((one.headers["Host"], one.headers.get("Authorization")) for one in hub.registry.seen)
        assert {authorization for host, authorization in sent if host == HUB} == {None}
        assert {authorization for host, authorization in sent if host == "auth.docker.io"} == {BASIC}
        text = "".join(
            f"{one.path}?{one.query}{one.headers}" for one in hub.registry.seen if one.headers["Host"] == HUB
        )
        assert "me" not in text.split()
        assert "hunter2" not in text

    def test_what_is_not_public_has_the_date_of_its_config_and_is_no_error(self, hub: DockerHub) -> None:
        hub.private.add("library/httpd")
        inventory = docker_io(**LOGIN).inventory(["httpd", "python"])
        dates = inventory.images.set_index("repository")["released_source"].to_dict()
        assert dates == {"library/httpd": "config", "library/python": "registry"}
        assert inventory.errors.empty

    def test_the_oldest_tags_of_many_have_the_date_of_their_config_and_this_is_said(self, hub: DockerHub) -> None:
        """dotCMS/core 37025: Docker Hub shows 1,000 tags to those who are not signed in."""
        hub.anonymous_offset = 200
        for number in range(250):
            hub.registry.tags["library/httpd"][f"2.{number}"] = hub.registry.tags["library/httpd"]["latest"]
        inventory = docker_io().inventory(["httpd", "python"])
        sources = inventory.images["released_source"].value_counts().to_dict()
        assert sources == {"registry": 201, "config": 51}
        assert inventory.errors["operation"].tolist() == ["push times"]
        assert "the 200 newest tags of library/httpd" in inventory.errors["message"][0]

    @pytest.mark.parametrize("fault", ["500", "429", "reset", "html", "wrong", "endless"])
    def test_an_api_that_fails_costs_no_row_and_is_one_error(self, hub: DockerHub, fault: str) -> None:
        def fail(request: web.Request) -> web.Response | None:
            if request.host != HUB:
                return None
            if fault == "reset":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if fault.isdigit():
                return web.Response(status=int(fault), headers={"Retry-After": "0"})
            bodies = {"html": "<html>", "wrong": '{"results": 7}', "endless": '{"results": [], "next": "again"}'}
            return web.Response(text=bodies[fault])

        hub.registry.override("*", fail)
        inventory = docker_io().inventory(["httpd", "python", "hello-world"])
        assert inventory.images["released_source"].tolist() == ["config"] * 3
        assert inventory.errors["operation"].tolist() == ["push times"]
        assert len(inventory.layers) == 3

    def test_an_api_that_has_failed_is_not_asked_again(self, hub: DockerHub) -> None:
        for number in range(20):
            hub.registry.image(f"many/app{number}", "1")
        hub.registry.override("/v2/namespaces/*", lambda request: web.Response(status=500))
        registry = rf.Registry("docker.io", verify=False, progress=False, concurrency=1)
        inventory = registry.inventory([f"many/app{number}" for number in range(20)])
        assert len(inventory.images) == 20
        # Once, and once more as it may pass.
        assert len(asked(hub.registry)) == 2

    def test_its_rate_limit_is_not_taken_for_the_registrys(self, hub: DockerHub) -> None:
        registry = docker_io()
        registry.images("httpd")
        assert registry.plan("httpd")["remaining"] is pd.NA


class TestQuay:
    def test_a_namespace_and_push_times_on_quay_io(self, anywhere: EmulatedRegistry) -> None:
        quay = Quay(anywhere, private={"team/secret"}, page_size=2)
        for name in ("team/app", "team/tools/lint", "team/web", "team/secret", "other/app"):
            anywhere.image(name, "1")
            anywhere.image(name, "2", env=["A=1"])
            anywhere.image(name, "3", env=["A=2"])
        quay.pushed["team/app", "3"] = PUSHED + timedelta(hours=1)
        registry = rf.Registry("quay.io", verify=False, progress=False)
        listed = registry.repositories(namespace="team")["repository"].tolist()
        assert listed == ["team/app", "team/tools/lint", "team/web"]
        assert registry.repositories("team/tools/*")["repository"].tolist() == ["team/tools/lint"]
        images = registry.images("team/app")
        second = PUSHED.replace(microsecond=0)
        assert released(images)["1"] == (second, "registry")
        assert released(images)["3"] == (second + timedelta(hours=1), "registry")
        assert released(registry.images("team/tools/lint:2"))["2"] == (second, "registry")
        assert released(registry.images("team/secret"))["1"] == (CREATED, "config")
        assert registry.errors.empty

    def test_quay_elsewhere_is_known_by_where_it_gives_its_tokens(self, local: EmulatedRegistry) -> None:
        def demand(request: web.Request) -> web.Response | None:
            if request.headers.get("Authorization", "").startswith("Bearer "):
                return None
            realm = f'Bearer realm="http://{local.address}/v2/auth",service="{local.address}"'
            return error(401, "UNAUTHORIZED", WWW_Authenticate=realm)

        local.image("team/app", "1")
        local.override("/v2/*", demand)
        local.override("/v2/auth", lambda request: web.json_response({"token": "t"}))
        Quay(local)
        assert released(connect(local, **LOGIN).images("team/app"))["1"] == (PUSHED.replace(microsecond=0), "registry")
        api = [one for one in local.seen if one.path.startswith("/api/")]
        assert api
        assert all("Authorization" not in one.headers for one in api)


class TestHarbor:
    @pytest.fixture
    def harbor(self, local: EmulatedRegistry) -> Harbor:
        local.image("team/app", "1")
        local.image("team/tools/lint", "1", env=["A=1"])
        local.tags["team/tools/lint"]["latest"] = local.tags["team/tools/lint"]["1"]
        local.image("team/secret", "1", env=["A=2"])
        return Harbor(local, private={"team/secret"})

    def test_a_project_is_listed_for_who_may_not_read_the_catalog(self, harbor: Harbor) -> None:
        """Harbor 7898: its catalog is for system administrators."""
        member = connect(harbor.registry, username=harbor.username, password=harbor.password)
        everything = ["team/app", "team/tools/lint", "team/secret"]
        assert member.repositories(namespace="team")["repository"].tolist() == everything
        anonymous = connect(harbor.registry).repositories("team/*")["repository"].tolist()
        assert anonymous == everything[:2]
        with pytest.raises(rf.Unsupported):
            member.repositories()

    def test_a_project_that_is_not_there_is_said_to_be_none(self, harbor: Harbor) -> None:
        with pytest.raises(rf.CredentialsRefused, match="Harbor does not show namespace nobody"):
            connect(harbor.registry).repositories(namespace="nobody")

    @pytest.mark.parametrize("page_size", [100, 1])
    def test_push_times_also_of_names_with_slashes_and_of_what_is_private(self, harbor: Harbor, page_size: int) -> None:
        """Harbor 18355: a slash in a repository's name is encoded twice."""
        harbor.page_size = page_size
        harbor.pushed["team/tools/lint", "latest"] = PUSHED + timedelta(days=3)
        member = connect(harbor.registry, username=harbor.username, password=harbor.password)
        inventory = member.inventory("team/*")
        assert set(inventory.images["released_source"]) == {"registry"}
        lint = inventory.images[inventory.images["repository"] == "team/tools/lint"]
        assert released(lint) == {"1": (PUSHED, "registry"), "latest": (PUSHED + timedelta(days=3), "registry")}
        assert inventory.errors.empty
        assert released(member.images("team/tools/lint:latest"))["latest"][1] == "registry"
        assert released(connect(harbor.registry).images("team/app:1"))["1"][1] == "registry"

    def test_the_password_goes_to_the_token_service_and_the_api_of_the_same_host(self, harbor: Harbor) -> None:
        connect(harbor.registry, username=harbor.username, password=harbor.password).images("team/app")
        with_password = {one.path for one in harbor.registry.seen if one.headers.get("Authorization") == harbor.basic}
        assert {path.partition("/projects")[0] for path in with_password} == {"/service/token", "/api/v2.0"}

    def test_a_stored_login_for_one_project_counts_for_the_api_too(
        self, harbor: Harbor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = base64.b64encode(f"{harbor.username}:{harbor.password}".encode()).decode()
        stored = tmp_path / "auth.json"
        stored.write_text(json.dumps({"auths": {f"{harbor.registry.address}/team": {"auth": login}}}))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(stored))
        assert "team/secret" in set(connect(harbor.registry).repositories(namespace="team")["repository"])
        assert released(connect(harbor.registry).images("team/secret"))["1"] == (PUSHED, "registry")

    def test_without_its_api_it_is_a_plain_registry(self, harbor: Harbor) -> None:
        harbor.registry.override("/api/*", lambda request: web.Response(status=404, text="no"))
        member = connect(harbor.registry, username=harbor.username, password=harbor.password)
        assert released(member.images("team/app"))["1"] == (CREATED, "config")
        assert member.errors.empty


class TestGoogle:
    def manifests(self, registry: EmulatedRegistry, repository: str, *, as_text: bool) -> dict[str, object]:
        time = int(PUSHED.timestamp() * 1000)
        return {
            digest: {
                "imageSizeBytes": "1000",
                "layerId": "",
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "tag": [tag for tag, its in registry.tags[repository].items() if its == digest],
                "timeCreatedMs": "0",
                "timeUploadedMs": str(time) if as_text else time,
            }
            for digest in registry.tags[repository].values()
        }

    @pytest.mark.parametrize("as_text", [True, False])
    def test_the_manifest_map_of_the_list_of_tags_is_a_release_date(
        self, local: EmulatedRegistry, as_text: bool
    ) -> None:
        """go-containerregistry, pkg/v1/google/list.go: text in Container Registry, numbers in Artifact Registry."""
        local.image("app", "1")
        local.image("app", "2", env=["A=1"])
        local.override(
            "/v2/app/tags/list",
            lambda request: web.json_response(
                {
                    "child": [],
                    "name": "app",
                    "tags": list(local.tags["app"]),
                    "manifest": self.manifests(local, "app", as_text=as_text),
                }
            ),
        )
        images = connect(local).images("app")
        millisecond = PUSHED.replace(microsecond=PUSHED.microsecond // 1000 * 1000)
        assert released(images) == dict.fromkeys(("1", "2"), (millisecond, "registry"))
        assert not [one for one in local.seen if one.path.startswith("/api")]

    @pytest.mark.parametrize(
        "odd",
        [
            7,
            None,
            [],
            {"sha256:0": {}},
            {"sha256:0": {"tag": "1"}},
            {"sha256:0": {"tag": ["1"], "timeUploadedMs": "soon"}},
            {"sha256:0": {"tag": ["1"], "timeUploadedMs": 10**30}},
            {"sha256:0": {"tag": ["1"], "timeUploadedMs": "-5"}},
            {"sha256:0": {"tag": ["1"], "timeUploadedMs": 4102444800000}},
        ],
    )
    def test_a_map_that_is_none_of_googles_costs_nothing(self, local: EmulatedRegistry, odd: object) -> None:
        local.image("app", "1")
        local.override(
            "/v2/app/tags/list",
            lambda request: web.json_response({"name": "app", "tags": ["1"], "manifest": odd, "child": odd}),
        )
        inventory = connect(local).inventory("app")
        assert released(inventory.images) == {"1": (CREATED, "config")}
        assert inventory.errors.empty

    def test_a_namespace_is_listed_by_its_children(self, anywhere: EmulatedRegistry) -> None:
        for name in ("project/app", "project/tools/lint", "project/tools/deep/er"):
            anywhere.image(name, "1")
        children = {
            "project": ["tools", "app"],
            "project/tools": ["lint", "deep"],
            "project/tools/deep": ["er", "gone"],
        }

        def lists(request: web.Request) -> web.Response | None:
            name = request.path.removeprefix("/v2/").removesuffix("/tags/list")
            if not request.path.endswith("/tags/list") or (name not in children and name not in anywhere.tags):
                return None
            tags = list(anywhere.tags.get(name, {}))
            manifests = self.manifests(anywhere, name, as_text=True) if tags else {}
            return web.json_response(
                {"child": children.get(name, []), "name": name, "tags": tags, "manifest": manifests}
            )

        anywhere.override("*", lists)
        registry = rf.Registry("europe-docker.pkg.dev", verify=False, progress=False)
        listed = registry.repositories(namespace="project")["repository"].tolist()
        assert listed == ["project/app", "project/tools/deep/er", "project/tools/lint"]
        inventory = registry.inventory("project/tools/*")
        assert set(inventory.images["released_source"]) == {"registry"}
        assert released(registry.images("project/app:1"))["1"][1] == "registry"


def test_a_namespace_of_a_plain_registry_is_a_part_of_its_catalog(local: EmulatedRegistry) -> None:
    for name in ("team/app", "team/tools/lint", "teams/app", "app"):
        local.image(name, "1")
    assert connect(local).repositories(namespace="team")["repository"].tolist() == ["team/app", "team/tools/lint"]
    assert connect(local).images("team/*")["released_source"].tolist() == ["config"] * 2
    assert {one.path.split("/")[1] for one in local.seen} == {"v2"}


def test_push_times_that_cannot_be_are_not_believed(hub: DockerHub) -> None:
    hub.pushed["library/httpd", "latest"] = datetime(1970, 1, 1, tzinfo=UTC)
    hub.pushed["library/python", "latest"] = datetime.now(UTC) + timedelta(days=400)
    assert set(docker_io().images(["httpd", "python"])["released_source"]) == {"config"}


def test_going_on_with_an_inventory_keeps_its_push_times(hub: DockerHub) -> None:
    earlier = docker_io().inventory("httpd")
    hub.registry.image("library/httpd", "new", env=["A=1"])
    hub.pushed["library/httpd", "new"] = PUSHED + timedelta(days=1)
    again = docker_io().inventory("httpd", resume=earlier)
    assert released(again.images) == {
        "latest": (PUSHED, "registry"),
        "new": (PUSHED + timedelta(days=1), "registry"),
    }
