"""A token server as the registry's token authentication specification describes it.

Source: distribution, ``docs/spec/auth/token.md``, ``jwt.md`` and ``oauth.md``.
"""

from __future__ import annotations

import base64
import json
import math
import secrets
import ssl
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.parts.registry_server import PASSWORD, USERNAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tests.parts.certificates import Certificate

# docker-registry accepts a token for this long after its "exp" (registry/auth/token/token.go).
_REGISTRY_LEEWAY_SECONDS = 60


class TokenServer(ThreadingHTTPServer):
    """A running token server.

    Attributes
    ----------
    realm : str
        The URL that a registry's challenge names.
    requests : Counter of str
        How often each scope was asked for; ``""`` counts requests without a scope.
    withheld : set of str
        Scopes that are answered with a token which allows nothing, as Docker Hub does for its catalog.
        A test may change it at any time, as well as `lifetime`, `expires_in` and `answer`.
    identity_token : str
        A refresh token, taken in place of user and password (``POST``, ``grant_type=refresh_token``).
    """

    daemon_threads = False
    request_queue_size = 128
    service = "regframe tests"
    issuer = "regframe token server"

    def __init__(self, certificate: Certificate, *, tls: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.certificate = certificate
        self.realm = f"{'https' if tls else 'http'}://localhost:{self.server_port}/token"
        self.requests: Counter[str] = Counter()
        self.withheld: set[str] = set()
        self.identity_token = secrets.token_urlsafe()
        self.lifetime = 60
        self.expires_in: int | None = None
        self.answer: Collection[str] = ("token",)
        self._key = certificate.key.read_bytes()
        self._chain = [base64.b64encode(ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text())).decode()]
        self._lock = threading.Lock()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            # The handshake belongs to the connection's thread: here it would hold up all others.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print no traceback for a client that refuses the certificate or goes away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def grant(self, scopes: list[str]) -> dict[str, Any]:
        """Return the answer to a request for these scopes."""
        with self._lock:
            self.requests.update(scopes or [""])
        now = time.time()
        claims = {
            "iss": self.issuer,
            "sub": USERNAME,
            "aud": self.service,
            "iat": int(now),
            "nbf": int(now),
            "exp": math.ceil(now) + self.lifetime - _REGISTRY_LEEWAY_SECONDS,
            "jti": secrets.token_hex(8),
            "access": [_access(scope) for scope in scopes if scope not in self.withheld],
        }
        token = jwt.encode(claims, self._key, algorithm="RS256", headers={"x5c": self._chain})
        expires_in = self.lifetime if self.expires_in is None else self.expires_in
        issued_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        return dict.fromkeys(self.answer, token) | {"expires_in": expires_in, "issued_at": issued_at}


@contextmanager
def start_token_server(
    certificate: Certificate,
    *,
    tls: bool = True,
    lifetime: int = 60,
    expires_in: int | None = None,
    answer: Collection[str] = ("token",),
) -> Iterator[TokenServer]:
    """Run a token server for `USERNAME` and `PASSWORD` on a free loopback port until the context ends.

    Parameters
    ----------
    certificate : Certificate
        Signs the tokens, and serves HTTPS when `tls` is true.
    tls : bool
        Whether the realm is an ``https://`` URL.
    lifetime : int
        For how many seconds the registry takes a token; up to one more, as tokens count in whole seconds.
    expires_in : int, optional
        What the answer says about that: the truth when it is not given.
    answer : collection of str
        The names under which the answer gives the token: ``"token"``, ``"access_token"`` or both.
    """
    with TokenServer(certificate, tls=tls) as server:
        server.lifetime = lifetime
        server.expires_in = expires_in
        server.answer = answer
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _access(scope: str) -> dict[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer
    timeout = 10

    def do_GET(self) -> None:
        """Answer a request with Basic credentials."""
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        allowed = self.headers.get("Authorization") == f"Basic {expected}"
        self._answer(allowed, urlsplit(self.path).query)

    def do_POST(self) -> None:
        """Answer an OAuth2 request with an identity token, or with a user and password."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        if fields.get("grant_type") == "refresh_token":
            allowed = fields.get("refresh_token") == self.server.identity_token
        else:
            allowed = (fields.get("username"), fields.get("password")) == (USERNAME, PASSWORD)
        self._answer(allowed, body)

    def _answer(self, allowed: bool, query: str) -> None:
        scopes = [scope for value in parse_qs(query).get("scope", []) for scope in value.split()]
        document = self.server.grant(scopes) if allowed else {"details": "incorrect username or password"}
        body = json.dumps(document).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep the tests' output to what pytest says."""
