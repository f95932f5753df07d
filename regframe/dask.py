"""An inventory on more than one machine: Dask runs the parts of a scan, each of which writes its part of the result.

Needs ``regframe[dask]``. Scheduling, second tries and the dashboard are Dask's.

>>> from distributed import Client                                           # doctest: +SKIP
>>> with Client("tcp://scheduler:8786"):                                     # doctest: +SKIP
...     rf.dask.inventory("registry.example", output="s3://bucket/inventory")
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pandas as pd
from anyio.from_thread import start_blocking_portal

from regframe.cluster import connected, explained, need_distributed
from regframe.connection import Connection
from regframe.dataset import begin, check_begun, finish, write_part
from regframe.errors import (
    ConfigurationError,
    InvalidReference,
    NoConnection,
    RateLimited,
    RegframeError,
    Unsupported,
)
from regframe.folder import is_url, open_folder, plain, shown
from regframe.formats import parquet
from regframe.frames import SCHEMAS, Frames, frame
from regframe.inventory import About
from regframe.parts import ListedSource, Part, cut, is_named
from regframe.reader import Reader
from regframe.records import Records
from regframe.registry import Registry
from regframe.resume import covered
from regframe.rows import frames_of
from regframe.scan import Depth
from regframe.selection import Chosen, Selection, choose
from regframe.target import Place

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["inventory"]

INDEX = "datasets"


def inventory(
    targets: str | Registry | Sequence[str | Registry],
    output: str | Path,
    *,
    selection: Selection = None,
    client: Client | None = None,
    retries: int = 2,
    tags_per_part: int | None = None,
) -> pd.DataFrame:
    """Write the inventory of one or several registries, read by the workers of a Dask cluster.

    The lists of repositories and tags are read here, and cut into parts of about as many tags each. A part is one task:
    it scans its tags, and writes its rows as one file of each frame. Of each registry as many parts are read at once as
    the cluster has workers when this begins, and they share its ``concurrency``: all of them together have no more
    requests under way than one machine would have.

    A part whose worker dies is read again by another (as often as Dask's ``distributed.scheduler.allowed-failures``
    has it), and so is one that raises (``retries``). A part that fails for good is a row in ``errors`` for each of its
    repositories, and its tags are there by name: ``registry.inventory(resume=…)`` reads what the result lacks.

    Parameters
    ----------
    targets : str, Registry, or list of these
        What to read, as :class:`regframe.Registry` takes it, or a registry with its settings. What is on this machine
        (``podman:``, ``oci:folder``) is not for other machines to read, and is refused.
    output : str or Path
        The folder to write to, which all workers must reach by this path, or its URL (``s3://bucket/inventory``), which
        needs what fsspec needs for it. Of one target the dataset is the folder itself; of a list each registry has a
        folder of its own in it, and ``datasets.parquet`` lists them.
    selection : Selection
        As for :meth:`regframe.Registry.images`; of every registry.
    client : distributed.Client, optional
        The cluster. Without it the current client's; where there is none, one process for each core of this machine as
        long as the call lasts.
    retries : int
        How often a part is tried again that raises, such as when the folder cannot be written or the registry cannot be
        reached.
    tags_per_part : int, optional
        How many tags a part has at most. Without it there are some parts for each worker, of up to 1,000 tags.

    Returns
    -------
    pandas.DataFrame
        One row for each registry: ``registry``, ``folder`` (what :meth:`regframe.Inventory.read_parquet` takes),
        ``taken_at``, ``parts`` and ``failed_parts`` (counts), and how many rows each frame has: ``repositories``,
        ``tags``, ``images``, ``layers``, ``history``, ``config``, ``errors``.

    Raises
    ------
    ConfigurationError
        If Dask or pyarrow is not installed, the client is asynchronous, or the folder cannot be written.
    InvalidReference
        If a target or the selection is none, or a registry is named twice.
    Unsupported
        If a target is on this machine.
    RegframeError
        If nothing at all could be read; and the first error, of a registry that is ``strict``.

    Notes
    -----
    What a :class:`~regframe.Registry` was given (a password, the certificates of ``ca``) goes with each part to the
    workers, by way of Dask's scheduler: over a network have that speak TLS (``tls://``). It is in no name, log or page
    of Dask's. What was not given every worker looks for itself: stored logins, the folders of certificates, its cache.

    Examples
    --------
    >>> with LocalCluster(n_workers=4) as cluster, Client(cluster):                    # doctest: +SKIP
    ...     rf.dask.inventory("localhost:5000", output="inventory/")
    >>> rf.Inventory.read_parquet("inventory/")                                        # doctest: +SKIP
    >>> dask.dataframe.read_parquet("inventory/images.parquet")                        # doctest: +SKIP
    """
    need_distributed()
    if retries < 0 or (tags_per_part is not None and tags_per_part < 1):
        raise ConfigurationError("retries is at least 0, and tags_per_part at least 1.")
    is_one = isinstance(targets, str | Registry)
    registries = [
        target if isinstance(target, Registry) else Registry(target)
        for target in ([targets] if isinstance(targets, str | Registry) else targets)
    ]
    folder = plain(output if is_url(output) else Path(plain(output)).absolute())
    scans = [
        _Scan(registry._connection, folder if is_one else f"{folder}/{_file_name(registry.name)}", selection)
        for registry in registries
    ]
    _check(scans)
    with connected(client) as cluster:
        with start_blocking_portal() as portal:
            portal.call(_read_lists, scans)
        _raise_if_nothing_was_read(scans)
        workers = len(cluster.nthreads())
        for scan in scans:
            scan.begin(workers, tags_per_part)
        _run(scans, cluster, retries)
    _raise_if_nothing_was_read(scans)
    written = frame(INDEX, [scan.row() for scan in scans])
    if not is_one:
        open_folder(folder).write(f"{INDEX}.parquet", parquet(written, INDEX))
    return written


class _Scan:
    """The scan of one registry: its lists, its parts, and what has become of them."""

    def __init__(self, connection: Connection, folder: str, selection: Selection) -> None:
        self.connection = connection
        self.folder = folder
        self.chosen = choose(selection, connection.pattern, connection.default)
        self.waiting: deque[Part] = deque()
        self.shares: list[int] = []
        self.parts = 0
        self.failures: list[RegframeError] = []
        self._lists = Records()
        self._named: dict[str, None] = {}
        self._rows: Counter[str] = Counter()

    async def read_lists(self) -> None:
        """Read the lists of repositories and tags."""
        patterns = tuple(pattern for pattern in self.chosen.patterns if not is_named(pattern))
        if patterns:
            self._lists = await _Reader(self.connection).lists(Chosen(patterns, self.chosen.only))

    def begin(self, workers: int, tags_per_part: int | None) -> None:
        """Cut the scan into parts, and make the folder ready for them."""
        at_once = max(1, min(workers, self.connection.concurrency))
        # They add up to the concurrency, and a part begins when it has one of them.
        self.shares = [(self.connection.concurrency + position) // at_once for position in range(at_once)]
        self.waiting = deque(cut(self.chosen, self._lists, at_once=at_once, tags_per_part=tags_per_part))
        self.parts = len(self.waiting)
        begin(self.folder, "parquet", self._about(complete=False))
        # For whoever reads it before its end, or when there was none.
        write_part(self.folder, 0, self._frames_of_lists())

    def succeed(self, done: _Done) -> None:
        """Note what a part has written."""
        self._named |= dict.fromkeys(done.repositories)
        self._rows += done.rows

    def fail(self, part: Part, error: RegframeError) -> None:
        """Write in place of a part that it could not be read.

        Raises
        ------
        RegframeError
            The error, if the scan is strict.
        """
        if self.connection.strict:
            raise error
        self.failures.append(error)
        self._write(part.number, _without_repositories(frames_of(part.failed(error))))

    def finish(self) -> None:
        """Write what belongs to no part, and say that all is there."""
        self._write(0, self._frames_of_lists())
        finish(self.folder, self._about(complete=True))

    @property
    def error(self) -> RegframeError | None:
        """Why nothing at all could be read; ``None`` if something was."""
        if not self._lists.repositories and not self._lists.tags and self._lists.failures:
            return self._lists.failures[0].error
        return self.failures[0] if self.failures and len(self.failures) == self.parts else None

    def row(self) -> tuple[Any, ...]:
        """Return what was written: a row of the frame that :func:`inventory` returns."""
        counts = (self._rows[name] for name in SCHEMAS)
        started = self._lists.started
        return self.connection.name, shown(self.folder), started, self.parts, len(self.failures), *counts

    def _frames_of_lists(self) -> Frames:
        counts = self._lists.repositories | {name: None for name in self._named if name not in self._lists.repositories}
        first = [pattern.repository for pattern in self.chosen.patterns if pattern.repository in counts]
        repositories = {name: counts[name] for name in [*first, *counts]}
        return frames_of(replace(self._lists, repositories=repositories, tags=[]))

    def _write(self, number: int, frames: Frames) -> None:
        check_begun(self.folder, self._lists.started)
        write_part(self.folder, number, frames)
        self._rows += _rows(frames)

    def _about(self, *, complete: bool) -> About:
        covers = covered(self.connection.platforms, self.chosen.only)
        return About(self.connection.name, self._lists.started, complete, covers)


class _Reader(Reader):
    """Reads lists here, and parts in a worker."""

    async def lists(self, chosen: Chosen) -> Records:
        """Return repositories, the names of tags, and when these were pushed."""
        async with self._connection.documents() as source:
            return await self._scan(source, chosen, depth=Depth.TAGS, push_times=True).run()

    async def part(self, part: Part) -> Records:
        """Return what is behind the tags of a part.

        Raises
        ------
        NoConnection, RateLimited
            If nothing was read for a reason that may pass, or that another machine may not have.
        """
        async with self._connection.documents() as source:
            scan = self._scan(ListedSource(source, part), part.chosen, push_times=True)
            scan.records.started = part.started
            records = await scan.run()
        if not any(tag.digest for tag in records.tags):
            for failure in records.failures:
                if isinstance(failure.error, NoConnection | RateLimited):
                    raise failure.error
        return records


@dataclass(frozen=True)
class _Done:
    """What a part has written."""

    repositories: tuple[str, ...]
    rows: Counter[str]


def _read_part(connection: Connection, part: Part, folder: str) -> _Done:
    """Read a part and write its rows: what a task does, in a worker."""
    try:
        check_begun(folder, part.started)
        records = asyncio.run(_Reader(connection).part(part))
        frames = _without_repositories(frames_of(records, connection.platforms, part.only))
        # A part that is read for a call that was interrupted ends when the next call may have begun.
        check_begun(folder, part.started)
        write_part(folder, part.number, frames)
    except RegframeError as error:
        # Dask sends an error with all that it came from, if it can; the sentence says it, and travels alone.
        failed = error.with_traceback(None)
        failed.__context__ = None
    else:
        return _Done(tuple(records.repositories), _rows(frames))
    raise failed


def _without_repositories(frames: Frames) -> Frames:
    # They are in part 0, each once and in order.
    return replace(frames, repositories=frame("repositories"))


def _rows(frames: Frames) -> Counter[str]:
    return Counter({name: len(getattr(frames, name)) for name in SCHEMAS})


async def _read_lists(scans: Sequence[_Scan]) -> None:
    await asyncio.gather(*(scan.read_lists() for scan in scans))


def _run(scans: Sequence[_Scan], cluster: Client, retries: int) -> None:
    """Hand the parts to the cluster: of each scan as many at once as there are shares of its concurrency."""
    from distributed import as_completed

    # What has been handed to Dask runs whenever Dask likes, so a part is handed over when its share is free.
    finished = as_completed(loop=cluster.loop)
    under_way: dict[Any, tuple[Future, _Scan, Part, int]] = {}
    run = uuid4().hex

    def hand_over(scan: _Scan) -> None:
        while scan.waiting and scan.shares:
            part, share = scan.waiting.popleft(), scan.shares.pop()
            future = cluster.submit(
                _read_part,
                replace(scan.connection, concurrency=share),
                part,
                scan.folder,
                key=(f"inventory of {scan.connection.name}-{run}", part.number),
                retries=retries,
                pure=False,
            )
            under_way[future.key] = future, scan, part, share
            finished.add(future)
        if not any(other is scan for _, other, _, _ in under_way.values()):
            scan.finish()

    try:
        for scan in scans:
            hand_over(scan)
        for future in finished:
            _, scan, part, share = under_way.pop(future.key)
            try:
                scan.succeed(future.result())
            except Exception as error:
                scan.fail(part, explained(error))
            scan.shares.append(share)
            hand_over(scan)
    finally:
        cluster.cancel([future for future, *_ in under_way.values()])


def _check(scans: Sequence[_Scan]) -> None:
    if not scans:
        raise InvalidReference("Name a registry at least.")
    for scan in scans:
        if isinstance(scan.connection.reach, Place):
            raise Unsupported(
                f"{scan.connection.name} is on this machine, where other machines cannot read it; "
                "rf.Registry(…).inventory() does."
            )
    folders = Counter(scan.folder for scan in scans)
    for scan in scans:
        if folders[scan.folder] > 1:
            raise InvalidReference(
                f"{scan.connection.name} is named twice; name it once, and what of it by selection=."
            )


def _raise_if_nothing_was_read(scans: Sequence[_Scan]) -> None:
    errors = [scan.error for scan in scans if scan.error is not None]
    if len(errors) == len(scans):
        raise errors[0]


def _file_name(registry: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", registry)
