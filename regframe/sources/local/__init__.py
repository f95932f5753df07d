"""Places on this machine: engines, stores, layouts and archives."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

from anyio.to_thread import run_sync

from regframe.sources.local.archive import Archive
from regframe.sources.local.directory import DirectorySource
from regframe.sources.local.docker_archive import DockerArchiveSource
from regframe.sources.local.engine import open_engine
from regframe.sources.local.files import Folder
from regframe.sources.local.layout import LayoutSource
from regframe.sources.local.listed import ListedSource
from regframe.sources.local.store import open_store
from regframe.target import ENGINES, Place

__all__ = ["ListedSource", "open_place"]


@asynccontextmanager
async def open_place(place: Place, seconds: float) -> AsyncIterator[ListedSource]:
    """Open a place on this machine, and close it at the end.

    Parameters
    ----------
    place : Place
        Which one.
    seconds : float
        How long to wait for an engine's connection, and for each part of its answers.

    Raises
    ------
    RegframeError
        If there is no such place, or it cannot be read.
    """
    if place.transport in ENGINES:
        async with open_engine(place, seconds) as engine:
            yield engine
        return
    stopped = Event()
    try:
        # A compressed archive is read to its end: meanwhile the event loop goes on.
        yield await run_sync(_read, place, stopped.is_set, abandon_on_cancel=True)
    finally:
        stopped.set()


def _read(place: Place, is_stopped: Callable[[], bool]) -> ListedSource:
    if place.transport == "containers-storage":
        return open_store(place)
    # Path.expanduser raises where there is no such user.
    path = Path(os.path.expanduser(place.path))  # noqa: PTH111
    if place.transport == "dir":
        return DirectorySource(Folder(path, "folder that skopeo wrote"), place)
    if place.transport == "oci":
        return LayoutSource(Folder(path, "image layout"), place)
    archive = Archive(path, is_stopped)
    return LayoutSource(archive, place) if place.transport == "oci-archive" else DockerArchiveSource(archive, place)
