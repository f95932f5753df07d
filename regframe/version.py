"""Tags as versions: their parts, and an order in which 2.4.9 comes before 2.4.10."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(
    r"v?(?P<major>\d{1,9})(?:\.(?P<minor>\d{1,9}))?(?:\.(?P<patch>\d{1,9}))?(?P<more>(?:\.\d{1,9})*)"
    r"(?:[-._]?(?P<prerelease>(?:alpha|beta|rc|pre|preview|dev|m|a|b)[-._]?\d{0,9}(?:\.\d{1,9})*)(?![a-z0-9]))?"
    r"(?:[-_+](?P<variant>[A-Za-z0-9_][A-Za-z0-9_.+-]*))?",
    re.ASCII | re.IGNORECASE,
)
_DATE = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d(?:[-.T_]?\d{2,6}){0,2}Z?", re.ASCII)
_CHUNKS = re.compile(r"(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Version:
    """A tag's parts where it is written as a version.

    >>> parse_version("1.25.3-alpine3.18")
    Version(major=1, minor=25, patch=3, prerelease=None, variant='alpine3.18')
    """

    major: int
    minor: int | None = None
    patch: int | None = None
    prerelease: str | None = None
    variant: str | None = None


def parse_version(tag: str) -> Version | None:
    """Return the parts of a tag that is a version such as ``2``, ``v2.0.0-rc.1`` or ``8-jdk-slim``; else ``None``.

    A date such as ``20240115`` and a bare git hash are no versions.
    """
    match = _match(tag)
    if match is None:
        return None
    minor, patch = match["minor"], match["patch"]
    return Version(
        int(match["major"]),
        int(minor) if minor else None,
        int(patch) if patch else None,
        match["prerelease"],
        match["variant"],
    )


def tag_order(tag: str) -> tuple[object, ...]:
    """Return a key that sorts tags by natural order: numbers by value, a pre-release before its release.

    >>> sorted(["latest", "2.4.10", "2.4.9", "2.4.9-rc1", "2"], key=tag_order)
    ['2', '2.4.9-rc1', '2.4.9', '2.4.10', 'latest']
    """
    match = _match(tag)
    if match is None:
        return (1, _chunks(tag))
    numbers = [int(number) for number in re.findall(r"\d+", tag[: match.end("more")], re.ASCII)]
    is_final = match["prerelease"] is None
    return (0, numbers, is_final, _chunks(match["prerelease"] or ""), _chunks(match["variant"] or ""), tag)


def _match(tag: str) -> re.Match[str] | None:
    return None if _DATE.fullmatch(tag) else _VERSION.fullmatch(tag)


def _chunks(text: str) -> list[tuple[int, int, str]]:
    """Return text cut at its numbers, so that it compares number by number."""
    chunks = _CHUNKS.split(text)
    return [(0, int(chunk), "") if chunk.isdigit() else (1, 0, chunk) for chunk in chunks if chunk]
