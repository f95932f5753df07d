"""Questions to an engine, over its socket or TCP, and answers of bounded size and known shape."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import anyio
import msgspec
from anyio.to_thread import run_sync

from regframe.errors import CertificateRefused, NoConnection, NotFound, RegistryError, printable
from regframe.oci.descriptor import decode
from regframe.sources import DOCUMENT_LIMIT
from regframe.sources.explain import NotTLS
from regframe.sources.local.engine.endpoint import Endpoint, endpoint_of, how_to_start
from regframe.sources.transport import Transport
from regframe.sources.wire import Answer
from regframe.target import Place

T = TypeVar("T")

# The newest version of Docker's API whose answers this knows; an engine that speaks a newer one speaks it, too.
_NEWEST_VERSION = (1, 51)
_VERSION = re.compile(r"\d{1,4}(?:\.\d{1,4}){1,2}")
# Of ten thousand images with many labels each.
LIST_LIMIT = 64 * 1024 * 1024
# An engine reads its store for each answer, and does no more at once than this.
_CONNECTIONS = 8
_NO_QUERY: Mapping[str, str] = MappingProxyType({})


class _Refusal(msgspec.Struct):
    message: str = ""


_refusal = msgspec.json.Decoder(_Refusal)


class EngineAPI:
    """An engine that answers.

    Attributes
    ----------
    url : str
        Where it is.
    version : str
        The version of Docker's API that is spoken with it.
    libpod_version : str or None
        The version of Podman's own API, where the engine is Podman.
    server : str or None
        What it calls itself.
    """

    def __init__(self, place: Place, endpoint: Endpoint, transport: Transport) -> None:
        self.url = f"unix://{endpoint.socket}" if endpoint.socket else f"tcp://{endpoint.host}"
        self.version = ""
        self.libpod_version: str | None = None
        self.server: str | None = None
        self._name = str(place)
        self._way_out = how_to_start(place)
        self._transport = transport

    async def greet(self) -> None:
        """Learn which versions it speaks ("/_ping").

        Raises
        ------
        NoConnection
            If it does not answer.
        RegistryError
            If what answers is no engine.
        """
        answer = await self._answer("/_ping", DOCUMENT_LIMIT)
        spoken = answer.headers.get("api-version", "")
        if answer.status_code != 200 or not _VERSION.fullmatch(spoken):
            raise RegistryError(f"What answers at {self.url} is not a container engine: it gives no Api-Version.",
                                operation="connect", status=answer.status_code, url=self.url)  # fmt: skip
        self.version = min(spoken, "{}.{}".format(*_NEWEST_VERSION), key=lambda text: [*map(int, text.split("."))])
        libpod = answer.headers.get("libpod-api-version", "")
        self.libpod_version = libpod if _VERSION.fullmatch(libpod) else None
        self.server = printable(answer.headers.get("server", "")) or None

    async def ask(
        self,
        path: str,
        decoder: msgspec.json.Decoder[T],
        *,
        limit: int = DOCUMENT_LIMIT,
        query: Mapping[str, str] = _NO_QUERY,
    ) -> T:
        """Return what an engine answers to a path of Docker's API.

        Raises
        ------
        NotFound
            If there is no such image.
        RegistryError
            If the engine refuses, with what it says.
        InvalidDocument
            If the answer is too large or not of the shape that the API gives.
        """
        return await self._decoded(f"/v{self.version}{path}", decoder, limit, query)

    async def ask_libpod(
        self,
        path: str,
        decoder: msgspec.json.Decoder[T],
        *,
        limit: int = DOCUMENT_LIMIT,
        query: Mapping[str, str] = _NO_QUERY,
    ) -> T:
        """Return what Podman answers to a path of its own API; raises as :meth:`ask` does."""
        return await self._decoded(f"/v{self.libpod_version}/libpod{path}", decoder, limit, query)

    async def _decoded(self, path: str, decoder: msgspec.json.Decoder[T], limit: int, query: Mapping[str, str]) -> T:
        answer = await self._answer(quote(path, safe="/:@") + (f"?{urlencode(query)}" if query else ""), limit)
        if answer.status_code == 200:
            return decode(decoder, answer.content, f"answer of {self._name} to {path}")
        said = _message(answer.content)
        details: dict[str, Any] = {"status": answer.status_code, "url": f"{self.url}{path}"}
        if answer.status_code == 404:
            raise NotFound(f"{self._name} has nothing there: {said}.", **details)
        raise RegistryError(f"{self._name} answered {answer.status_code} to {path}: {said}.", **details)

    async def _answer(self, path: str, limit: int) -> Answer:
        try:
            return await self._transport.get(path, {}, limit)
        except CertificateRefused as error:
            way_out = "the ca.pem beside docker's other certificates says which authority is believed"
            raise CertificateRefused(f"{_reason(error)}; {way_out}.", operation="connect", url=self.url) from None
        except NotTLS as error:
            way_out = "if it speaks plain HTTP, leave DOCKER_TLS_VERIFY and DOCKER_CERT_PATH out"
            raise NoConnection(f"{_reason(error)}; {way_out}.", operation="connect", url=self.url) from None
        except NoConnection as error:
            error.url = self.url
            if isinstance(error.__context__, TimeoutError):
                raise
            raise NoConnection(f"{_reason(error)}: {self._way_out}.", operation="connect", url=self.url) from None


def _reason(error: NoConnection) -> str:
    """Return what is wrong, without what would help with a registry."""
    return re.split(r"; |: is |\.$", str(error), maxsplit=1)[0]


def _message(body: bytes) -> str:
    try:
        said = _refusal.decode(body).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = body[:300].decode(errors="replace")
    return printable(said.strip()).rstrip(".") or "it does not say why"


@asynccontextmanager
async def open_api(place: Place, seconds: float) -> AsyncIterator[EngineAPI]:
    """Find an engine and ask what it speaks; close the connections at the end.

    Raises
    ------
    NoConnection
        If it is not there, with how to start it.
    RegframeError
        If a setting leads nowhere, or what answers is no engine.
    """
    endpoint = await run_sync(endpoint_of, place)
    if endpoint.socket is not None:
        await run_sync(partial(_check, endpoint.socket, endpoint, place, seconds), abandon_on_cancel=True)
    transport = Transport(
        endpoint.host,
        context=endpoint.tls or ssl.create_default_context(),
        plain_http=endpoint.tls is None,
        timeout=seconds,
        connections=_CONNECTIONS,
        tries_again=0,
        socket=endpoint.socket,
    )
    api = EngineAPI(place, endpoint, transport)
    try:
        await api.greet()
        yield api
    finally:
        with anyio.CancelScope(shield=True):
            await transport.aclose()


def _check(path: Path, endpoint: Endpoint, place: Place, seconds: float) -> None:
    """Connect once: the system says best what is wrong with a socket."""
    named = f", which {endpoint.said_by} names" if endpoint.said_by else ""
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(seconds)
            one.connect(str(path))
    except PermissionError:
        way_out = (
            "join the group docker (newgrp docker), or use the engine's rootless socket"
            if place.transport == "docker-daemon"
            else "use your own engine (systemctl --user start podman.socket), or ask as root"
        )
        raise NoConnection(f"The socket {path}{named} is not open to this user: {way_out}.",
                           operation="connect", url=f"unix://{path}") from None  # fmt: skip
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoConnection(f"Nothing listens at the socket {path}{named}: {how_to_start(place)}.",
                           operation="connect", url=f"unix://{path}") from None  # fmt: skip
    except OSError as error:
        raise NoConnection(f"The socket {path}{named} cannot be used: {printable(str(error))}.",
                           operation="connect", url=f"unix://{path}") from None  # fmt: skip
