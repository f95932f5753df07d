"""The files of a tar, read without unpacking it: only documents are read, and a layer is passed over."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from regframe.errors import ConfigurationError, InvalidDocument, NotFound, TooLarge, printable
from regframe.sources import DOCUMENT_LIMIT
from regframe.sources.local.compressed import Unpacked
from regframe.sources.local.files import open_regular, unreadable

_MOST_ENTRIES = 100_000
_MOST_NAME_CHARACTERS = 32 * 1024 * 1024
# Of one entry: names, attributes, a sparse file's map. Attributes have at most 64 KiB on Linux.
_MOST_HEADER_BYTES = 1024 * 1024
# The documents of a compressed archive are kept, since it can only be read from its beginning.
_MOST_KEPT_BYTES = 64 * 1024 * 1024
_MOST_LINKS = 8


@dataclass(frozen=True, slots=True)
class _Member:
    """A file, or a link to another name; a link that leads out of the archive has the name ``""``."""

    position: int
    size: int
    link: str | None
    is_sparse: bool


class Archive:
    """The files of a tar: plain, or compressed with gzip, bzip2, xz or zstd.

    A compressed one is read to its end when it is opened.

    Parameters
    ----------
    path : Path
        The tar.
    is_stopped : callable, optional
        Asked now and then whether to stop reading.

    Raises
    ------
    ConfigurationError
        If it is no file, or cannot be read.
    InvalidDocument
        If it is no whole tar, or one that two readers could take for different things.
    TooLarge
        If it has more entries, or documents, than it may.
    """

    def __init__(self, path: Path, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._path = path
        self._members: dict[str, _Member] = {}
        self._kept: dict[str, bytes] | None = None
        self._kept_bytes = 0
        with self._opened() as file:
            is_compressed = Unpacked.is_compressed(file)
            stream = Unpacked(file, path, is_stopped) if is_compressed else _Plain(file, path)
            if is_compressed:
                self._kept = {}
            self._index(_Headers(stream, path))

    def read(self, name: str, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return a file's bytes, through links within the archive."""
        name, member = self._member(name)
        if member.size > limit:
            raise TooLarge(
                f"{printable(name)} has {member.size:,} bytes; regframe reads at most {limit:,} of one like it."
            )
        if member.is_sparse:
            raise InvalidDocument(f"{printable(name)} in {self._path} is a sparse file, which no document is.")
        if self._kept is not None:
            if name not in self._kept:
                raise InvalidDocument(f"{printable(name)} in {self._path} is not JSON.")
            return self._kept[name]
        data = self._read_at(member.position, member.size)
        if len(data) != member.size:
            raise InvalidDocument(f"{self._path} ends in the middle of {printable(name)}.")
        return data

    def size(self, name: str) -> int:
        """Return how many bytes a file has."""
        return self._member(name)[1].size

    def read_end(self, name: str, count: int) -> bytes | None:
        """Return a file's last bytes; nothing if the archive is compressed."""
        _, member = self._member(name)
        if self._kept is not None or member.is_sparse:
            return None
        return self._read_at(member.position + max(0, member.size - count), min(count, member.size))

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        try:
            file = open_regular(self._path)
        except (FileNotFoundError, NotADirectoryError):
            file = None
        except OSError as error:
            raise unreadable(self._path, error) from None
        if file is None:
            hint = ", and this is a folder: oci: and dir: read those" if self._path.is_dir() else ""
            raise ConfigurationError(f"There is no archive at {self._path}: it must be a file{hint}.")
        with file:
            try:
                yield file
            except OSError as error:
                raise unreadable(self._path, error) from None

    def _read_at(self, position: int, count: int) -> bytes:
        with self._opened() as file:
            file.seek(position)
            return file.read(count)

    def _index(self, headers: _Headers) -> None:
        characters = 0
        for entries, member in enumerate(headers.members()):
            if entries >= _MOST_ENTRIES:
                raise TooLarge(f"{self._path} has more than {_MOST_ENTRIES:,} entries.")
            name = _normal(member.name)
            if name is None:
                raise InvalidDocument(f"{self._path} holds “{printable(member.name)}”, a name that leads out of it.")
            characters += len(name) + len(member.linkname)
            if characters > _MOST_NAME_CHARACTERS:
                raise TooLarge(f"{self._path} has names of more than {_MOST_NAME_CHARACTERS:,} characters in all.")
            if not (member.isreg() or member.issym() or member.islnk()):
                continue
            if name in self._members:
                raise InvalidDocument(
                    f"{self._path} holds “{printable(name)}” twice, so what it says depends on who reads it."
                )
            link = None if member.isreg() else _link(name, member)
            self._members[name] = _Member(member.offset_data, member.size, link, member.issparse())
            if self._kept is not None and member.isreg() and not member.issparse() and member.size <= DOCUMENT_LIMIT:
                self._keep(name, headers.content(member))

    def _keep(self, name: str, data: bytes) -> None:
        assert self._kept is not None
        if data.lstrip()[:1] in {b"{", b"["}:
            self._kept[name] = data
            self._kept_bytes += len(data)
            if self._kept_bytes > _MOST_KEPT_BYTES:
                raise TooLarge(f"{self._path} has more than {_MOST_KEPT_BYTES:,} bytes of documents; unpack it first.")

    def _member(self, name: str) -> tuple[str, _Member]:
        for _ in range(_MOST_LINKS):
            member = self._members.get(name)
            if member is None:
                break
            if member.link is None:
                return name, member
            if not member.link:
                raise NotFound(f"{printable(name)} in {self._path} is a link that leads out of it.")
            name = member.link
        raise NotFound(f"There is no file {printable(name)} in {self._path}.")


