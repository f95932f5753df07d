"""Files of a place on disk: a folder, or a tar that is read without unpacking it.

Only documents are read; a layer is passed over. Nothing is written, and no name leads outside.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from regframe.errors import ConfigurationError, InvalidDocument, NotFound, TooLarge, printable
from regframe.sources import DOCUMENT_LIMIT

_MOST_ENTRIES = 100_000
# The documents of a compressed archive are kept, since it can only be read from its beginning.
_MOST_KEPT_BYTES = 256 * 1024 * 1024
_MOST_LINKS = 8
_GZIP, _ZSTD, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00"


class Files(Protocol):
    """Named files, read whole within a limit."""

    def read(self, name: str, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return a file's bytes.

        Raises
        ------
        NotFound
            If there is no such file.
        TooLarge
            If it has more bytes than the limit.
        """

    def size(self, name: str) -> int:
        """Return how many bytes a file has; it is not read.

        Raises
        ------
        NotFound
            If there is no such file.
        """

    def read_end(self, name: str, count: int) -> bytes | None:
        """Return a file's last bytes, or ``None`` where that would take reading all of it.

        Raises
        ------
        NotFound
            If there is no such file.
        """


class Folder:
    """The files below a folder.

    Parameters
    ----------
    root : Path
        The folder.
    what : str
        What it should be, for the message if it is not there.

    Raises
    ------
    ConfigurationError
        If it is no folder.
    """

    def __init__(self, root: Path, what: str) -> None:
        try:
            is_there = root.is_dir()
        except OSError as error:
            raise unreadable(root, error) from None
        if not is_there:
            raise ConfigurationError(f"There is no {what} at {root}: it must be a folder.")
        self._root = root.resolve()

    def read(self, name: str, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return a file's bytes; links may not lead out of the folder."""
        with self._opened(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise TooLarge(f"{printable(name)} has more than {limit:,} bytes, the most regframe reads of one like it.")
        return data

    def size(self, name: str) -> int:
        """Return how many bytes a file has."""
        with self._opened(name) as file:
            return file.seek(0, os.SEEK_END)

    def read_end(self, name: str, count: int) -> bytes | None:
        """Return a file's last bytes."""
        with self._opened(name) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count))
            return file.read(count)

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        path = self._root / name
        try:
            path = path.resolve()
            file = _open_regular(path) if path.is_relative_to(self._root) else None
        except (FileNotFoundError, NotADirectoryError, RuntimeError, ValueError):
            file = None
        except OSError as error:
            raise unreadable(path, error) from None
        if file is None:
            raise NotFound(f"There is no file {printable(name)} in {self._root}.")
        with file:
            try:
                yield file
            except OSError as error:
                raise unreadable(path, error) from None


