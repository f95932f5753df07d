"""Documents kept on disk by digest: what never changes is fetched once.

One SQLite file, which several processes may use at once. It fails nothing: a cache that cannot be opened, read or
written is gone without. Nor is it trusted: what comes out of it is checked against its digest. And it opens no door:
what a user names, by tag or by digest, is always asked of the registry; only what is named by a document that the
registry has just given (or on Docker Hub, has just named by its digest) comes from here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, closing, suppress
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path

import anyio
import platformdirs

from regframe.errors import ConfigurationError, InvalidDocument
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import verify
from regframe.oci.media_types import SCHEMA1_MANIFESTS, essence
from regframe.sources import DOCUMENT_LIMIT, Document, Pointer, Source
from regframe.sources.pace import Allowance

_FILE = "documents.sqlite"
_SCHEMA = (
    "CREATE TABLE documents (digest TEXT PRIMARY KEY, used INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE INDEX by_use ON documents (used)",
)
# Most of what a scan brings is here already: only what is new, wrong or long unused is written.
_KEEP = """
INSERT INTO documents VALUES {} ON CONFLICT (digest) DO UPDATE SET used = excluded.used, data = excluded.data
WHERE data IS NOT excluded.data OR used < excluded.used - 86400
"""
_MOST_BYTES = 1024 * 1024 * 1024
_BATCH_DOCUMENTS = 500
_BATCH_BYTES = 4 * 1024 * 1024
# Documents that wait for a slow disk; more are let go, as this is only a cache.
_MOST_WAITING_BYTES = 64 * 1024 * 1024
_MOVED_AT_ONCE = 100
# Two usual documents' bytes: less is lost at the ends of pages.
_PAGE_BYTES = 8192
# So that reading writes next to nothing, when a document was used is noted to the day.
_USE_NOTED_SECONDS = 24 * 3600
_LOCK_SECONDS = 2.0
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def cache_file(setting: bool | str | Path) -> Path | None:
    """Return where documents are kept: ``None`` for nowhere.

    Parameters
    ----------
    setting : bool, str or Path
        ``False`` keeps nothing. ``True`` means what ``REGFRAME_CACHE`` says (a path or ``off``), else the user's cache
        folder. A path is that of the file, or of a folder that is there.

    Raises
    ------
    ConfigurationError
        If the path is an empty text.
    """
    if setting is False:
        return None
    if setting is True:
        setting = os.environ.get("REGFRAME_CACHE") or platformdirs.user_cache_path("regframe", appauthor=False) / _FILE
        if str(setting).lower() == "off":
            return None
    if not str(setting):
        raise ConfigurationError("cache= is True, False or a path; this one is an empty text.")
    path = Path(setting).expanduser().absolute()
    return path / _FILE if path.is_dir() else path


class DocumentCache:
    """Documents by digest in one SQLite file, for one event loop; see :meth:`opened`.

    A document is read at once (in some microseconds). What is to be written is collected, and written by a thread.

    Parameters
    ----------
    file : Path
        Where. The file is its owner's alone, as is its folder where that is made here: documents of private
        registries are in it.
    most_bytes : int
        How large the file may grow; what was not used for longest goes first.
    """

    def __init__(self, file: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._inode: int | None = None
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._is_writable = False
        self._is_damaged = False
        self._waiting: dict[str, bytes] = {}
        self._waiting_bytes = 0
        self._used: list[str] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls, file: Path | None, most_bytes: int = _MOST_BYTES) -> AsyncIterator[DocumentCache]:
        """Open the file, or make it, and close it at the end; a cache that cannot be had is empty and stays so."""
        documents = cls(file or Path(), most_bytes)
        # Shielded: what a cancelled scan has read is kept, and no file is left open.
        try:
            with anyio.CancelScope(shield=True):
                if file is not None:
                    await asyncio.to_thread(documents._open)
            yield documents
        finally:
            with anyio.CancelScope(shield=True):
                if documents._writing is not None:
                    await documents._writing
                await asyncio.to_thread(documents._close, *documents._take())

    def get(self, digest: str) -> bytes | None:
        """Return the document with this digest, if it is here and its bytes have the digest."""
        if self._reader is None:
            return None
        query = "SELECT data, used < ? FROM documents WHERE digest = ? AND length(data) <= ?"
        parameters = (int(time.time()) - _USE_NOTED_SECONDS, digest, DOCUMENT_LIMIT)
        try:
            data, is_long_unused = self._reader.execute(query, parameters).fetchone() or (None, False)
        except sqlite3.Error as error:
            self._give_up(error)
            self._reader.close()
            self._reader = None
            return None
        if not isinstance(data, bytes) or not _has_digest(data, digest):
            return None
        if is_long_unused:
            self._used.append(digest)
        return data

    def put(self, digest: str, data: bytes) -> None:
        """Keep a document."""
        if not self._is_writable or self._waiting_bytes + len(data) > _MOST_WAITING_BYTES:
            return
        self._waiting[digest] = data
        self._waiting_bytes += len(data)
        is_batch = len(self._waiting) >= _BATCH_DOCUMENTS or self._waiting_bytes >= _BATCH_BYTES
        if is_batch and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(asyncio.to_thread(self._write, *self._take()))

    def _take(self) -> tuple[dict[str, bytes], list[str]]:
        taken = self._waiting, self._used
        self._waiting, self._used, self._waiting_bytes = {}, [], 0
        return taken

    def _open(self) -> None:
        try:
            self._reader = self._connected()
            self._is_writable = True
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _connected(self) -> sqlite3.Connection:
        try:
            connection = _connect(self._file)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._inode = self._file.stat().st_ino
            self._set_aside()
            connection = _connect(self._file)
        self._inode = self._file.stat().st_ino
        return connection

    def _write(self, documents: dict[str, bytes], used: list[str]) -> None:
        if not self._is_writable:
            return
        now = int(time.time())
        rows = [(digest, now, data) for digest, data in documents.items()]
        try:
            self._writer = self._writer or self._connected()
            with self._writer as writer:
                writer.execute("BEGIN IMMEDIATE")
                for start in range(0, len(rows), _MOVED_AT_ONCE):
                    some = rows[start : start + _MOVED_AT_ONCE]
                    _make_room(writer, self._most_bytes - sum(len(data) + _PAGE_BYTES // 2 for _, _, data in some))
                    # One statement: between two, the thread would have to wait for the scan's to let it go on.
                    writer.execute(_KEEP.format(", ".join(["(?, ?, ?)"] * len(some))), [*chain.from_iterable(some)])
                writer.executemany("UPDATE documents SET used = ? WHERE digest = ?", [(now, digest) for digest in used])
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error | OSError) -> None:
        """Go on without the cache: a full disk or a lock that is not given back are no reason to fail a scan."""
        self._is_writable = False
        self._is_damaged = self._is_damaged or _is_damage(error)
        if not self._is_damaged:
            _say_once(f"Documents are not cached: {self._file} cannot be used ({error}).")

    def _close(self, documents: dict[str, bytes], used: list[str]) -> None:
        if documents or used:
            self._write(documents, used)
        for connection in (self._reader, self._writer):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        if self._is_damaged:
            with suppress(OSError):
                self._set_aside()

    def _set_aside(self) -> None:
        """Rename the damaged file, unless another process has already done that and begun a new one."""
        if self._file.stat().st_ino != self._inode:
            return
        aside = self._file.with_name(f"{self._file.name}.damaged")
        for suffix in ("-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        self._file.replace(aside)
        _say_once(f"The document cache was damaged and is begun anew; what it was is {aside}.")


def _connect(file: Path) -> sqlite3.Connection:
    if not file.exists():
        _make(file)
    if hasattr(os, "getuid") and file.stat().st_uid != os.getuid():
        # Who made it could read there what only this user may.
        raise OSError("it belongs to another user")
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode=rw", uri=True, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # What a stranger may have written there is to run nothing, and a page that is not one is to be noticed.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute(f"PRAGMA journal_size_limit = {_BATCH_BYTES}")
        found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        if not found:
            raise _damaged("the file is empty")
        if tuple(sql for (sql,) in found) != _SCHEMA:
            raise OSError("it is a database of something else")
    except BaseException:
        connection.close()
        raise
    return connection


def _make(file: Path) -> None:
    """Make the file under another name first, so that nobody sees it half made."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    os.close(handle)
    try:
        with closing(sqlite3.connect(name, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            for statement in _SCHEMA:
                connection.execute(statement)
        with suppress(FileExistsError):
            # A link, as a rename would replace what another process has made meanwhile.
            file.hardlink_to(name)
    finally:
        Path(name).unlink()


def _make_room(writer: sqlite3.Connection, most_bytes: int) -> None:
    """Let go of the documents that were not used for longest, until no more than so many bytes are taken."""
    while True:
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        (free,) = writer.execute("PRAGMA freelist_count").fetchone()
        if (pages - free) * _PAGE_BYTES <= most_bytes:
            return
        query = "SELECT rowid FROM documents ORDER BY used, rowid LIMIT ?"
        oldest = writer.execute(query, (_MOVED_AT_ONCE,)).fetchall()
        if not oldest:
            return
        writer.executemany("DELETE FROM documents WHERE rowid = ?", oldest)


def _has_digest(data: bytes, digest: str) -> bool:
    try:
        verify(data, digest)
    except InvalidDocument:
        return False
    return True


def _damaged(message: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(message)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _is_damage(error: Exception) -> bool:
    # The lowest byte is the primary result code (sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


@cache
def _say_once(sentence: str) -> None:
    logging.getLogger(__name__).warning(sentence)


class CachedSource:
    """A source whose documents come from the cache where they are there, and go into it where they were not.

    Parameters
    ----------
    source : Source
        Where everything else comes from.
    documents : DocumentCache
        The cache.
    head_first : bool
        Whether to ask first what a tag points to, and for the document only if the cache does not have it: on
        registries that count the one and not the other (Docker Hub).
    """

    def __init__(self, source: Source, documents: DocumentCache, *, head_first: bool = False) -> None:
        self._source = source
        self._documents = documents
        self._head_first = head_first

    @property
    def is_local(self) -> bool:
        """Whether it is a place on this machine."""
        return self._source.is_local

    @property
    def allowance(self) -> Allowance | None:
        """What the source last said of its rate limit."""
        return self._source.allowance

    def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names of the repositories."""
        return self._source.repositories(namespaces)

    def push_times(self, repository: str, tags: Sequence[str] | None = None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were pushed."""
        return self._source.push_times(repository, tags)

    def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository."""
        return self._source.tags(repository)

    async def resolve(self, repository: str, reference: str, known: str | None = None) -> Pointer | None:
        """Return what a tag or a digest means, if the source says so without giving the document."""
        return await self._source.resolve(repository, reference, known)

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return a manifest or an index; one that is not named by a document is asked for, whatever the cache has."""
        pointer = None
        if isinstance(reference, Descriptor):
            pointer = Pointer(reference.digest, reference.media_type)
        elif self._head_first:
            pointer = await self._source.resolve(repository, reference)
        if pointer is not None and (data := self._documents.get(pointer.digest)) is not None:
            return Document(data, pointer.digest, pointer.media_type, pointer.modified)
        document = await self._source.manifest(repository, reference)
        # A schema 1 manifest is signed anew each time, and its digest is that of what is signed.
        if essence(document.media_type) not in SCHEMA1_MANIFESTS:
            self._documents.put(document.digest, document.data)
        return document

    async def blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a blob that a document names."""
        data = self._documents.get(descriptor.digest)
        if data is None:
            data = await self._source.blob(repository, descriptor)
            self._documents.put(descriptor.digest, data)
        return data

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return a blob's last bytes."""
        return await self._source.end_of_blob(repository, descriptor, count)