class _Stream(Protocol):
    def tell(self) -> int: ...

    def read(self, size: int) -> bytes: ...

    def skip(self, count: int) -> None: ...


class _Plain:
    """A file that is not compressed: what is passed over is not read."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self._size = file.seek(0, 2)
        file.seek(0)
        self.tell = file.tell
        self.read = file.read

    def skip(self, count: int) -> None:
        if self.tell() + count > self._size:
            raise InvalidDocument(f"{self._path} ends in the middle of a file.")
        self._file.seek(count, 1)


class _Headers:
    """What tarfile reads: forwards only, and of one entry no more than a header may have.

    tarfile itself would read a header of any size, and follow one with a negative size back (CVE-2025-8194).
    """

    def __init__(self, stream: _Stream, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._allowed = _MOST_HEADER_BYTES
        self.tell = stream.tell

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the entries; only what the caller keeps of each stays in memory."""
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", self), mode="r:") as tar:
                while (member := tar.next()) is not None:
                    yield member
                    tar.members.clear()  # type: ignore[attr-defined]
                    tar.pax_headers = {}
                    self._allowed = _MOST_HEADER_BYTES
        except RecursionError:
            raise InvalidDocument(f"{self._path} has headers that are nested too deeply.") from None
        except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
            raise InvalidDocument(f"{self._path} is not a whole tar: {printable(str(error))}.") from None

    def content(self, member: tarfile.TarInfo) -> bytes:
        """Return the bytes of the entry that was yielded last."""
        self.seek(member.offset_data)
        data = self._stream.read(member.size)
        if len(data) != member.size:
            raise InvalidDocument(f"{self._path} ends in the middle of {printable(member.name)}.")
        return data

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._allowed:
            raise InvalidDocument(f"{self._path} has an entry with a header of more than {_MOST_HEADER_BYTES:,} bytes.")
        self._allowed -= size
        return self._stream.read(size)

    def seek(self, position: int) -> None:
        if position < self.tell():
            raise InvalidDocument(f"{self._path} has an entry of a negative size.")
        self._stream.skip(position - self.tell())


def _link(name: str, member: tarfile.TarInfo) -> str:
    """Return where a link leads; a hard link's name is the archive's, a symbolic link's stands beside it."""
    linked = member.linkname if member.islnk() else str(PurePosixPath(name).parent / member.linkname)
    return _normal(linked) or ""


def _normal(name: str) -> str | None:
    """Return a member's name without dots, or ``None`` if it leads out of the archive."""
    parts: list[str] = []
    if name.startswith("/"):
        return None
    for part in name.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
