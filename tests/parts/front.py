"""A server before a registry: it counts what is asked, and holds, refuses or changes answers, over real HTTP."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.parts.certificates import Certificate

_HELD_SECONDS = 60
_NOT_PASSED_ON = frozenset({"connection", "host", "transfer-encoding", "keep-alive"})


class Served(Protocol):
    """Any registry that is served over plain HTTP."""

    @property
    def address(self) -> str:
        """``localhost:PORT``."""


class Front(ThreadingHTTPServer):
    """A running server before a registry that speaks plain HTTP.

    Attributes
    ----------
    address : str
        ``localhost:PORT``.
    requests : Counter of str
        What was asked so far, by method and path with query.
    refused : dict of str to int
        Regular expressions for such requests, and the status that they are answered with.
    held : str or None
        A regular expression for requests that wait until `release`.
    held_after : int
        How many of these are let through first.
    is_holding : threading.Event
        Set when one waits.
    most_under_way : int
        How many requests waited for their answers at once, at most.
    lost : str or None
        A regular expression for requests whose connection is closed without an answer, half of them when they have
        reached the registry.
    lost_after : int
        How many of these are answered first.
    left_out : set of str
        Headers that are left out of requests and of the registry's answers, in lower case.
    added : dict of str to str
        Headers that are added to them.
    before_first : dict of str to callable
        What is done just before the first request is passed on that a regular expression finds.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, registry: Served, certificate: Certificate | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry
        self.address = f"localhost:{self.server_port}"
        self.requests: Counter[str] = Counter()
        self.refused: dict[str, int] = {}
        self.held: str | None = None
        self.held_after = 0
        self.is_holding = threading.Event()
        self.left_out: set[str] = set()
        self.added: dict[str, str] = {}
        self.before_first: dict[str, Callable[[], None]] = {}
        self.is_gone = False
        self.most_under_way = 0
        self._under_way = 0
        self.lost: str | None = None
        self.lost_after = 0
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._has_more = threading.Condition(self._lock)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def release(self) -> None:
        """Let everything through that waits or would wait."""
        self.held = None
        self._released.set()

    def stop(self) -> None:
        """Go away: no connection is taken any more, and who waits for an answer gets none."""
        self.is_gone = True
        self.shutdown()
        self.server_close()
        self.release()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a request as under way."""
        with self._lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            self._has_more.notify_all()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def wait_for(self, under_way: int, seconds: float) -> bool:
        """Wait until so many requests are or have been under way at once, and return whether they were in time."""
        with self._has_more:
            return self._has_more.wait_for(lambda: self.most_under_way >= under_way, seconds)

    def note(self, request: str) -> int | None:
        """Count a request, hold it if it is to be held, and return the status that refuses it, if one does."""
        with self._lock:
            self.requests[request] += 1
            found = [pattern for pattern in self.before_first if re.search(pattern, request)]
            before = [self.before_first.pop(pattern) for pattern in found]
            is_held = self.held is not None and re.search(self.held, request) is not None
            if is_held and self.held_after > 0:
                self.held_after -= 1
                is_held = False
        for do in before:
            do()
        if is_held:
            self.is_holding.set()
            self._released.wait(_HELD_SECONDS)
        return next((status for pattern, status in self.refused.items() if re.search(pattern, request)), None)

    def is_lost(self, request: str) -> bool:
        """Count a request, and return whether its answer is lost."""
        if self.lost is None or not re.search(self.lost, request):
            return False
        with self._lock:
            self.lost_after -= 1
            return self.lost_after < 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print no traceback for a client that goes away."""


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self) -> None:
        """Pass the request on, and the answer back."""
        with self.server.counted():
            answer = self._answer_to_request()
        # Who has an answer may ask the next question before the count of this one is taken back.
        if answer is not None:
            self._answer(*answer)

    def _answer_to_request(self) -> tuple[int, dict[str, str], bytes] | None:
        """Return the registry's answer, or one in its place; ``None`` for none."""
        status = self.server.note(f"{self.command} {self.path}")
        if self.server.is_gone:
            self.close_connection = True
            return None
        if status is not None:
            return status, {"Content-Length": "0"}, b""
        is_lost = self.server.is_lost(f"{self.command} {self.path}")
        if is_lost and self.server.lost_after % 2:
            self.close_connection = True
            return None
        connection = http.client.HTTPConnection(self.server.registry.address)
        try:
            left_out = _NOT_PASSED_ON | self.server.left_out
            headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection.request(self.command, self.path, body=content or None, headers=headers)
            answer = connection.getresponse()
            if is_lost:
                answer.read()
                self.close_connection = True
                return None
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in left_out}
            return answer.status, kept | self.server.added, answer.read()
        finally:
            connection.close()

    do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class names it

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep the tests' output to what pytest says."""


@contextmanager
def start_front(registry: Served, *, tls: Certificate | None = None) -> Iterator[Front]:
    """Run a server before a registry on a free loopback port until the context ends."""
    with Front(registry, tls) as front, _running(front):
        try:
            yield front
        finally:
            front.release()


class _Tunnel(BaseHTTPRequestHandler):
    server: _Proxy

    def do_CONNECT(self) -> None:
        """Connect to the server that stands for all others, and pass bytes on both ways."""
        self.server.asked_for.add(self.path)
        with socket.create_connection(("127.0.0.1", self.server.port_of_all)) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(there, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, there)
            back.join()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep the tests' output to what pytest says."""


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.port_of_all = port
        self.asked_for: set[str] = set()


@contextmanager
def start_proxy(port: int) -> Iterator[tuple[str, set[str]]]:
    """Run an HTTP proxy that takes every host for one local port, and yield its URL and the hosts that it is asked for.

    With it a server on this machine is docker.io.
    """
    with _Proxy(port) as proxy, _running(proxy):
        yield f"http://127.0.0.1:{proxy.server_port}", proxy.asked_for


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
