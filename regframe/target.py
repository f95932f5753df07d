"""Text to target: a registry, or a place on this machine, and what of it.

The places are the transports of skopeo (containers-transports(5)), and ``podman:`` besides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeGuard, get_args

from regframe.errors import InvalidReference, printable
from regframe.reference import Pattern, is_repository, is_tag, registry_name, split_registry

Transport = Literal["docker-daemon", "podman", "containers-storage", "oci", "oci-archive", "docker-archive", "dir"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)
# In the order in which they are looked for where none is named.
ENGINES: tuple[Transport, ...] = ("docker-daemon", "podman")
_FILES = frozenset({"oci", "oci-archive", "docker-archive", "dir"})
_NAMES_IMAGES_BY_REGISTRY = frozenset({"docker-daemon", "podman", "containers-storage", "docker-archive"})
# As skopeo splits it: a path has no colon, but after a drive of Windows.
_FILE = re.compile(r"^((?:[A-Za-z]:(?=[\\/]))?[^:]*):?(.*)$", re.DOTALL)
_SUFFIXES = re.compile(r"(?:\.tar)?(?:\.(?:gz|bz2|xz|zst|tgz))?$")


@dataclass(frozen=True)
class Place:
    """A place on this machine that holds images.

    Attributes
    ----------
    transport : str
        Which kind of place, by skopeo's names.
    path : str
        The folder or the file; of ``containers-storage:`` what stands in brackets; of an engine nothing.
    """

    transport: Transport
    path: str = ""

    def __str__(self) -> str:
        return f"{self.transport}:{self.path}"

    @property
    def own_name(self) -> str:
        """The repository of images that have no name there: the name of the folder or the file."""
        name = re.sub(r"[^a-z0-9]+", "-", _SUFFIXES.sub("", Path(self.path).absolute().name.lower())).strip("-")
        return name if is_repository(name) else "image"

    @property
    def has_qualified_names(self) -> bool:
        """Whether it knows each image with its registry."""
        return self.transport in _NAMES_IMAGES_BY_REGISTRY

    def pattern(self, text: str) -> Pattern:
        """Read what is selected of it.

        Raises
        ------
        InvalidReference
            If the text is no reference, repository or glob.
        """
        return Pattern.parse_local(text, is_qualified=self.has_qualified_names)


@dataclass(frozen=True)
class Target:
    """Where to read, and what of it: a registry or a place on this machine, and perhaps one pattern.

    >>> Target.parse("localhost:5000/httpd:2-alpine").pattern
    Pattern(repository='httpd', tag='2-alpine', digest=None)
    """

    registry: str
    pattern: Pattern | None = None
    plain_http: bool = False
    place: Place | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``localhost:5000``, ``quay.io/team/app``, ``docker://…``, ``https://localhost:5000`` or ``httpd``.

        Without a slash, a host with a dot, ``localhost`` with or without a port, and ``[::1]:5000`` are registries;
        anything else is an image of Docker Hub. ``name:5000/`` with a slash at its end is always a registry, and so is
        what ``docker://`` stands before; ``podman:``, ``oci:folder:tag`` and skopeo's other transports are places.

        Raises
        ------
        InvalidReference
            If the text is none of these.
        """
        if not isinstance(text, str):
            raise InvalidReference(f"A target is text, such as localhost:5000; this is a {type(text).__name__}.")
        transport, colon, rest = text.partition(":")
        if colon and is_transport(transport):
            return _local(transport, rest)
        plain_http = text.startswith("http://")
        rest = re.sub(r"^(?:docker|https?)://", "", text)
        before, at, after = rest.partition("/")[0].rpartition("@")
        if at and (":" in before or "://" in text) and not re.match(r"sha\d+:", after):
            raise InvalidReference("A target does not hold a user or password; pass username= and password=.")
        first, slash, path = rest.partition("/")
        host = first.partition(":")[0]
        is_host = host == "localhost" or "." in host or host.startswith("[") or text.startswith(("http://", "https://"))
        if (slash and not path) or (not slash and is_host):
            return cls(registry_name(first), None, plain_http)
        registry, path = split_registry(rest)
        return cls(registry, Pattern.parse(path, registry), plain_http)


def is_transport(text: str) -> TypeGuard[Transport]:
    """Return whether the text is the name of a transport that reads a place on this machine."""
    return text in TRANSPORTS


def _local(transport: Transport, rest: str) -> Target:
    if transport in _FILES:
        # A folder of dir: holds one image, and its path may have a colon.
        path, selected = (rest, "") if transport == "dir" else _FILE.findall(rest)[0]
        if not path:
            raise InvalidReference(f"“{transport}:” goes with a path, as in {transport}:path/to/it.")
    else:
        path, selected = _storage(rest) if transport == "containers-storage" else ("", rest)
    place = Place(transport, path)
    if not selected:
        return Target(str(place), None, place=place)
    is_own_tag = transport in {"oci", "oci-archive"} and is_tag(selected)
    pattern = Pattern(place.own_name, selected) if is_own_tag else place.pattern(selected)
    return Target(str(place), pattern, place=place)


def _storage(rest: str) -> tuple[str, str]:
    """Split ``[driver@root+run-root]image`` (containers-transports(5), "containers-storage")."""
    if not rest.startswith("["):
        return "", rest
    specifier, bracket, selected = rest[1:].partition("]")
    if not bracket:
        raise InvalidReference(f"“containers-storage:{printable(rest)}” lacks the “]” after the store.")
    return f"[{specifier}]", selected
