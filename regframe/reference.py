"""Text to reference, target and selection, by Docker's rules.

The grammar is that of CNCF Distribution's ``reference`` package, which docker, podman and skopeo share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from regframe.errors import InvalidReference, printable

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
# What engines show as the repository of an image without a name.
UNNAMED = "<none>"

_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*\.?|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?")
_PATH_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128}")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255
_WILDCARDS = re.compile(r"[*?\[]")


def is_repository(text: str) -> bool:
    """Return whether the text is a repository's name (distribution-spec, "Pulling manifests")."""
    return len(text) <= _LONGEST_NAME and _REPOSITORY.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Return whether the text is a tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Return whether the text is a digest such as ``sha256:…``."""
    return _DIGEST.fullmatch(text) is not None


def is_qualified(text: str) -> bool:
    """Return whether the text is a repository's name as places on this machine know it: with its registry, or none."""
    registry, _, repository = text.partition("/")
    return text == UNNAMED or (_DOMAIN.fullmatch(registry) is not None and is_repository(repository))


@dataclass(frozen=True)
class Reference:
    """One image: registry, repository and a tag or a digest (or both).

    >>> str(Reference.parse("httpd"))
    'docker.io/library/httpd:latest'
    >>> Reference.parse("localhost:5000/team/app:1.0").repository
    'team/app'
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference by Docker's rules.

        A first part with a dot, a colon or a capital, or ``localhost``, is a registry; without one it is Docker Hub,
        where a single name is in ``library``. Without a tag or a digest the tag is ``latest``.

        Raises
        ------
        InvalidReference
            If the text is not a reference.
        """
        registry, path = split_registry(text.removeprefix("docker://"))
        repository, tag, digest = _split_path(path, text)
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        if tag is None and digest is None:
            tag = DEFAULT_TAG
        if len(registry) + 1 + len(repository) > _LONGEST_NAME:
            raise InvalidReference(f"“{printable(text)}” names a repository of more than {_LONGEST_NAME} characters.")
        return cls(registry, repository, tag, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def split_registry(text: str) -> tuple[str, str]:
    """Split a reference into its registry, by Docker's rules, and the rest."""
    first, slash, rest = text.partition("/")
    names_registry = first == "localhost" or "." in first or ":" in first or first != first.lower()
    if not slash or not names_registry:
        return DOCKER_HUB, text
    return registry_name(first), rest


def _split_path(path: str, text: str) -> tuple[str, str | None, str | None]:
    """Split ``repository[:tag][@digest]`` and check each part; ``text`` is what the user wrote."""
    shown = printable(text)
    rest, at, digest = path.partition("@")
    if at and not is_digest(digest):
        raise InvalidReference(f"“{shown}” is not a reference: after @ comes a digest such as sha256:<64 hex digits>.")
    repository, colon, tag = rest.partition(":")
    if colon and not is_tag(tag):
        raise InvalidReference(
            f"“{shown}” is not a reference: a tag is at most 128 letters, digits, “_”, “.” and “-”, "
            "and begins with a letter, a digit or “_”."
        )
    if _IMAGE_ID.fullmatch(repository):
        raise InvalidReference(f"“{shown}” is an image ID; name the image by repository and tag or by @sha256:… .")
    if not is_repository(repository):
        hint = "it must be lower case" if is_repository(repository.lower()) else "an example is team/app:1.0"
        raise InvalidReference(
            f"“{shown}” is not a reference: “{printable(repository)}” is no repository name; {hint}."
        )
    return repository, tag if colon else None, digest if at else None


def registry_name(text: str) -> str:
    """Return a registry's host (and port), with Docker Hub's other names as ``docker.io``.

    Raises
    ------
    InvalidReference
        If the text is not a host.
    """
    port = text.rpartition(":")[2] if not text.endswith("]") else ""
    if not _DOMAIN.fullmatch(text) or (":" in text and port.isdigit() and int(port) > 65535):
        raise InvalidReference(f"“{printable(text)}” is not a registry; an example is localhost:5000.")
    return DOCKER_HUB if text in {"index.docker.io", "registry-1.docker.io"} else text


@dataclass(frozen=True)
class Pattern:
    """Which images of one registry: a repository and a tag, each a name or a glob, or a digest.

    ``*`` in a repository's pattern also stands for slashes. A missing tag means all tags.

    >>> Pattern.parse("team/*:1.*").matches_tag("1.2")
    True
    """

    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str, registry: str | None = None) -> Pattern:
        """Read ``repository``, ``repository:tag``, ``repository@digest`` or a glob of these.

        The name of the registry may stand before it. On Docker Hub a single name is in ``library``.

        Raises
        ------
        InvalidReference
            If the text is none of these.
        """
        path = text.removeprefix("docker://")
        if registry is not None:
            path = path.removeprefix(f"{registry}/")
        repository, colon, tag = path.partition(":")
        if _WILDCARDS.search(path) and "@" not in path:
            pattern = cls(repository, tag if colon else None)
        else:
            pattern = cls(*_split_path(path, text))
        if registry == DOCKER_HUB and "/" not in pattern.repository and not pattern.repository.startswith("*"):
            pattern = replace(pattern, repository=f"library/{pattern.repository}")
        return pattern

    @classmethod
    def parse_local(cls, text: str, *, is_qualified: bool) -> Pattern:
        """Read a repository as places on this machine know it: perhaps with a registry, a tag or a digest, or a glob.

        Parameters
        ----------
        text : str
            Such as ``localhost/foo:1.0``, ``localhost:5000/httpd``, ``busybox`` or the ID of an image.
        is_qualified : bool
            Whether the place knows each image with its registry: ``busybox`` is then ``docker.io/library/busybox``.

        Raises
        ------
        InvalidReference
            If the text is none of these.

        Examples
        --------
        >>> str(Pattern.parse_local("busybox:1.36", is_qualified=True))
        'docker.io/library/busybox:1.36'
        """
        if is_digest(text) or _IMAGE_ID.fullmatch(text):
            return cls(UNNAMED, None, text if ":" in text else f"sha256:{text}")
        first, slash, path = text.partition("/")
        has_registry = bool(slash) and first != UNNAMED and ("." in first or ":" in first or first == "localhost")
        if not has_registry:
            first, path = "", text
        if path.partition("@")[0] == UNNAMED:
            pattern = cls(UNNAMED, None, path.partition("@")[2] or None)
        else:
            pattern = cls.parse(path)
        if has_registry:
            return replace(pattern, repository=f"{registry_name(first)}/{pattern.repository}")
        if not is_qualified or pattern.repository.startswith(("*", UNNAMED)):
            return pattern
        library = "" if "/" in pattern.repository else "library/"
        return replace(pattern, repository=f"{DOCKER_HUB}/{library}{pattern.repository}")

    @property
    def namespace(self) -> str | None:
        """What a glob's repositories are all below: ``team`` in ``team/*``, ``None`` in ``te*``."""
        namespace = _WILDCARDS.split(self.repository, maxsplit=1)[0].rpartition("/")[0]
        return namespace if is_repository(namespace) else None

    @property
    def names_repository(self) -> bool:
        """Whether the repository is named, rather than found by a glob in the catalog."""
        return not _WILDCARDS.search(self.repository)

    @property
    def names_tag(self) -> bool:
        """Whether one tag or digest is named, rather than found in the list of tags."""
        return self.digest is not None or (self.tag is not None and not _WILDCARDS.search(self.tag))

    def matches_repository(self, repository: str) -> bool:
        """Return whether the repository is meant."""
        return fnmatchcase(repository, self.repository)

    def matches_tag(self, tag: str) -> bool:
        """Return whether the tag is meant."""
        return self.tag is None or fnmatchcase(tag, self.tag)

    def matches(self, repository: str, tag: str) -> bool:
        """Return whether a repository's tag is meant."""
        return self.matches_repository(repository) and self.matches_tag(tag)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


EVERYTHING = Pattern("*")
