"""What a user holds: a registry whose methods return frames."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import pandas as pd
from anyio.from_thread import start_blocking_portal

from regframe.aio import AsyncRegistry
from regframe.connection import Connection, given_credentials
from regframe.dataset import FileFormat, InventoryFiles
from regframe.frames import frame
from regframe.inventory import Interrupted, Inventory
from regframe.progress import progress_bar
from regframe.selection import Selection
from regframe.sources.tls import TLS

P = ParamSpec("P")
T = TypeVar("T")

_POLL_SECONDS = 0.1


class Registry:
    """A container registry, or another place that holds images, as DataFrames.

    Calls block, and work in a script, in a notebook (where an event loop already runs) and from several threads.
    Each opens its connections and closes them; an interrupt stops it and leaves none behind.

    Parameters
    ----------
    target : str
        The registry, such as ``"localhost:5000"``, ``"quay.io"`` or ``"docker.io"``; an image or a repository
        (``"localhost:5000/httpd:2-alpine"``) is then what the methods read when they are given no selection.
        Or a place on this machine: ``"docker-daemon:"``, ``"podman:"``, ``"containers-storage:"``, ``"oci:folder"``,
        ``"oci-archive:file"``, ``"docker-archive:file"``, ``"dir:folder"``, each perhaps with an image after it, as
        skopeo has it; a repository's name there begins with its registry.
    username, password : str, optional
        Who you are. Without them, what ``docker login``, ``podman login`` or ``skopeo login`` stored is used.
    token : str, optional
        A registry token, sent as it is (``Authorization: Bearer``).
    ca : str or Path, optional
        A file of certificates (PEM) to believe, such as the registry's own self-signed one.
    cert_dir : str or Path, optional
        A folder by the certs.d convention of docker and skopeo: ``*.crt``, ``*.cert`` with ``*.key``. Without it,
        the places where docker and podman keep theirs are looked at.
    verify : bool
        Whether to check the registry's certificate.
    insecure : bool
        Whether to speak plain HTTP. On this machine (``localhost``) that is found out.
    concurrency : int
        How many requests to have under way at once.
    timeout : float
        Seconds to wait for a connection, and for each part of an answer.
    platform : str or list of str
        Which images of an index to read: ``"all"``, or such as ``"linux/amd64"``.
    progress : bool, optional
        Whether to show a progress bar; without it, in terminals and notebooks.
    strict : bool
        Whether to raise the first error, rather than to collect errors as rows.
    cache : bool, str or Path
        Whether to keep documents on disk by their digest, so that each is fetched once: ``True`` in the user's cache
        folder, or where ``REGFRAME_CACHE`` says (a path or ``off``); a path in that file (or, if it is a folder, in
        there). What is read from it is checked against its digest. What is named, by tag or by digest, is asked of the
        registry each time; only what its answer names in turn is taken from there.

    Attributes
    ----------
    errors : pandas.DataFrame
        What could not be read in the last call; one row for each.

    Raises
    ------
    InvalidReference
        If the target or a platform is not one.
    ConfigurationError
        If a certificate cannot be used, or the credentials are not complete.

    Examples
    --------
    >>> registry = Registry("localhost:5000", username="me", password="…", ca="certs/domain.crt")  # doctest: +SKIP
    >>> registry.images("httpd")  # doctest: +SKIP
    """

    def __init__(
        self,
        target: str,
        *,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
        cert_dir: str | Path | None = None,
        verify: bool = True,
        insecure: bool = False,
        concurrency: int = 16,
        timeout: float = 30.0,
        platform: str | Sequence[str] = "all",
        progress: bool | None = None,
        strict: bool = False,
        cache: bool | str | Path = True,
    ) -> None:
        self._connection = Connection.to(
            target,
            credentials=given_credentials(username, password, token),
            tls=TLS(Path(ca).expanduser() if ca else None, Path(cert_dir).expanduser() if cert_dir else None, verify),
            insecure=insecure,
            concurrency=concurrency,
            timeout=timeout,
            platform=platform,
            strict=strict,
            cache=cache,
        )
        self._progress = progress
        self.errors = frame("errors")

    def __repr__(self) -> str:
        return f"Registry({self._connection.target!r})"

    @property
    def name(self) -> str:
        """The registry's name: its host, with a port where it has one."""
        return self._connection.name

    @property
    def aio(self) -> AsyncRegistry:
        """The same calls as coroutines, for programs that run an event loop: ``await registry.aio.tags("httpd")``."""
        return AsyncRegistry(self._connection)

    @staticmethod
    def _blocking(
        method: Callable[Concatenate[AsyncRegistry, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[Registry, P], T]:
        """Return the blocking form of a coroutine method, with its signature and documentation."""

        @wraps(method)
        def call(self: Registry, /, *args: P.args, **kwargs: P.kwargs) -> T:
            reader = AsyncRegistry(self._connection, warns=False)

            async def read() -> T:
                return await method(reader, *args, **kwargs)

            # The bar is drawn here, in the caller's thread: a notebook shows it below the cell that is running.
            try:
                with progress_bar(self._progress, self.name) as show, start_blocking_portal() as portal:
                    future = portal.start_task_soon(read)
                    try:
                        while not concurrent.futures.wait([future], _POLL_SECONDS).done:
                            show(reader.progress)
                    except KeyboardInterrupt:
                        if not reader.stop():
                            raise
                        concurrent.futures.wait([future])
                    show(reader.progress)
            except KeyboardInterrupt:
                so_far = reader._so_far or reader._files_so_far
                if so_far is None:
                    raise
                interrupt = Interrupted(so_far())
                self.errors = (interrupt.files or interrupt.inventory).errors
                raise interrupt from None
            self.errors = reader.errors
            found = future.result()
            if not isinstance(found, Inventory | InventoryFiles):
                reader._warn(stacklevel=3)
            return found

        return call

    ping = _blocking(AsyncRegistry.ping)
    limits = _blocking(AsyncRegistry.limits)
    doctor = _blocking(AsyncRegistry.doctor)
    repositories = _blocking(AsyncRegistry.repositories)
    tags = _blocking(AsyncRegistry.tags)
    images = _blocking(AsyncRegistry.images)
    layers = _blocking(AsyncRegistry.layers)
    history = _blocking(AsyncRegistry.history)
    config = _blocking(AsyncRegistry.config)
    _in_memory = _blocking(AsyncRegistry._in_memory)
    _to_files = _blocking(AsyncRegistry._to_files)
    plan = _blocking(AsyncRegistry.plan)
    inspect = _blocking(AsyncRegistry.inspect)
    manifest = _blocking(AsyncRegistry.manifest)
    referrers = _blocking(AsyncRegistry.referrers)
    untagged = _blocking(AsyncRegistry.untagged)
    delete = _blocking(AsyncRegistry.delete)
    delete_blob = _blocking(AsyncRegistry.delete_blob)
    tag = _blocking(AsyncRegistry.tag)
    push_manifest = _blocking(AsyncRegistry.push_manifest)
    _pulled = _blocking(AsyncRegistry.pulled)

    @overload
    def inventory(self, selection: Selection = None, *, resume: Inventory | None = None) -> Inventory: ...

    @overload
    def inventory(
        self,
        selection: Selection = None,
        *,
        resume: Inventory | None = None,
        output: str | Path,
        format: FileFormat = "parquet",
    ) -> InventoryFiles: ...

    def inventory(  # noqa: D102 -- the coroutine's
        self,
        selection: Selection = None,
        *,
        resume: Inventory | None = None,
        output: str | Path | None = None,
        format: FileFormat = "parquet",  # noqa: A002
    ) -> Inventory | InventoryFiles:
        if output is None:
            return self._in_memory(selection, resume)
        return self._to_files(selection, output, format, resume)

    inventory.__doc__ = AsyncRegistry.inventory.__doc__

    def pulled(  # noqa: D102 -- the coroutine's
        self, local: Registry | AsyncRegistry | str | pd.DataFrame | None = None
    ) -> pd.DataFrame:
        return self._pulled(local.aio if isinstance(local, Registry) else local)

    pulled.__doc__ = AsyncRegistry.pulled.__doc__
