"""Challenges and tokens: what to send so that a registry answers.

Sources: RFC 9110, section 11 (challenges); CNCF Distribution's ``spec/auth/token.md`` and ``oauth.md``.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import msgspec

from regframe.errors import CredentialsRefused, ErrorDetails, InvalidDocument, RegistryError, printable
from regframe.sources.credentials import Credentials
from regframe.sources.explain import shown
from regframe.sources.transport import Transport
from regframe.sources.wire import Answer

_TOKEN_LIMIT = 1024 * 1024
# token.md: "If unspecified, … this defaults to 60 seconds".
_DEFAULT_LIFETIME_SECONDS = 60.0
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:\s+|\s*$|(?=,))")
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


@dataclass(frozen=True)
class Challenge:
    """One way in which a registry wants to be asked: a scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> list[Challenge]:
    """Read ``WWW-Authenticate``: several challenges, parameters in any order, quoted or not.

    >>> [c.scheme for c in parse_challenges('Basic realm="r", Bearer realm="https://auth.example/token",service=s')]
    ['basic', 'bearer']
    """
    challenges: list[Challenge] = []
    position = 0
    while position < len(header):
        parameter = _PARAMETER.match(header, position)
        if parameter and challenges:
            name, quoted, plain = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            challenges[-1] = Challenge(challenges[-1].scheme, {**challenges[-1].parameters, name.lower(): value})
            position = parameter.end()
        elif scheme := _SCHEME.match(header, position):
            challenges.append(Challenge(scheme[1].lower()))
            position = scheme.end()
        else:
            position += 1
    return challenges


class _TokenAnswer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    renew_at: float


