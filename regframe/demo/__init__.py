"""The sample registry: what regframe runs on when there is no other.

Names, tags, dates and architectures are those of Docker's official images; layers and sizes are made up, the same on
every run. It is served over real HTTP on loopback, read-only unless asked otherwise.

>>> import regframe as rf
>>> from regframe import demo
>>> with demo.serve() as sample:
...     tags = rf.Registry(sample.address, progress=False).tags("httpd")
>>> "2-alpine" in set(tags["tag"])
True
"""

from __future__ import annotations

import asyncio
import atexit
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regframe.demo.content import SAMPLE_NOTE, ContentBuilder, SampleContent
from regframe.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    from aiohttp import web

__all__ = [
    "SAMPLE_NOTE",
    "ContentBuilder",
    "SampleContent",
    "SampleRegistry",
    "machine",
    "running",
    "sample_content",
    "serve",
]

USERNAME, PASSWORD = "myuser", "mypass123"

_HOST = "127.0.0.1"
# Where a sample registry that another process serves is told: “regframe demo --serve … COMMAND” does.
_ADDRESS, _CA = "REGFRAME_SAMPLE", "REGFRAME_SAMPLE_CA"


@dataclass(frozen=True)
class SampleRegistry:
    """A sample registry that is being served.

    Attributes
    ----------
    address : str
        What clients call it, such as ``localhost:43121``.
    ca : pathlib.Path or None
        Its self-signed certificate, with TLS. The folder serves ``skopeo --cert-dir``, and goes with the registry.
    username, password : str or None
        What it asks for.
    content : SampleContent
        What it holds.
    """

    address: str
    ca: Path | None
    username: str | None
    password: str | None = field(repr=False)
    content: SampleContent

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which :func:`running` finds it in another process."""
        login = f"{self.username}:{self.password}@" if self.username else ""
        return {_ADDRESS: login + self.address} | ({_CA: str(self.ca)} if self.ca else {})


@lru_cache(maxsize=1)
def sample_content() -> SampleContent:
    """Return what the sample registry holds: about a thousand tags, put together in about half a second."""
    from regframe.demo.official import OfficialImages
    from regframe.demo.shapes import add_shapes
    from regframe.demo.table import read_releases
    from regframe.demo.team import add_team_images

    builder, releases = ContentBuilder(), read_releases()
    official = OfficialImages(builder, releases)
    add_team_images(builder, official, releases)
    add_shapes(builder)
    return builder.content()


@contextmanager
def serve(
    *,
    tls: bool = False,
    username: str | None = None,
    password: str | None = None,
    port: int = 0,
    content: SampleContent | None = None,
    writable: bool = False,
) -> Iterator[SampleRegistry]:
    """Serve a sample registry on loopback, in the background, until the block is left.

    Parameters
    ----------
    tls : bool, default False
        HTTPS with a self-signed certificate for localhost and 127.0.0.1, made anew each time.
    username, password : str, optional
        Ask for these (Basic authentication).
    port : int, default 0
        The port; 0 is any free one.
    content : SampleContent, optional
        What to serve; by default :func:`sample_content`.
    writable : bool, default False
        Delete tags and manifests, and take manifests of what is there, until the block is left.

    Yields
    ------
    SampleRegistry
        Where it is, and what it holds.

    Raises
    ------
    ConfigurationError
        If only one of username and password is given, or the port cannot be used.

    Examples
    --------
    >>> with serve() as sample:
    ...     print(sample.address.partition(":")[0], sample.content)
    localhost SampleContent(19 repositories, 1067 tags, 4201 manifests)
    """
    from anyio.from_thread import start_blocking_portal

    from regframe.demo.server import application

    if (username is None) != (password is None):
        raise ConfigurationError("A sample registry asks for a user and a password: give both, or neither.")
    content = sample_content() if content is None else content
    app = application(content, username, password, writable=writable)
    with (
        _certificate() if tls else nullcontext((None, None)) as (ca, context),
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_served(app, port, context)) as bound,
    ):
        yield SampleRegistry(f"localhost:{bound}", ca, username, password, content)


@lru_cache(maxsize=1)
def running() -> dict[str, Any]:
    """Return how to reach a private sample registry (TLS, a user, a password) that runs as long as this process.

    Where ``make lab`` has one running it is that one; otherwise this process serves its own, once.

    Returns
    -------
    dict
        The arguments of :class:`regframe.Registry`: target, username, password and ca.

    Examples
    --------
    >>> registry = rf.Registry(**running())  # doctest: +SKIP
    """
    if address := os.environ.get(_ADDRESS):
        login, _, target = address.rpartition("@")
        username, _, password = login.partition(":")
        return _arguments(target, username or None, password or None, os.environ.get(_CA))
    stack = ExitStack()
    sample = stack.enter_context(serve(tls=True, username=USERNAME, password=PASSWORD))
    atexit.register(stack.close)
    return _arguments(sample.address, sample.username, sample.password, str(sample.ca))


def machine(folder: str | Path, registry: str) -> str:
    """Write what a machine keeps that pulled some images from the sample registry, a while ago.

    Parameters
    ----------
    folder : str or Path
        The folder to write: an OCI image layout, without the layers' bytes.
    registry : str
        What the machine calls the registry, such as ``localhost:43121``.

    Returns
    -------
    str
        The layout as a target of :class:`regframe.Registry`: ``oci:FOLDER``.

    Examples
    --------
    >>> registry.pulled(machine("machine", registry.name))  # doctest: +SKIP
    """
    from regframe.demo.pulls import write_machine

    return f"oci:{write_machine(Path(folder), registry, sample_content())}"


def _arguments(target: str, username: str | None, password: str | None, ca: str | None) -> dict[str, Any]:
    return {"target": target, "username": username, "password": password, "ca": ca}


@contextmanager
def _certificate() -> Iterator[tuple[Path, ssl.SSLContext]]:
    from regframe.demo.certificate import make_certificate

    with tempfile.TemporaryDirectory(prefix="regframe-sample-") as name:
        yield make_certificate(Path(name))


@asynccontextmanager
async def _served(app: web.Application, port: int, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Serve on the running event loop and yield the port."""
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, _HOST, port, ssl_context=context)
    try:
        await site.start()
    except (OSError, OverflowError) as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"Port {port} of this machine cannot be used for the sample registry: "
            "take another, or 0 for any that is free."
        ) from error
    try:
        yield runner.addresses[0][1]
    finally:
        await _stop(runner, site)


async def _stop(runner: web.AppRunner, site: web.TCPSite) -> None:
    """Let running answers end, and then close every connection.

    A TLS connection that is closed politely waits for its client, who may keep it for later.
    """
    await site.stop()
    transports = [connection.transport for connection in runner.server.connections] if runner.server else []
    await runner.cleanup()
    for transport in filter(None, transports):
        transport.abort()
    # A transport closes its socket in the loop's next turn.
    await asyncio.sleep(0)
