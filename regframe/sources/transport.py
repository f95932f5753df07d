"""Connections to one registry: TLS, plain HTTP, retries, and bodies of bounded size.

The only module that knows which HTTP library carries the requests.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Literal
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_retries import Retry

from regframe.errors import NoConnection, RegframeError, RegistryError, printable
from regframe.sources.explain import NotTLS, explained, shown
from regframe.sources.pace import Pace
from regframe.sources.wire import Address, Answer, Body, Wire

_HEADERS = {"User-Agent": f"regframe/{version('regframe')}", "Accept-Encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_TRIES_AGAIN = 5
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 10.0
_LESS_IMPORTANT_TIMEOUT = 10.0
_LESS_IMPORTANT_CONNECTIONS = 4


def is_loopback(host: str) -> bool:
    """Return whether the host (perhaps with a port) is this machine, which docker lets speak plain HTTP."""
    name = httpx.URL(f"//{host}").host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def proxy_for(host: str, scheme: str) -> str | None:
    """Return the proxy that the environment names for this host; this machine itself needs none."""
    return None if is_loopback(host) or proxy_bypass(host) else getproxies().get(scheme)


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
    tries_again : int
        How often a request is tried again that failed for a passing reason.
    socket : Path, optional
        The unix socket at which the host listens, rather than at its address.
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
        tries_again: int = _TRIES_AGAIN,
        socket: Path | None = None,
    ) -> None:
        self._host = host
        self._context = context
        self._beside: list[Transport] = []
        self._may_fall_back = may_fall_back
        self._plain_http = plain_http
        self._timeout = timeout
        self._base = ""
        self._finding_base = asyncio.Lock()
        self.pace = Pace(connections)
        self.requests: Counter[str] = Counter()
        self._failures = 0
        self._most_failures = 3 * connections
        proxy = None if socket else proxy_for(host, "http" if plain_http else "https")
        self._wire = Wire(context, proxy, self.pace, timeout, socket)
        self._retry = Retry(
            total=tries_again,
            status_forcelist=[429, 500, 502, 503, 504],
            backoff_factor=_FIRST_WAIT_SECONDS,
            max_backoff_wait=_LONGEST_WAIT_SECONDS,
            # The pace keeps to Retry-After, for all requests at once.
            respect_retry_after_header=False,
            retry_on_exceptions=[aiohttp.ClientError, OSError],
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._wire.aclose()
        for other in self._beside:
            await other.aclose()

    def beside(self, host: str) -> Transport:
        """Return connections to another service, perhaps on the same host, which is not as important.

        It has a pace and failures of its own, is given less time, and is closed with this one.
        """
        other = Transport(
            host,
            context=self._context,
            plain_http=not self.is_encrypted,
            timeout=min(self._timeout, _LESS_IMPORTANT_TIMEOUT),
            connections=_LESS_IMPORTANT_CONNECTIONS,
            tries_again=1,
        )
        # How it is spoken to is known, and so its first request may be tried again like any other.
        other._base = f"{'https' if self.is_encrypted else 'http'}://{host}"
        self._beside.append(other)
        return other

    @property
    def is_encrypted(self) -> bool:
        """Whether the registry is spoken to over TLS."""
        return not self._base.startswith("http:")

    async def get(
        self,
        url: str,
        headers: dict[str, str],
        limit: int,
        authorization: str | None = None,
        *,
        method: Literal["GET", "HEAD"] = "GET",
    ) -> Answer:
        """Return the whole answer to a GET (or a HEAD) of a path of the registry, or of an absolute URL.

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
        answer = await self._get(method, url, {**headers, **credential}, limit)
        if answer.status_code == 200:
            return answer
        origin = answer.address.origin
        for _ in range(_MOST_REDIRECTS):
            if answer.status_code == 400 and not self.is_encrypted and b"HTTPS" in answer.content[:500]:
                raise NoConnection(f"{self._host} speaks TLS, not plain HTTP: leave insecure=True (--insecure) out.",
                                   operation="connect", status=400, url=shown(answer.url))  # fmt: skip
            if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                return answer
            here, there = answer.url, _location(answer)
            if there.scheme not in {"http", "https"} or (here.scheme == "https" and there.scheme != "https"):
                raise RegistryError(
                    f"{here.host} redirects to {printable(shown(there))}, which regframe does not follow from "
                    f"{here.scheme}.", status=answer.status_code, url=shown(here),
                )  # fmt: skip
            address = Address.of(there)
            kept = credential if address.origin == origin else {}
            answer = await self._send(self._retry, method, address, {**headers, **kept}, limit)
        raise RegistryError(f"{self._host} redirects more than {_MOST_REDIRECTS} times.", url=shown(there))

    async def write(
        self, method: str, path: str, data: bytes, headers: dict[str, str], limit: int, authorization: str | None
    ) -> Answer:
        """Return the answer to a request that changes the registry; :mod:`regframe.sources.writing` alone makes these.

        No redirect is followed.

        Raises
        ------
        NoConnection
            If no answer came, after some tries: what it should do may have been done.
        """
        if not self._base:
            # Which scheme is spoken is found out by reading.
            await self.get("/v2/", {}, limit)
        credential = {"Authorization": authorization} if authorization else {}
        return await self._send(
            self._retry, method, _absolute(self._base, path), {**headers, **credential}, limit, data
        )

    async def post_form(self, url: httpx.URL, form: dict[str, str], limit: int) -> Answer:
        """Return the answer of a token server to a form (the only POST that reading needs)."""
        return await self._send(None, "POST", Address.of(url), {}, limit, form)

    async def _get(self, method: Literal["GET", "HEAD"], url: str, headers: dict[str, str], limit: int) -> Answer:
        if not self._base:
            async with self._finding_base:
                if not self._base:
                    return await self._first(method, url, headers, limit)
        return await self._send(self._retry, method, _absolute(self._base, url), headers, limit)

    async def _first(self, method: Literal["GET", "HEAD"], url: str, headers: dict[str, str], limit: int) -> Answer:
        """Find out how the registry is spoken to; what is wrong with a name or a port is said at once."""
        schemes = ["http"] if self._plain_http else ["https"]
        if self._may_fall_back:
            schemes.append("http")
        for scheme in schemes:
            base = f"{scheme}://{self._host}"
            try:
                answer = await self._send(None, method, _absolute(base, url), headers, limit)
            except NotTLS:
                if scheme == schemes[-1]:
                    raise
            else:
                self._base = base
                return answer
        raise AssertionError("the last scheme returns or raises")

    async def _send(
        self,
        retry: Retry | None,
        method: str,
        address: Address,
        headers: dict[str, str],
        limit: int,
        body: Body = None,
    ) -> Answer:
        if self._failures > self._most_failures:
            raise NoConnection(f"{self._host} has stopped answering, so this was not asked for.",
                               url=shown(address.url))  # fmt: skip
        try:
            # Once a request has failed for good, the next ones are not given as much time.
            answer = await self._tried(None if self._failures else retry, method, address, headers, limit, body)
        except RegframeError as error:
            error.url = shown(address.url)
            raise
        except (aiohttp.ClientError, OSError) as error:
            self._failures += 1
            raise explained(error, address.url, self._timeout) from None
        self._failures = 0
        self.requests[method] += 1
        return answer

    async def _tried(
        self,
        retry: Retry | None,
        method: str,
        address: Address,
        headers: dict[str, str],
        limit: int,
        body: Body,
    ) -> Answer:
        """Send a request, and again while that fails for a passing reason, as ``httpx_retries`` does with httpx."""
        while True:
            failure: Exception | httpx.Response
            try:
                answer = await self._wire.exchange(method, address, {**_HEADERS, **headers}, limit, body)
                if retry is None or retry.is_exhausted() or not retry.is_retryable_status_code(answer.status_code):
                    return answer
                failure = httpx.Response(answer.status_code)
            except Exception as error:
                if retry is None or retry.is_exhausted() or not retry.is_retryable_exception(error):
                    raise
                failure = error
            retry = retry.increment()
            await retry.asleep(failure)


def _absolute(base: str, url: str) -> Address:
    return Address.of(httpx.URL(url)) if url.startswith(("http://", "https://")) else Address.at(base, url)


def _location(answer: Answer) -> httpx.URL:
    try:
        return answer.url.join(answer.headers["location"])
    except httpx.InvalidURL:
        raise RegistryError("A redirect leads to something that is no URL.", url=shown(answer.url)) from None