class Authenticator:
    """Gives the ``Authorization`` for each scope of one registry.

    A token is fetched once for a scope however many requests wait for it, and anew before it expires.

    Parameters
    ----------
    registry : str
        The registry's name, for messages.
    find_credentials : callable
        Gives the credentials for a repository (or for ``""``, the registry), or ``None``. It is first called when
        the registry asks for credentials.

    Attributes
    ----------
    token_seconds : float or None
        How long the last token lives, where its server has said so.
    """

    def __init__(self, registry: str, find_credentials: Callable[[str], Credentials | None]) -> None:
        self._registry = registry
        self._find_credentials = find_credentials
        self._challenge: Challenge | None = None
        self._tokens: dict[str, _Token] = {}
        self._scopes: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._found: dict[str, Credentials | None] = {}
        self._finding = asyncio.Lock()
        self.token_seconds: float | None = None

    @property
    def challenge(self) -> Challenge | None:
        """What the registry asked for, if it has asked for anything."""
        return self._challenge

    @property
    def scheme(self) -> str:
        """What the registry asks for: ``"none"``, ``"basic"`` or ``"bearer"``."""
        return self._challenge.scheme if self._challenge else "none"

    async def authorization(self, transport: Transport, repository: str, scope: str) -> str | None:
        """Return what to send with a request, as far as the registry has said what it wants.

        Raises
        ------
        CredentialsRefused
            If the token server does not accept the credentials, or they would travel in the clear.
        """
        if self._challenge is None:
            return None
        credentials = await self.credentials_for(repository)
        if credentials and credentials.registry_token:
            return f"Bearer {credentials.registry_token}"
        if self._challenge.scheme == "basic":
            return _basic(credentials)
        async with self._locks.setdefault(scope, asyncio.Lock()):
            token = self._tokens.get(scope)
            if token is None or time.monotonic() >= token.renew_at:
                token = await self._fetch_token(transport, self._challenge, scope, credentials)
                self._tokens[scope] = token
        return f"Bearer {token.text}"

    async def basic(self, repository: str) -> str | None:
        """Return the user and password, where there are any, for another service of the registry's own host."""
        return _basic(await self.credentials_for(repository))

    async def credentials_for(self, repository: str) -> Credentials | None:
        """Return who the user is to the registry."""
        async with self._finding:
            if repository not in self._found:
                # A credential helper is a program that may wait for the user, so it runs beside the loop.
                self._found[repository] = await asyncio.to_thread(self._find_credentials, repository)
        return self._found[repository]

    def challenged(self, response: Answer, scope: str, sent: str | None) -> None:
        """Learn from a 401 what the registry wants, and forget the token that it did not accept.

        Raises
        ------
        CredentialsRefused
            If it asks for nothing that is known here.
        """
        challenges = parse_challenges(", ".join(response.headers.getall("www-authenticate", ())))
        best = {challenge.scheme: challenge for challenge in reversed(challenges)}
        chosen = best.get("bearer") or best.get("basic")
        if chosen is None:
            offered = ", ".join(printable(one.scheme, 20) for one in challenges) or "no way to give any"
            sentence = f"{self._registry} asks for credentials and offers {offered}; regframe knows Basic and Bearer."
            raise CredentialsRefused(sentence, status=401)
        if chosen.scheme == "bearer" and not chosen.parameters.get("realm"):
            raise CredentialsRefused(
                f"{self._registry} asks for a token and does not say where to get one.", status=401
            )
        self._challenge = chosen
        if asked := chosen.parameters.get("scope"):
            self._scopes[scope] = asked
        token = self._tokens.get(scope)
        if token is not None and sent == f"Bearer {token.text}":
            del self._tokens[scope]

    async def _fetch_token(
        self, transport: Transport, challenge: Challenge, scope: str, credentials: Credentials | None
    ) -> _Token:
        realm = httpx.URL(challenge.parameters["realm"])
        if realm.scheme not in {"http", "https"} or not realm.host:
            raise CredentialsRefused(
                f"{self._registry} names “{printable(str(realm))}” as its token server, which is none."
            )
        if credentials and transport.is_encrypted and realm.scheme != "https":
            raise CredentialsRefused(
                f"{self._registry} is spoken to over TLS, but wants the credentials sent in the clear to "
                f"{shown(realm)}, which regframe does not do."
            )
        asked = {"scope": self._scopes.get(scope, scope)}
        if service := challenge.parameters.get("service"):
            asked["service"] = service
        began = time.monotonic()
        if credentials and credentials.identity_token:
            form = {"grant_type": "refresh_token", "client_id": "regframe", "refresh_token": credentials.identity_token}
            response = await transport.post_form(realm, {**asked, **form}, _TOKEN_LIMIT)
        else:
            authorization = _basic(credentials)
            url = realm.copy_merge_params(asked)
            response = await transport.get(str(url), {}, _TOKEN_LIMIT, authorization)
        if response.status_code == 401:
            raise refused(self._registry, response, credentials is not None)
        if response.status_code == 403:
            raise CredentialsRefused(
                f"The token server {realm.host} of {self._registry} does not grant “{printable(asked['scope'])}”.",
                operation="token", status=403, url=shown(realm),
            )  # fmt: skip
        if response.status_code != 200:
            raise RegistryError(
                f"The token server {realm.host} of {self._registry} answered {response.status_code}.",
                operation="token", status=response.status_code, url=shown(realm),
            )  # fmt: skip
        try:
            answer = msgspec.json.decode(response.content, type=_TokenAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = _TokenAnswer()
        text = answer.token or answer.access_token
        if not text or not text.isascii() or not text.isprintable():
            raise InvalidDocument(f"The token server {realm.host} answered without a token.", operation="token")
        self.token_seconds = answer.expires_in
        lifetime = answer.expires_in or _DEFAULT_LIFETIME_SECONDS
        return _Token(text, began + lifetime - min(10.0, lifetime / 5))


def refused(registry: str, response: Answer, had_credentials: bool) -> CredentialsRefused:
    """Return the sentence for an answer that refuses what was sent."""
    details: ErrorDetails = {"operation": "login", "status": response.status_code, "url": shown(response.url)}
    if had_credentials:
        return CredentialsRefused(f"{registry} does not accept this user name and password (or token).", **details)
    return CredentialsRefused(
        f"{registry} asks for a user name and password: pass username= and password= (--username with "
        f"--password-stdin), or store them with `docker login {registry}` or `skopeo login {registry}`.",
        **details,
    )


def _basic(credentials: Credentials | None) -> str | None:
    if credentials is None or credentials.username is None:
        return None
    pair = f"{credentials.username}:{credentials.password or ''}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
