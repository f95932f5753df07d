"""Tags as people write them: versions, dates, commits and names; and an order in which 2.4.9 comes before 2.4.10."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

TagForm = Literal["version", "date", "commit", "digest", "name"]
"""How it is written: ``1.25.3-alpine3.18``, ``bookworm-20240115``, ``main-3f4a5b6``, ``sha256-….sig``, ``latest``."""

_NUMBER = r"[0-9]{1,18}"
_NUMBERS = rf"{_NUMBER}(?:\.{_NUMBER})*"
_HASH = r"g?(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,40}"
# Words before the number, as in beta-6.8 and bookworm-20240115; the v of v2.0 is none.
_PREFIX = r"(?:(?P<prefix>(?!v[0-9])[a-z][a-z0-9.]*(?:[-_](?!v[0-9])[a-z][a-z0-9.]*)*?)[-_])?"
_PRERELEASE = (
    r"(?:alpha|beta|rc|preview|pre|dev|ea|milestone|snapshot|m|a|b)[-._]?[0-9]{0,9}(?:\.[0-9]{1,9})*"
    rf"|{_NUMBERS}\.(?:alpha|beta|dev|rc)"
)
# A package's revision, a date, a JDK's build, a commit: what tells builds of one version apart.
_BUILD = rf"(?P<build>(?:[-_.+](?:{_NUMBERS}|b[0-9]{{1,4}}|{_HASH})(?=[-_.+]|$))*)"
_VARIANT = r"(?:(?:[-_+]|\.(?=[a-z]))(?P<variant>[a-z0-9_][a-z0-9_.+-]*))?"

_VERSION = re.compile(
    rf"{_PREFIX}v?(?P<major>{_NUMBER})"
    rf"(?:u(?P<update>{_NUMBER})|(?:\.(?P<minor>{_NUMBER}))?(?:\.(?P<patch>{_NUMBER}))?(?P<more>(?:\.{_NUMBER})*))"
    rf"(?(update)|(?:[-._]?(?P<prerelease>{_PRERELEASE})(?![a-z0-9]))?)"
    rf"{_BUILD}{_VARIANT}",
    re.ASCII | re.IGNORECASE,
)
_DATE = re.compile(
    rf"{_PREFIX}(?P<date>(?:19|20)[0-9]{{2}}(?P<dash>-?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12][0-9]|3[01])"
    rf"(?:[-.t_]?[0-9]{{1,9}}){{0,3}}z?(?![0-9a-z])){_BUILD}{_VARIANT}",
    re.ASCII | re.IGNORECASE,
)
_COMMIT = re.compile(rf"(?:(?P<prefix>[A-Za-z][A-Za-z0-9_.-]*?)[-_])?(?:{_HASH}|(?<=sha-)[0-9a-f]{{7,64}})", re.ASCII)
_DIGEST = re.compile(r"sha(?:256|384|512)-[0-9a-f]{64,128}(?:\.[a-z]+)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*", re.ASCII)
_DIGIT = re.compile(r"[0-9]")
# Only a version begins so: the other forms need not be tried.
_DOTTED = re.compile(r"v?[0-9]{1,6}\.")
_CHUNKS = re.compile(r"([0-9]+)")
_SEPARATORS = "-_.+"
_PARTS = ("major", "update", "minor", "patch", "more", "prerelease", "build", "variant")


class Version(NamedTuple):
    """A tag's parts where it is written as a version.

    >>> parse_version("1.25.3-alpine3.18")
    Version(major=1, minor=25, patch=3, prerelease=None, build=None, variant='alpine3.18')

    ``build`` is what tells builds of one version apart: further numbers (``8.0.36-28``, ``17.0.9_9``, ``9.2-20230718``)
    or a commit. Java's ``8u462-b08`` is 8.0.462 of build ``b08``.
    """

    major: int
    minor: int | None = None
    patch: int | None = None
    prerelease: str | None = None
    build: str | None = None
    variant: str | None = None


class TagParts(NamedTuple):
    """How a tag is written, and its parts.

    ``form`` is ``None`` for a tag that cannot be read; ``prefix`` is the words before a version, a date or a commit.
    A name has no parts.

    >>> read_tag("bookworm-20240115-slim")
    TagParts(form='date', version=None, date='20240115', prefix='bookworm', variant='slim')
    >>> read_tag("beta-6.8-fpm").version
    Version(major=6, minor=8, patch=None, prerelease=None, build=None, variant='fpm')
    >>> read_tag("latest").form, read_tag("main-3f4a5b6").form
    ('name', 'commit')
    """

    form: TagForm | None
    version: Version | None = None
    date: str | None = None
    prefix: str | None = None
    variant: str | None = None


def parse_version(tag: str) -> Version | None:
    """Return the parts of a tag that is a version such as ``2``, ``v2.0.0-rc.1`` or ``8-jdk-slim``; else ``None``.

    A date such as ``20240115``, a commit and a name such as ``latest`` or ``alpine3.20`` are no versions. A version
    with words before it, such as ``beta-6.8``, is read by :func:`read_tag` only.
    """
    form, match = _matched(tag)
    return _version(match) if form == "version" and match and match["prefix"] is None else None


def read_tag(tag: str) -> TagParts:
    """Return how a tag is written, and its parts."""
    return _parts(*_matched(tag))


def tag_order(tag: str) -> tuple[object, ...]:
    """Return a key that sorts tags by natural order: numbers by value, a pre-release before its release.

    Versions come first, then the rest by name, where those with the same words before their number stand together.

    >>> sorted(["latest", "2.4.10", "beta-2.5", "2.4.9", "2.4.9-rc1", "2"], key=tag_order)
    ['2', '2.4.9-rc1', '2.4.9', '2.4.10', 'beta-2.5', 'latest']
    """
    return _order(tag, *_matched(tag))


def read_with_order(tag: str) -> tuple[TagParts, tuple[object, ...]]:
    """Return what :func:`read_tag` and :func:`tag_order` do, for half the time."""
    form, match = _matched(tag)
    return _parts(form, match), _order(tag, form, match)


def _parts(form: TagForm | None, match: re.Match[str] | None) -> TagParts:
    if match is None:
        return TagParts(form)
    if form == "commit":
        return TagParts(form, prefix=match["prefix"])
    if form == "date":
        return TagParts(form, date=match["date"], prefix=match["prefix"], variant=match["variant"])
    return TagParts(form, _version(match), prefix=match["prefix"], variant=match["variant"])


def _order(tag: str, form: TagForm | None, match: re.Match[str] | None) -> tuple[object, ...]:
    if match is None:
        return (1, _chunks(tag))
    prefix = match["prefix"]
    if form == "version":
        key = _version_order(match)
        return (0, *key, tag) if prefix is None else (1, _chunks(prefix), 0, *key, tag)
    return (1, _chunks(prefix or ""), 1 if form == "date" else 2, _chunks(tag))


def _matched(tag: str) -> tuple[TagForm | None, re.Match[str] | None]:
    """Return the form of a tag, and where it has parts, the match that holds them."""
    if _DOTTED.match(tag):
        match = _VERSION.fullmatch(tag)
        return ("version" if match else None), match
    if not _DIGIT.search(tag):
        return ("name" if _NAME.fullmatch(tag) else None), None
    if match := _DATE.fullmatch(tag):
        return "date", match
    if _DIGEST.fullmatch(tag):
        return "digest", None
    if match := _COMMIT.fullmatch(tag):
        return "commit", match
    if match := _VERSION.fullmatch(tag):
        return "version", match
    return ("name" if _NAME.fullmatch(tag) else None), None


def _version(match: re.Match[str]) -> Version:
    major, update, minor, patch, more, prerelease, build, variant = match.group(*_PARTS)
    if update:
        minor, patch = "0", update
    return Version(
        int(major),
        int(minor) if minor else None,
        int(patch) if patch else None,
        prerelease,
        f"{more or ''}{build}".lstrip(_SEPARATORS) or None,
        variant,
    )


def _version_order(match: re.Match[str]) -> tuple[object, ...]:
    major, update, minor, patch, more, prerelease, build, variant = match.group(*_PARTS)
    if update:
        numbers = [int(major), 0, int(update)]
    else:
        numbers = [int(number) for number in (major, minor, patch) if number]
        if more:
            numbers += [int(number) for number in more.split(".") if number]
    return (
        numbers,
        prerelease is None,
        _chunks(prerelease) if prerelease else (),
        _chunks(build) if build else (),
        _chunks(variant) if variant else (),
    )


@lru_cache(maxsize=4096)
def _chunks(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return text cut at its numbers, so that it compares number by number."""
    chunks = _CHUNKS.split(text)
    return tuple((0, int(chunk), "") if chunk.isdigit() else (1, 0, chunk) for chunk in chunks if chunk)
