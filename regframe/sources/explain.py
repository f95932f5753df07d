"""What went wrong with a connection, in one sentence with the way out."""

from __future__ import annotations

import ssl
from typing import Any, TypeVar

import aiohttp
import httpx

from regframe.errors import CertificateRefused, ErrorDetails, NoConnection, printable

E = TypeVar("E", bound=BaseException)


class NotTLS(NoConnection):
    """The server answered a TLS handshake with something else."""


def shown(url: httpx.URL) -> str:
    """Return a URL for people: without user, password and query, which may hold a signature."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def explained(error: BaseException, url: httpx.URL, timeout: float) -> NoConnection:
    """Return what went wrong with a connection, as one sentence with the way out."""
    causes: list[BaseException] = [error]
    for cause in causes:
        # aiohttp keeps what the system said in an attribute of its own.
        said = (getattr(cause, name, None) for name in ("__cause__", "__context__", "os_error", "certificate_error"))
        causes += [one for one in said if isinstance(one, BaseException) and one not in causes]

    def first(kind: type[E]) -> E | None:
        return next((one for one in causes if isinstance(one, kind)), None)

    host = url.netloc.decode("ascii")
    place: ErrorDetails = {"operation": "connect", "url": shown(url)}
    # aiohttp's own error is one of these too, and knows less.
    if certificate := next((one for one in causes if getattr(one, "verify_code", None)), None):
        return CertificateRefused(f"The certificate of {host} is not accepted: {_complaint(certificate)}", **place)
    if first(aiohttp.ClientConnectorDNSError):
        return NoConnection(f"There is no host called {url.host}, or this machine cannot look it up.", **place)
    if first(ConnectionRefusedError):
        return NoConnection(f"Nothing listens at {host}: is the registry running, and is that its port?", **place)
    if first(TimeoutError) or first(aiohttp.ServerTimeoutError):
        return NoConnection(f"{host} did not answer within {timeout:g} seconds; timeout= allows more.", **place)
    if tls := first(ssl.SSLError):
        reason = (getattr(tls, "reason", None) or "handshake failed").replace("_", " ").lower()
        return NotTLS(
            f"{host} does not speak TLS ({reason}); if it speaks plain HTTP, pass insecure=True (--insecure).",
            **place,
        )
    if url.scheme == "http" and first(aiohttp.ClientResponseError):
        return NoConnection(f"{host} does not answer in HTTP: is it a registry, and does it want TLS?", **place)
    return NoConnection(
        f"The connection to {host} broke: {printable(str(causes[-1])) or type(error).__name__}.", **place
    )


def _complaint(error: Any) -> str:
    """Return what OpenSSL has against a certificate, and what helps. Numbers: openssl-verify(1), "Diagnostics"."""
    way_out = "pass its file as ca= (--ca), or verify=False (--no-verify) to go without the check."
    match error.verify_code:
        case 18 | 19:
            return f"it is self-signed and not one of those believed here; {way_out}"
        case 20 | 21:
            return f"it is signed by an authority that is not believed here; {way_out}"
        case 7:
            return f"it is not signed by the authority given; {way_out}"
        case 9:
            return "it is not valid yet; is this machine's clock right?"
        case 10:
            return "it has expired; renew it, or pass verify=False (--no-verify) to go without the check."
        case 62 | 64:
            return f"{error.verify_message}; use the name that it is made out to."
        case _:
            return f"{error.verify_message}; {way_out}"
