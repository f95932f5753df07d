"""Files of a place on disk, and those of a folder. Only documents are read, and no name leads outside."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from regframe.errors import ConfigurationError, NotFound, RegframeError, TooLarge, printable
from regframe.sources import DOCUMENT_LIMIT


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
            hint = ", and this is a file: oci-archive: and docker-archive: read those" if root.is_file() else ""
            raise ConfigurationError(f"There is no {what} at {root}: it must be a folder{hint}.")
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
        file = None
        try:
            path = path.resolve()
            if path.is_relative_to(self._root):
                file = open_regular(path)
        except (FileNotFoundError, NotADirectoryError, RuntimeError, ValueError):
            # A link to itself is a RuntimeError, a name with a NUL a ValueError.
            pass
        except OSError as error:
            raise unreadable(path, error) from None
        if file is None:
            reason = "" if path.is_relative_to(self._root) else ": its name or a link leads out of it"
            raise NotFound(f"There is no file {printable(name)} in {self._root}{reason}.")
        with file:
            try:
                yield file
            except OSError as error:
                raise unreadable(path, error) from None


def holds(files: Files, name: str) -> bool:
    """Return whether there is such a file."""
    try:
        files.size(name)
    except RegframeError:
        return False
    return True


def unreadable(path: Path, error: OSError) -> ConfigurationError:
    """Return the error for what is there and cannot be read."""
    hint = "; its owner can read it" if isinstance(error, PermissionError) else ""
    return ConfigurationError(f"{path} cannot be read: {error.strerror or error}{hint}.")


def open_regular(path: Path) -> IO[bytes] | None:
    """Open a file; not a pipe or a device, which could wait or go on for ever."""
    # Without O_NONBLOCK opening a pipe waits until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None
