"""Single requests and their answers, over aiohttp's connections.

aiohttp connects, pools, speaks TLS and HTTP. Its session, which builds a request, a response and several timers each
time, costs as much CPU time again; so where nothing but a GET or a HEAD is sent, straight to the host, it is left out.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import aiohttp
import httpx
from aiohttp.http import HttpProcessingError, RawResponseMessage
from multidict import CIMultiDictProxy
from yarl import URL

from regframe.errors import InvalidDocument, TooLarge, printable
from regframe.sources.pace import Pace
from regframe.sources.patience import Patience

# A whole answer may take this many times as long as one part of it: a registry that drips ends, too.
_LONGEST_ANSWER_TIMEOUTS = 4
_HOSTS_REMEMBERED = 64

# What goes with a request: the fields of a form, a document's bytes, or nothing.
Body = dict[str, str] | bytes | None

# What needs no quoting in a URL, whoever reads it.
_PLAIN = re.compile(r"/[A-Za-z0-9/._~:@?=&%+,-]*")
_ENDS_HEADER = re.compile(r"[\r\n\0]")
_HEADS_REMEMBERED = 64


class Address(NamedTuple):
    """Where a request goes: ``https://host:port``, and the path with its query."""

    origin: str
    target: str

    @classmethod
    def of(cls, url: httpx.URL) -> Address:
        """Return the address of an absolute URL."""
        return cls(f"{url.scheme}://{url.netloc.decode('ascii')}", url.raw_path.decode("ascii"))

    @classmethod
    def at(cls, origin: str, target: str) -> Address:
        """Return the address of a path at a host, quoted as far as it has to be."""
        return cls(origin, target) if _PLAIN.fullmatch(target) else cls.of(httpx.URL(origin + target))

    @property
    def url(self) -> httpx.URL:
        """The whole of it."""
        return httpx.URL(self.origin + self.target)


@dataclass(slots=True)
class Answer:
    """A whole answer; its attributes are named and mean as those of ``httpx.Response``.

    Attributes
    ----------
    status_code : int
        The status.
    headers : multidict.CIMultiDictProxy of str
        The headers, by names in any case.
    content : bytes
        The body.
    address : Address
        Where it came from.
    http_version : str
        Such as ``HTTP/1.1``.
    """

    status_code: int
    headers: CIMultiDictProxy[str]
    content: bytes
    address: Address
    http_version: str = "HTTP/1.1"

    @property
    def url(self) -> httpx.URL:
        """Where it came from."""
        return self.address.url

    @property
    def links(self) -> dict[str | None, dict[str, str]]:
        """What the ``Link`` headers name."""
        return (
            httpx.Response(self.status_code, headers=list(self.headers.items())).links if "link" in self.headers else {}
        )


