"""How a registry is reached: connection, certificate, HTTP, clock and login."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from regframe.connection import Connection
from regframe.doctor.finding import Finding, not_tested
from regframe.errors import printable
from regframe.sources.auth import Authenticator
from regframe.sources.certificate import ShownCertificate, shown_certificate
from regframe.sources.credentials import Credentials
from regframe.sources.transport import is_loopback, proxy_for

_SOON_DAYS = 30
_SKEW_SECONDS = 30
_LONGEST_TEXT = 120


def address(url: str, host: str) -> Finding:
    """Return what the registry's URL tells."""
    where = url.removesuffix("/v2/")
    if url.startswith("https:"):
        return Finding("address", where, "good", "The connection is encrypted.")
    if is_loopback(host):
        return Finding("address", where, "good", "Plain HTTP, which does not leave this machine.")
    meaning = "Plain HTTP: whoever is on the way can read and change what is sent, a password too."
    return Finding("address", where, "problem", meaning)


async def tls(connection: Connection, host: str) -> AsyncIterator[Finding]:
    """Yield what the server shows in a TLS handshake."""
    if proxy_for(host, "https"):
        for check in ("TLS", "certificate"):
            yield not_tested(check, "The connection goes through a proxy; the doctor looks at direct ones only.")
        return
    shown = await shown_certificate(host, connection.timeout)
    if shown.speaks_http2:
        meaning = "regframe speaks HTTP/1.1, over several connections at once."
        yield Finding("TLS", f"{shown.tls_version}, HTTP/2 offered", "good", meaning)
    else:
        yield Finding("TLS", shown.tls_version, "good", "TLS 1.2 and 1.3 are safe.")
    yield _certificate(shown, is_checked=connection.checks_certificates)
    yield _names(shown)
    yield _expiry(shown)


def _certificate(shown: ShownCertificate, *, is_checked: bool) -> Finding:
    is_own = shown.subject == shown.issuer
    result = f"{shown.subject}, {'self-signed' if is_own else f'issued by {shown.issuer}'}"
    if shown.is_believed:
        return Finding("certificate", result, "good", "Its issuer is one that this machine believes.")
    if not is_checked:
        meaning = "Not checked (verify=False): anybody could answer in its place. Pass its file as ca= (--ca) instead."
        return Finding("certificate", result, "problem", meaning)
    meaning = "Believed only where its file is given: ca= (--ca), or docker's and podman's certs.d folders."
    return Finding("certificate", result, "note", meaning)


def _names(shown: ShownCertificate) -> Finding:
    if shown.names:
        return Finding("certificate names", _short(", ".join(shown.names)), "good", "The registry answers to these.")
    meaning = (
        "It has no subjectAltName, so docker, podman and skopeo refuse it; regframe takes the name in its subject."
    )
    return Finding("certificate names", shown.common_name or "none", "note", meaning)


def _expiry(shown: ShownCertificate) -> Finding:
    days = (shown.until - datetime.now(UTC)).days
    result = f"{shown.until:%Y-%m-%d}"
    if days < 0:
        return Finding("certificate expiry", result, "problem", "It has expired; who checks it is refused.")
    meaning = f"It is good for {days:,} more days."
    return Finding("certificate expiry", result, "note" if days < _SOON_DAYS else "good", meaning)


def http(version: str, headers: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the first answer tells of the server."""
    if headers.get("connection", "").lower() == "close" or version == "HTTP/1.0":
        meaning = "Each request opens a connection of its own, which makes an inventory slow, most of all over TLS."
        yield Finding("HTTP", f"{version}, connections are closed", "note", meaning)
    else:
        yield Finding("HTTP", f"{version}, connections are kept", "good", "Requests share connections.")
    api = headers.get("docker-distribution-api-version")
    meaning = "It says that it is a registry." if api else "It does not say; nothing depends on it."
    yield Finding("API version", _short(api or "not said"), "good", meaning)
    server = headers.get("server")
    yield Finding("server", _short(server or "not said"), "good", "What answers, or what stands before it.")
    yield _clock(headers.get("date"))


def _clock(header: str | None) -> Finding:
    try:
        time = parsedate_to_datetime(header or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return Finding("clock", "not said", "good", "The registry's time is not known; nothing depends on it.")
    seconds = (datetime.now(UTC) - time).total_seconds()
    if abs(seconds) < _SKEW_SECONDS:
        return Finding("clock", "in step", "good", "The registry's time is this machine's.")
    way = "behind" if seconds > 0 else "ahead of"
    meaning = "Tokens may be refused as expired or not valid yet, and what was released just now looks odd."
    return Finding("clock", f"{abs(seconds):,.0f} s {way} this machine's", "note", meaning)


def login(authenticator: Authenticator, credentials: Credentials | None, url: str, host: str) -> Iterator[Finding]:
    """Yield how the registry was logged in to."""
    challenge = authenticator.challenge
    if challenge is None:
        yield Finding("login", "none", "good", "It is open to all; credentials are not asked for, and not sent.")
        return
    if challenge.scheme == "basic":
        is_open = url.startswith("http:") and not is_loopback(host)
        meaning = "User and password go with each request" + (", in the clear." if is_open else ".")
        yield Finding("login", "Basic", "problem" if is_open else "good", meaning)
    else:
        realm = challenge.parameters["realm"].partition("://")[2].partition("/")[0].rpartition("@")[2]
        service = (
            f" for “{printable(challenge.parameters['service'], 60)}”" if "service" in challenge.parameters else ""
        )
        meaning = "A token for each repository; each is fetched once, and anew before it expires."
        yield Finding("login", f"Bearer, tokens from {printable(realm, 80)}{service}", "good", meaning)
        yield _token(authenticator.token_seconds)
    if credentials is None:
        yield Finding("credentials", "none", "good", "An inventory has what everybody may see; log in for more.")
    else:
        meaning = "An inventory has what this user may see."
        yield Finding("credentials", f"{_kind(credentials)}, accepted", "good", meaning)


def _token(seconds: float | None) -> Finding:
    if seconds is None:
        return Finding("token lifetime", "not said", "good", "60 seconds are assumed, as the specification has it.")
    return Finding("token lifetime", f"{seconds:,.0f} s", "good", "Longer scans renew it on the way.")


def refused(error: str, authenticator: Authenticator, credentials: Credentials | None) -> Iterator[Finding]:
    """Yield why the registry cannot be logged in to."""
    scheme = authenticator.challenge.scheme.capitalize() if authenticator.challenge else "not known"
    yield Finding("login", scheme, "problem", "The registry wants to know who asks.")
    yield Finding("credentials", f"{_kind(credentials)}, refused" if credentials else "none", "problem", error)


def _kind(credentials: Credentials) -> str:
    if credentials.registry_token:
        return "registry token"
    return "identity token" if credentials.identity_token else "user and password"


def _short(text: str) -> str:
    return printable(text, _LONGEST_TEXT)
