"""A compressed file, read forwards within limits: what it unpacks to is not believed to be harmless."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from regframe.errors import ConfigurationError, InvalidDocument, TooLarge, printable

# Layers are two to five times as large unpacked. More than this is a bomb, or nearly empty.
_MOST_TIMES_ITS_SIZE = 100
_NEVER_TOO_MUCH = 1024 * 1024 * 1024
# What unpacking may keep in memory; xz -9 takes 65 MiB, and zstd refuses windows above 128 MiB itself.
_MOST_MEMORY = 128 * 1024 * 1024
_CHUNK = 256 * 1024


class Unpacked:
    """The unpacked bytes of a file that is compressed with gzip, bzip2, xz or zstd.

    Parameters
    ----------
    file : binary file
        The compressed file.
    path : Path
        Where it is, for messages.
    is_stopped : callable
        Asked now and then whether to stop, since unpacking takes a second for each 300 MB.
    """

    def __init__(self, file: IO[bytes], path: Path, is_stopped: Callable[[], bool]) -> None:
        self._path = path
        self._is_stopped = is_stopped
        self._limit = max(_NEVER_TOO_MUCH, _MOST_TIMES_ITS_SIZE * file.seek(0, io.SEEK_END))
        file.seek(0)
        self._stream = _decompressor(file)
        self._position = 0

    @staticmethod
    def is_compressed(file: IO[bytes]) -> bool:
        """Return whether a file begins as a compressed one does."""
        magic = file.read(6)
        file.seek(0)
        return magic.startswith(tuple(_OPENERS))

    def tell(self) -> int:
        """Return how many bytes were read or passed over."""
        return self._position

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer at the end.

        Raises
        ------
        InvalidDocument
            If they are damaged.
        TooLarge
            If there are suspiciously many.
        """
        if self._is_stopped():
            raise InvalidDocument(f"Reading {self._path} was stopped.")
        try:
            data = self._stream.read(size)
        except Exception as error:
            # zstandard's errors have no base but Exception.
            raise InvalidDocument(f"{self._path} cannot be unpacked: {printable(str(error))}.") from None
        self._position += len(data)
        if self._position > self._limit:
            raise TooLarge(
                f"{self._path} unpacks to more than {_MOST_TIMES_ITS_SIZE} times its size; "
                "if you trust it, unpack it and name the tar."
            )
        return data

    def skip(self, count: int) -> None:
        """Pass over bytes, or go to the end if there are not as many."""
        while count > 0 and (data := self.read(min(count, _CHUNK))):
            count -= len(data)


class _XzReader(io.RawIOBase):
    """An xz file, with a limit to its dictionary, which ``lzma.open`` does not take."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while True:
            if self._decompressor.eof:
                rest = self._decompressor.unused_data.lstrip(b"\0") or self._file.read(_CHUNK).lstrip(b"\0")
                if not rest:
                    return 0
                self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)
            else:
                rest = self._file.read(_CHUNK) if self._decompressor.needs_input else b""
                if not rest and self._decompressor.needs_input:
                    raise EOFError("the file ends too early")
            if data := self._decompressor.decompress(rest, len(buffer)):
                buffer[: len(data)] = data
                return len(data)


def _zstd(file: IO[bytes]) -> IO[bytes]:
    try:
        import zstandard
    except ImportError:
        raise ConfigurationError(
            "An archive compressed with zstd needs zstandard: pip install 'regframe[zstd]'."
        ) from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_MEMORY)
    return cast("IO[bytes]", io.BufferedReader(decompressor.stream_reader(file, read_across_frames=True)))


# The file itself is closed by who opened it.
_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": lambda file: io.BufferedReader(cast("io.RawIOBase", _XzReader(file))),
    b"\x28\xb5\x2f\xfd": _zstd,
}


def _decompressor(file: IO[bytes]) -> IO[bytes]:
    magic = file.read(6)
    file.seek(0)
    return next(opener for begin, opener in _OPENERS.items() if magic.startswith(begin))(file)
