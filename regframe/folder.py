"""A folder of files, on this machine or behind a URL such as ``s3://bucket/inventory``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from regframe.errors import ConfigurationError, RegframeError, printable


class Folder(Protocol):
    """Where files are written, each wholly or not at all, and read again."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, with the folders that it stands in."""

    def read(self, name: str) -> bytes:
        """Return what is in a file."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with what is in it, if it is there."""


class LocalFolder:
    """A folder on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, data: bytes) -> None:
        """Write a file under another name first: whoever reads finds all of it, or nothing."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readers of datasets pass over what begins with a dot.
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.write_bytes(data)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """Return what is in a file."""
        return (self._path / name).read_bytes()

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with what is in it, if it is there."""
        path = self._path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class RemoteFolder:
    """A folder behind a URL; a file that is uploaded is there when all of it is."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise ConfigurationError(
                f"A folder such as {shown(url)} needs fsspec: pip install 'regframe[dask]'."
            ) from None
        try:
            self._files: Any
            self._files, self._path = url_to_fs(url)
        except Exception as error:
            # Some connect at once, and what comes of that may be of any class.
            raise ConfigurationError(f"{shown(url)} cannot be used: {printable(str(error))}") from None

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        path = f"{self._path}/{name}"
        try:
            self._files.pipe_file(path, data)
        except FileNotFoundError:
            # An object store has no folders, and would make a bucket of a mistyped name.
            if not self._files.exists(path.partition("/")[0] or "/"):
                raise
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, data)

    def read(self, name: str) -> bytes:
        """Return what is in a file."""
        data: bytes = self._files.cat_file(f"{self._path}/{name}")
        return data

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with what is in it, if it is there."""
        path = f"{self._path}/{name}"
        # Other writers' files may be there since it was last listed.
        self._files.invalidate_cache()
        if self._files.exists(path):
            self._files.rm(path, recursive=True)


def is_url(folder: str | Path) -> bool:
    """Return whether a folder is given as a URL, such as ``s3://bucket/inventory``."""
    return isinstance(folder, str) and "://" in folder


def plain(folder: str | Path) -> str:
    """Return a folder as all readers and writers of files take it: a URL without a slash at its end, or a path.

    Raises
    ------
    ConfigurationError
        If it is a URL of nothing.
    """
    if not is_url(folder):
        # Path.expanduser raises where there is no such user.
        return os.path.expanduser(folder) or "."  # noqa: PTH111
    url = str(folder).rstrip("/")
    if not is_url(url):
        raise ConfigurationError(f"{printable(str(folder))} names no folder.")
    return url


def is_same(folder: str | Path, other: str | Path) -> bool:
    """Return whether two folders are one, as far as their names tell."""
    one, another = plain(folder), plain(other)
    return one == another or (not (is_url(one) or is_url(another)) and Path(one).resolve() == Path(another).resolve())


def shown(folder: str | Path) -> str:
    """Return a folder as people may see it: without the user and the password that a URL may have."""
    scheme, separator, rest = str(folder).rpartition("://")
    host, slash, path = rest.partition("/")
    return printable(f"{scheme}{separator}{host.rpartition('@')[2] if separator else host}{slash}{path}")


def open_folder(folder: str | Path) -> Folder:
    """Return the files of a folder.

    Raises
    ------
    ConfigurationError
        If it is a URL, and what reaches it is not installed.
    """
    return RemoteFolder(plain(folder)) if is_url(folder) else LocalFolder(Path(plain(folder)))


@contextmanager
def writing(folder: str | Path) -> Iterator[None]:
    """Say in one sentence why a folder cannot be written to.

    Raises
    ------
    ConfigurationError
        If it cannot.
    """
    try:
        yield
    except RegframeError:
        raise
    except Exception as error:
        # Of an object store these may be of any class.
        if not (is_url(folder) or isinstance(error, OSError)):
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or printable(str(error))
        raise ConfigurationError(f"The inventory cannot be written to {shown(folder)}: {reason}.") from None
