"""What real registries do: challenges, tokens and credentials."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable

import pytest
from aiohttp import web

import regframe as rf
from tests.parts import Certificate
from tests.parts.emulated_registry import EmulatedRegistry, error

Connect = Callable[..., rf.Registry]
LOGIN = {"username": "me", "password": "hunter2"}
BASIC = "Basic " + base64.b64encode(b"me:hunter2").decode()


class Tokens:
    """A registry's token server: it answers ``/token``, and asks for its tokens everywhere below ``/v2/``."""

    def __init__(self, registry: EmulatedRegistry, *, key: str = "token", uses: int = 1_000_000) -> None:
        self.issued: Counter[str] = Counter()
        self._scopes: dict[str, str] = {}
        self._uses_left: Counter[str] = Counter()
        self._registry = registry
        self._key = key
        self._uses = uses
        registry.override("/v2/*", self.demand)
        registry.override("/token", self.issue)

    def issue(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != BASIC:
            return error(401, "UNAUTHORIZED")
        scope = request.query["scope"]
        self.issued[scope] += 1
        token = f"token-{self.issued.total()}"
        self._scopes[token] = scope
        self._uses_left[token] = self._uses
        return web.json_response({self._key: token, "expires_in": 300})

    def demand(self, request: web.Request) -> web.Response | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        wanted = wanted_scope(request.path)
        self._uses_left[token] -= 1
        if scheme == "Bearer" and self._uses_left[token] >= 0 and self._scopes.get(token) == wanted:
            return None
        challenge = f'Bearer realm="http://{self._registry.address}/token",service="registry",scope="{wanted}"'
        return error(401, "UNAUTHORIZED", WWW_Authenticate=challenge)


def wanted_scope(path: str) -> str:
    """Return the scope that a path takes."""
    if path == "/v2/_catalog":
        return "registry:catalog:*"
    for part in ("/tags/", "/manifests/", "/blobs/"):
        if part in path:
            return f"repository:{path[len('/v2/') : path.index(part)]}:pull"
    return ""


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="registry", Bearer realm="{realm}",service="s",scope="repository:app:pull"',
        'Bearer scope="repository:app:pull" , service=s,realm="{realm}", Basic realm=registry',
        'Negotiate, bearer realm="{realm}",service="s, with \\"quotes\\" and = signs"',
        'Bearer realm="{realm}"',
    ],
)
def test_the_best_of_several_challenges_is_chosen(odd: EmulatedRegistry, connect: Connect, challenge: str) -> None:
    """Prowler PR 12691: Basic before Bearer, parameters in any order, quoted or not."""
    odd.image("app")
    header = challenge.format(realm=f"http://{odd.address}/token")

    def demand(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == "Bearer granted":
            return None
        return error(401, "UNAUTHORIZED", WWW_Authenticate=header)

    odd.override("/v2/*", demand)
    odd.override("/token", lambda request: web.json_response({"token": "granted"}))
    assert len(connect(odd).images("app")) == 1


def test_several_challenge_headers_are_read_as_one(odd: EmulatedRegistry, connect: Connect) -> None:
    odd.image("app")

    def demand(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        answer = error(401, "UNAUTHORIZED")
        answer.headers.add("WWW-Authenticate", "Digest nonce=x")
        answer.headers.add("WWW-Authenticate", 'Basic realm="registry"')
        return answer

    odd.override("/v2/*", demand)
    assert len(connect(odd, **LOGIN).images("app")) == 1


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_the_token_is_read_under_both_names(odd: EmulatedRegistry, connect: Connect, key: str) -> None:
    """Overlaybd 35: ACR answers ``access_token`` only."""
    odd.image("app")
    Tokens(odd, key=key)
    assert len(connect(odd, **LOGIN).images("app")) == 1


def test_a_token_that_expires_in_mid_scan_is_renewed_and_no_row_is_lost(
    odd: EmulatedRegistry, connect: Connect
) -> None:
    """Harbor 10325, hub-feedback 2094. Here it expires after 25 requests, whatever ``expires_in`` said."""
    for number in range(60):
        odd.image("app", f"1.{number}", env=[str(number)])
    tokens = Tokens(odd, uses=25)
    inventory = connect(odd, **LOGIN, concurrency=2).inventory("app")
    assert len(inventory.images) == 60
    assert inventory.errors.empty
    assert tokens.issued["repository:app:pull"] >= 121 / 25


def test_one_token_for_each_scope_however_many_wait_for_it(odd: EmulatedRegistry, connect: Connect) -> None:
    """regclient ``repoAuth``: tokens are per repository."""
    for repository in ("app", "team/app", "team/tool"):
        for number in range(20):
            odd.image(repository, f"1.{number}", env=[str(number)])
    tokens = Tokens(odd)
    assert len(connect(odd, **LOGIN, concurrency=16).inventory().images) == 60
    assert tokens.issued == {
        "registry:catalog:*": 1,
        "repository:app:pull": 1,
        "repository:team/app:pull": 1,
        "repository:team/tool:pull": 1,
    }


def test_a_wrong_password_at_the_token_server_is_one_sentence_without_it(
    odd: EmulatedRegistry, connect: Connect
) -> None:
    Tokens(odd)
    with pytest.raises(rf.CredentialsRefused, match="does not accept this user name and password") as info:
        connect(odd, username="me", password="wrong-secret").inventory()
    assert "wrong-secret" not in repr(info.value) + str(vars(info.value))


def test_credentials_are_not_sent_on_to_a_blob_store(
    odd: EmulatedRegistry, other: EmulatedRegistry, connect: Connect
) -> None:
    """Renovate 3877, opa 6580: S3 answers 400 to an ``Authorization`` that is not its own."""
    odd.image("app")

    def demand(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        return error(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="registry"')

    def redirect(request: web.Request) -> web.Response:
        return web.Response(
            status=307, headers={"Location": f"http://{other.address}{request.path}?X-Amz-Signature=s%2Fg"}
        )

    def store(request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            return web.Response(status=400)
        return web.Response(body=odd.documents[request.path.rpartition("/")[2]][0])

    odd.override("/v2/app/blobs/*", redirect)
    odd.override("/v2/*", demand)
    other.override("/v2/app/blobs/*", store)
    inventory = connect(odd, **LOGIN).inventory()
    assert inventory.errors.empty
    assert inventory.images["platform"].tolist() == ["linux/amd64"]
    assert [("Authorization" in one.headers, one.query) for one in other.seen] == [(False, "X-Amz-Signature=s/g")]


def test_credentials_stay_with_the_registry_within_its_host(odd: EmulatedRegistry, connect: Connect) -> None:
    odd.image("app")

    def demand(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        return error(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="registry"')

    odd.override(
        "/v2/app/blobs/*", lambda request: web.Response(status=302, headers={"Location": "/v2/moved" + request.path})
    )
    odd.override("/v2/moved*", lambda request: odd.plain(request.clone(rel_url=request.path.removeprefix("/v2/moved"))))
    odd.override("/v2/*", demand)
    assert connect(odd, **LOGIN).inventory().errors.empty


def test_credentials_do_not_go_in_the_clear_when_the_registry_speaks_tls(
    odd_tls: EmulatedRegistry, other: EmulatedRegistry, connect: Connect, certificate: Certificate
) -> None:
    challenge = f'Bearer realm="http://{other.address}/token",service="s"'
    odd_tls.override("/v2/*", lambda request: error(401, "UNAUTHORIZED", WWW_Authenticate=challenge))
    with pytest.raises(rf.CredentialsRefused, match="in the clear"):
        connect(odd_tls, **LOGIN, ca=certificate.certificate).images("app")
    assert other.seen == []


@pytest.mark.parametrize("realm", ["file:///etc/passwd", "gopher://x", "http://", "not a url", ""])
def test_a_realm_that_is_none_is_refused(odd: EmulatedRegistry, connect: Connect, realm: str) -> None:
    odd.override("/v2/*", lambda request: error(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{realm}"'))
    with pytest.raises(rf.RegframeError):
        connect(odd, **LOGIN).images("app")