class Wire:
    """Connections to hosts, each request and its answer at the pace that the registry wants.

    Each body is read whole within its limit, so that a torn one is tried again like a lost connection; and each URL is
    sent as it came, since a registry's cursor and a blob store's signature are made of its very characters.

    Parameters
    ----------
    context : ssl.SSLContext
        How certificates are checked.
    proxy : str or None
        The proxy to go through.
    pace : Pace
        When a request may go out.
    timeout : float
        Seconds to wait for a connection, and for each part of an answer.
    socket : Path, optional
        The unix socket to connect to, whatever the host.
    """

    def __init__(
        self, context: ssl.SSLContext, proxy: str | None, pace: Pace, timeout: float, socket: Path | None = None
    ) -> None:
        self._timeout = timeout
        # No more than the pace lets through at once; idle ones to the registry are kept here, those to others there.
        self._connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(str(socket), limit=0) if socket else aiohttp.TCPConnector(limit=0, ssl=context)
        )
        self._home = ""
        self._idle: list[aiohttp.connector.Connection] = []
        # No cookies and no .netrc (trust_env would read it): what goes out is what auth.py puts there.
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=timeout * _LONGEST_ANSWER_TIMEOUTS, sock_connect=timeout, sock_read=timeout
            ),
        )
        self._host = lru_cache(_HOSTS_REMEMBERED)(self._request_to)
        # Most requests differ by their first line alone. There are secrets in the others: they go with the connections.
        self._lines = lru_cache(_HEADS_REMEMBERED)(_header_lines)
        self._pace = pace
        self._proxy = proxy
        self._patience = Patience(timeout, timeout * _LONGEST_ANSWER_TIMEOUTS)

    async def aclose(self) -> None:
        """Close every connection."""
        self._patience.close()
        for connection in self._idle:
            _drop(connection)
        await self._session.close()

    async def exchange(
        self, method: str, address: Address, headers: dict[str, str], limit: int, body: Body = None
    ) -> Answer:
        """Send one request, and return its answer.

        Raises
        ------
        TooLarge
            If the body has more bytes than the limit.
        InvalidDocument
            If it is compressed.
        aiohttp.ClientError, OSError
            If there is no whole answer.
        """
        async with self._pace:
            if body is None and self._proxy is None:
                answer = await self._straight(method, address, headers, limit)
            else:
                answer = await self._by_session(method, address, headers, limit, body)
        self._pace.learn(answer.status_code, answer.headers)
        return answer

    async def _by_session(
        self, method: str, address: Address, headers: dict[str, str], limit: int, body: Body
    ) -> Answer:
        url = URL(address.origin + address.target, encoded=True)
        async with self._session.request(
            method, url, headers=headers, data=body, allow_redirects=False, proxy=self._proxy
        ) as response:
            content = b"" if method == "HEAD" else await _read(response.headers, response.content, limit)
            return _answer(response.status, response.version, response.headers, content, address)

    async def _straight(self, method: str, address: Address, headers: dict[str, str], limit: int) -> Answer:
        request = self._host(address.origin)
        first = f"{method} {address.target} HTTP/1.1"
        if _ENDS_HEADER.search(first):
            raise ValueError("A header would be several.")
        head = f"{first}\r\n{self._lines(request.headers['Host'], tuple(headers.items()))}".encode()
        connection = await self._connected(address.origin)
        patience = self._patience
        try:
            patience.begin(connection)
            try:
                message, payload = await _ask(connection, method, head)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                # As aiohttp's session does: the server may have closed a connection that was idle for a while.
                patience.end(connection)
                _drop(connection)
                connection = await self._connected(address.origin)
                patience.begin(connection)
                message, payload = await _ask(connection, method, head)
            on_part = partial(patience.go_on, connection)
            body = b"" if method == "HEAD" else await _read(message.headers, payload, limit, on_part)
            patience.end(connection)
        except BaseException as error:
            _drop(connection)
            if isinstance(error, aiohttp.ClientError):
                # A connection that was given up on has ended like one that broke.
                patience.end(connection)
            if isinstance(error, HttpProcessingError):
                raise aiohttp.ClientResponseError(
                    request.request_info, (), status=error.code, message=error.message
                ) from error
            raise
        finally:
            patience.forget(connection)
        self._give_back(connection, address.origin)
        return _answer(message.code, message.version, message.headers, body, address)

    async def _connected(self, origin: str) -> aiohttp.connector.Connection:
        while self._idle and origin == self._home:
            connection = self._idle.pop()
            if _is_usable(connection):
                return connection
            _drop(connection)
        async with asyncio.timeout(self._timeout):
            return await self._connector.connect(
                self._host(origin), [], aiohttp.ClientTimeout(sock_connect=self._timeout)
            )

    def _give_back(self, connection: aiohttp.connector.Connection, origin: str) -> None:
        self._home = self._home or origin
        if not _is_usable(connection):
            _drop(connection)
        elif origin == self._home:
            self._idle.append(connection)
        else:
            connection.release()

    def _request_to(self, origin: str) -> aiohttp.ClientRequest:
        """Return what the connector knows a host by."""
        return aiohttp.ClientRequest("GET", URL(origin, encoded=True), loop=asyncio.get_running_loop())


def _header_lines(host: str, headers: tuple[tuple[str, str], ...]) -> str:
    lines = [f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if any(map(_ENDS_HEADER.search, lines)):
        raise ValueError("A header would be several.")
    return "\r\n".join([*lines, "\r\n"])


def _is_usable(connection: aiohttp.connector.Connection) -> bool:
    protocol = connection.protocol
    return protocol is not None and protocol.is_connected() and not protocol.should_close


def _drop(connection: aiohttp.connector.Connection) -> None:
    """Close a connection at once: TLS's own farewell takes a round-trip, and the event loop may end before."""
    if connection.transport is not None:
        connection.transport.abort()
    connection.close()


async def _ask(
    connection: aiohttp.connector.Connection, method: str, head: bytes
) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    """Send a request without a body, and return the head of the answer with its body to come."""
    protocol = connection.protocol
    assert protocol is not None
    assert protocol.transport is not None
    protocol.set_response_params(skip_payload=method == "HEAD", read_until_eof=True, auto_decompress=False)
    protocol.transport.write(head)
    message, payload = await protocol.read()
    while message.code < 200 and message.code != 101:
        # An interim answer, such as 103.
        message, payload = await protocol.read()
    return message, payload


def _answer(
    status: int, version: aiohttp.HttpVersion | None, headers: CIMultiDictProxy[str], body: bytes, address: Address
) -> Answer:
    major, minor = version or (1, 1)
    return Answer(status, headers, body, address, f"HTTP/{major}.{minor}")


async def _read(
    headers: CIMultiDictProxy[str],
    content: aiohttp.StreamReader,
    limit: int,
    on_part: Callable[[], None] | None = None,
) -> bytes:
    encoding = headers.get("content-encoding", "identity")
    if encoding != "identity":
        # A compressed body says nothing of its size; none was asked for.
        raise InvalidDocument(f"The answer is encoded as {printable(encoding)}, though identity was asked for.")
    announced = int(headers.get("content-length", 0))
    if announced > limit:
        raise TooLarge(f"The answer has {announced:,} bytes; regframe reads at most {limit:,} of one like it.")
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The answer has more than {limit:,} bytes, the most regframe reads of one like it.")
        chunks.append(chunk)
        if on_part is not None and not content.at_eof():
            on_part()
    return b"".join(chunks)
