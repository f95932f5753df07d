"""Connections to one registry: TLS, plain HTTP, retries, and bodies of bounded size.

The only module that knows which HTTP library carries the requests. It speaks httpx's transport interface,
with aiohttp's sockets underneath (a fifth of the CPU time of httpx's own pool).
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_retries import Retry, RetryTransport

from regframe.errors import (
    CertificateRefused,
    ConfigurationError,
    ErrorDetails,
    InvalidDocument,
    NoConnection,
    RegframeError,
    RegistryError,
    TooLarge,
    printable,
)

E = TypeVar("E", bound=BaseException)

_HEADERS = {"User-Agent": f"regframe/{version('regframe')}", "Accept-Encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_TRIES_AGAIN = 4
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class TLS:
    """How the registry's certificate is checked, and which certificate the client shows.

    Attributes
    ----------
    ca : Path or None
        A file of certificates (PEM) to believe besides those of this machine.
    cert_dir : Path or None
        A folder by docker's and skopeo's certs.d convention: ``*.crt`` are believed, ``*.cert`` with ``*.key`` shown.
    verify : bool
        Whether to check at all.
    """

    ca: Path | None = None
    cert_dir: Path | None = None
    verify: bool = True

    @property
    def is_asked_for(self) -> bool:
        """Whether the caller named certificates, and so wants nothing but TLS."""
        return self.ca is not None or self.cert_dir is not None

    def context(self) -> ssl.SSLContext:
        """Return the context that connections are made with.

        Raises
        ------
        ConfigurationError
            If a file is missing or is not a certificate or key in PEM form.
        """
        context = ssl.create_default_context()
        # Python 3.13 made this flag its default; the self-signed certificates of private registries often fail it.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_verify_locations(certifi.where())
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        authorities = [self.ca] if self.ca else []
        if self.cert_dir:
            if not self.cert_dir.is_dir():
                raise ConfigurationError(f"There is no folder {self.cert_dir}; cert_dir= takes one with *.crt files.")
            authorities += sorted(self.cert_dir.glob("*.crt"))
        for authority in authorities:
            try:
                context.load_verify_locations(authority)
            except OSError as error:
                reason = "is not a certificate in PEM form" if isinstance(error, ssl.SSLError) else "cannot be read"
                raise ConfigurationError(f"{authority} {reason}, so it cannot serve to check the registry.") from None
        for certificate in sorted(self.cert_dir.glob("*.cert")) if self.cert_dir else []:
            key = certificate.with_suffix(".key")
            try:
                context.load_cert_chain(certificate, key)
            except OSError:
                raise ConfigurationError(f"{certificate} with {key} is not a certificate and its key.") from None
        return context


def system_cert_dir(host: str) -> Path | None:
    """Return the folder in which docker, podman or skopeo keep this registry's certificates, if there is one."""
    places = [Path.home() / ".config/containers/certs.d", Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d")]
    return next((place / host for place in places if (place / host).is_dir()), None)


def is_loopback(host: str) -> bool:
    """Return whether the host (perhaps with a port) is this machine, which docker lets speak plain HTTP."""
    name = httpx.URL(f"//{host}").host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _proxy(host: str, scheme: str) -> httpx.Proxy | None:
    """Return the proxy that the environment names for this host; this machine itself needs none."""
    proxy = getproxies().get(scheme)
    if not proxy or is_loopback(host) or proxy_bypass(host):
        return None
    return httpx.Proxy(proxy)


class _WholeBodies(httpx.AsyncBaseTransport):
    """Reads each body within the request's limit, so that a torn one is tried again like a lost connection."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        try:
            response.stream = _Limited(response, request.extensions["limit"])
            await response.aread()
        finally:
            await response.aclose()
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Limited(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, limit: int) -> None:
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            # A compressed body says nothing of its size; none was asked for.
            raise InvalidDocument(f"The answer is encoded as {printable(encoding)}, though identity was asked for.")
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise TooLarge(f"The answer has {int(announced):,} bytes; regframe reads at most {limit:,} of one like it.")
        self._stream = response.stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._limit:
                raise TooLarge(
                    f"The answer has more than {self._limit:,} bytes, the most regframe reads of one like it."
                )
            yield chunk

    async def aclose(self) -> None:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        await self._stream.aclose()


class Transport:
    """Requests to one registry, and to the hosts that it sends on to.

    Parameters
    ----------
    host : str
        The registry's host, with a port where it has one.
    context : ssl.SSLContext
        How certificates are checked (:meth:`TLS.context`).
    plain_http : bool
        Whether to speak plain HTTP.
    may_fall_back : bool
        Whether to speak plain HTTP if the server does not speak TLS.
    timeout : float
        Seconds to wait for a connection, and for each part of an answer.
    connections : int
        How many connections to hold at most.
    """

    def __init__(
        self,
        host: str,
        *,
        context: ssl.SSLContext,
        plain_http: bool = False,
        may_fall_back: bool = False,
        timeout: float = 30.0,
        connections: int = 16,
    ) -> None:
        self._host = host
        self._may_fall_back = may_fall_back
        self._plain_http = plain_http
        self._timeout = timeout
        self._base: httpx.URL | None = None
        self._finding_base = asyncio.Lock()
        connector = aiohttp.TCPConnector(limit=connections, ssl=context)
        # No cookies and no .netrc (trust_env would read it): what goes out is what auth.py puts there.
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        self._once = _WholeBodies(
            AiohttpTransport(client=self._session, proxy=_proxy(host, "http" if plain_http else "https"))
        )
        self._retrying = RetryTransport(
            self._once,
            Retry(
                total=_TRIES_AGAIN,
                status_forcelist=[429, 500, 502, 503, 504],
                backoff_factor=_FIRST_WAIT_SECONDS,
                max_backoff_wait=_LONGEST_WAIT_SECONDS,
            ),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()

    @property
    def is_encrypted(self) -> bool:
        """Whether the registry is spoken to over TLS."""
        return self._base is None or self._base.scheme == "https"

    async def get(
        self, url: str, headers: dict[str, str], limit: int, authorization: str | None = None
    ) -> httpx.Response:
        """Return the whole answer to a GET of a path of the registry, or of an absolute URL.

        Redirects are followed; the authorization goes to the host that it is for, and to no other.

        Raises
        ------
        NoConnection
            If no answer came, after some tries.
        TooLarge
            If the body has more bytes than the limit.
        RegistryError
            If a redirect leads in a circle, from TLS to plain HTTP, or to something that is not HTTP.
        """
        credential = {"Authorization": authorization} if authorization else {}
        response = await self._get(url, {**headers, **credential}, limit)
        origin = _origin(response.request.url)
        for _ in range(_MOST_REDIRECTS):
            if response.status_code not in _REDIRECTS or "location" not in response.headers:
                return response
            here, there = response.request.url, _location(response)
            if there.scheme not in {"http", "https"} or (here.scheme == "https" and there.scheme != "https"):
                raise RegistryError(
                    f"{here.host} redirects to {printable(shown(there))}, which regframe does not follow from "
                    f"{here.scheme}.", status=response.status_code, url=shown(here),
                )  # fmt: skip
            kept = credential if _origin(there) == origin else {}
            response = await self._send(self._retrying, "GET", there, {**headers, **kept}, limit)
        raise RegistryError(f"{self._host} redirects more than {_MOST_REDIRECTS} times.", url=shown(there))

    async def post_form(self, url: httpx.URL, form: dict[str, str], limit: int) -> httpx.Response:
        """Return the answer of a token server to a form (the only POST that reading needs)."""
        return await self._send(self._once, "POST", url, {}, limit, form)

    async def _get(self, url: str, headers: dict[str, str], limit: int) -> httpx.Response:
        if self._base is None:
            async with self._finding_base:
                if self._base is None:
                    return await self._first(url, headers, limit)
        return await self._send(self._retrying, "GET", self._base.join(url), headers, limit)

    async def _first(self, url: str, headers: dict[str, str], limit: int) -> httpx.Response:
        """Find out how the registry is spoken to; what is wrong with a name or a port is said at once."""
        schemes = ["http"] if self._plain_http else ["https"]
        if self._may_fall_back:
            schemes.append("http")
        for scheme in schemes:
            base = httpx.URL(f"{scheme}://{self._host}")
            try:
                response = await self._send(self._once, "GET", base.join(url), headers, limit)
            except _NotTLS:
                if scheme == schemes[-1]:
                    raise
            else:
                self._base = base
                return response
        raise AssertionError("the last scheme returns or raises")

    async def _send(
        self,
        transport: httpx.AsyncBaseTransport,
        method: str,
        url: httpx.URL,
        headers: dict[str, str],
        limit: int,
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        timeout = {"connect": self._timeout, "read": self._timeout, "pool": None}
        extensions = {"timeout": timeout, "limit": limit}
        request = httpx.Request(method, url, headers={**_HEADERS, **headers}, data=form, extensions=extensions)
        try:
            response = await transport.handle_async_request(request)
        except RegframeError as error:
            error.url = shown(url)
            raise
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise _explained(error, url, self._timeout) from None
        response.request = request
        return response


class _NotTLS(NoConnection):
    """The server answered a TLS handshake with something else."""


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _location(response: httpx.Response) -> httpx.URL:
    try:
        return response.request.url.join(response.headers["location"])
    except httpx.InvalidURL:
        raise RegistryError("A redirect leads to something that is no URL.", url=shown(response.request.url)) from None


def shown(url: httpx.URL) -> str:
    """Return a URL for people: without user, password and query, which may hold a signature."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def _explained(error: BaseException, url: httpx.URL, timeout: float) -> NoConnection:
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
    if certificate := first(ssl.SSLCertVerificationError):
        return CertificateRefused(f"The certificate of {host} is not accepted: {_complaint(certificate)}", **place)
    if first(aiohttp.ClientConnectorDNSError):
        return NoConnection(f"There is no host called {url.host}, or this machine cannot look it up.", **place)
    if first(ConnectionRefusedError):
        return NoConnection(f"Nothing listens at {host}: is the registry running, and is that its port?", **place)
    if first(TimeoutError) or first(aiohttp.ServerTimeoutError):
        return NoConnection(f"{host} did not answer within {timeout:g} seconds; timeout= allows more.", **place)
    if tls := first(ssl.SSLError):
        reason = (getattr(tls, "reason", None) or "handshake failed").replace("_", " ").lower()
        return _NotTLS(
            f"{host} does not speak TLS ({reason}); if it speaks plain HTTP, pass insecure=True (--insecure).",
            **place,
        )
    if url.scheme == "http" and first(aiohttp.ClientResponseError):
        return NoConnection(f"{host} does not answer in HTTP: is it a registry, and does it want TLS?", **place)
    return NoConnection(
        f"The connection to {host} broke: {printable(str(causes[-1])) or type(error).__name__}.", **place
    )


def _complaint(error: ssl.SSLCertVerificationError) -> str:
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