class Archive:
    """The files of a tar: plain, or compressed with gzip, xz or zstd."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigurationError(f"There is no archive at {path}: it must be a file.")
        self._path = path
        self._members: dict[str, tarfile.TarInfo] = {}
        self._kept: dict[str, bytes] | None = None
        with path.open("rb") as file:
            magic = file.read(6)
        if magic.startswith((_GZIP, _ZSTD, _XZ)):
            self._kept = {}
        with self._opened(magic) as tar:
            self._index(tar)

    def read(self, name: str, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return a file's bytes, through links within the archive."""
        member = self._member(name)
        if member.size > limit:
            raise TooLarge(
                f"{printable(name)} has {member.size:,} bytes; regframe reads at most {limit:,} of one like it."
            )
        if self._kept is not None:
            if member.name not in self._kept:
                raise InvalidDocument(f"{printable(name)} in {self._path} is not a document.")
            return self._kept[member.name]
        data = _read_at(self._path, member.offset_data, member.size)
        if len(data) != member.size:
            raise InvalidDocument(f"{self._path} ends in the middle of {printable(name)}.")
        return data

    def size(self, name: str) -> int:
        """Return how many bytes a file has."""
        return self._member(name).size

    def read_end(self, name: str, count: int) -> bytes | None:
        """Return a file's last bytes; nothing if the archive is compressed."""
        member = self._member(name)
        if self._kept is not None:
            return None
        return _read_at(self._path, member.offset_data + max(0, member.size - count), min(count, member.size))

    @contextmanager
    def _opened(self, magic: bytes) -> Iterator[tarfile.TarFile]:
        damaged = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
        try:
            with self._path.open("rb") as file, _decompressed(file, magic) as stream:
                guarded = cast("IO[bytes]", _Guarded(stream))
                with tarfile.open(fileobj=guarded, mode="r:") as tar:
                    yield tar
        except damaged as error:
            raise InvalidDocument(f"{self._path} is not a whole archive: {printable(str(error))}.") from None

    def _index(self, tar: tarfile.TarFile) -> None:
        kept_bytes = 0
        for member in tar:
            name = _normal(member.name)
            if name is None:
                raise InvalidDocument(f"{self._path} holds “{printable(member.name)}”, a name that leads out of it.")
            if len(self._members) >= _MOST_ENTRIES:
                raise TooLarge(f"{self._path} has more than {_MOST_ENTRIES:,} entries.")
            if not (member.isreg() or member.issym() or member.islnk()):
                continue
            if name in self._members:
                raise InvalidDocument(
                    f"{self._path} holds “{printable(name)}” twice, so what it says depends on who reads it."
                )
            member.name = name
            self._members[name] = member
            # tarfile keeps every member that it has seen; this index is all that is needed.
            tar.members = []  # type: ignore[attr-defined]
            if self._kept is not None and member.isreg() and member.size <= DOCUMENT_LIMIT:
                data = cast("IO[bytes]", tar.extractfile(member)).read(member.size)
                if data[:1] in {b"{", b"["}:
                    kept_bytes += len(data)
                    if kept_bytes > _MOST_KEPT_BYTES:
                        raise TooLarge(f"{self._path} has more than {_MOST_KEPT_BYTES:,} bytes of documents.")
                    self._kept[name] = data

    def _member(self, name: str) -> tarfile.TarInfo:
        for _ in range(_MOST_LINKS):
            member = self._members.get(name)
            if member is None:
                break
            if member.isreg():
                return member
            linked = member.linkname if member.islnk() else str(PurePosixPath(name).parent / member.linkname)
            name = _normal(linked) or ""
        raise NotFound(f"There is no file {printable(name)} in {self._path}.")


def _read_at(path: Path, position: int, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(position)
        return file.read(count)


class _Guarded:
    """A file of which nobody reads more than a document at once: tarfile would read a header of any size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= DOCUMENT_LIMIT:
            raise InvalidDocument("The archive has a header larger than any document.")
        return self._file.read(size)


@contextmanager
def _decompressed(file: IO[bytes], magic: bytes) -> Iterator[IO[bytes]]:
    if not magic.startswith((_GZIP, _XZ, _ZSTD)):
        yield file
    elif magic.startswith(_GZIP):
        with gzip.open(file) as stream:
            yield cast("IO[bytes]", stream)
    elif magic.startswith(_XZ):
        with lzma.open(file) as stream:
            yield stream
    else:
        try:
            import zstandard
        except ImportError:
            raise ConfigurationError(
                "An archive compressed with zstd needs zstandard: pip install 'regframe[zstd]'."
            ) from None
        with zstandard.ZstdDecompressor().stream_reader(file) as stream:
            yield cast("IO[bytes]", stream)


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


def unreadable(path: Path, error: OSError) -> ConfigurationError:
    """Return the error for what is there and cannot be read."""
    hint = "; its owner can read it" if isinstance(error, PermissionError) else ""
    return ConfigurationError(f"{path} cannot be read: {error.strerror or error}{hint}.")


def _open_regular(path: Path) -> IO[bytes] | None:
    """Open a file; not a pipe or a device, which could wait or go on for ever."""
    # Without O_NONBLOCK opening a pipe waits until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = os.fdopen(descriptor, "rb")
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return file
    file.close()
    return None
