"""Which Dockerfiles a release was built from: its base, and what stands on it."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from regframe.demo import dockerfiles
from regframe.demo.steps import Style
from regframe.demo.table import Release

# The official images were built with BuildKit from about then on.
BUILDKIT_SINCE = datetime(2023, 11, 1, tzinfo=UTC)

# What an image stands on that names no suite: the last of these before its release.
_DEBIAN_SUITES = (("2013-05-04", "wheezy"), ("2015-04-25", "jessie"), ("2017-06-17", "stretch"),
                  ("2019-07-06", "buster"), ("2021-10-20", "bullseye"), ("2023-06-10", "bookworm"),
                  ("2025-08-09", "trixie"))  # fmt: skip
_ALPINE_VERSIONS = (("2016-05-31", "3.4"), ("2016-12-22", "3.5"), ("2017-05-25", "3.6"), ("2017-12-01", "3.7"),
                    ("2018-06-26", "3.8"), ("2019-01-29", "3.9"), ("2019-06-19", "3.10"), ("2019-12-19", "3.11"),
                    ("2020-05-29", "3.12"), ("2021-01-14", "3.13"), ("2021-06-15", "3.14"), ("2021-11-24", "3.15"),
                    ("2022-05-23", "3.16"), ("2022-11-22", "3.17"), ("2023-05-09", "3.18"), ("2023-12-07", "3.19"),
                    ("2024-05-22", "3.20"), ("2024-12-05", "3.21"), ("2025-05-30", "3.22"), ("2025-12-03", "3.23"),
                    ("2026-06-09", "3.24"))  # fmt: skip

# The size of a suite's base layer, in full and slim.
_DEBIAN_SIZES = {"wheezy": ("37.2M", "22.0M"), "jessie": ("54.4M", "30.1M"), "stretch": ("45.4M", "22.5M"),
                 "buster": ("50.4M", "27.1M"), "bullseye": ("55.0M", "31.4M"), "bookworm": ("48.5M", "28.2M"),
                 "trixie": ("49.3M", "29.8M")}  # fmt: skip
_WINDOWS_VERSIONS = {"1709": "10.0.16299.904", "1803": "10.0.17134.706", "1809": "10.0.17763.6775",
                     "ltsc2022": "10.0.20348.2966"}  # fmt: skip
# Since then Microsoft lets registries store the layers of its base images like others.
_WINDOWS_FOREIGN_UNTIL = datetime(2023, 6, 1, tzinfo=UTC)

_SUITE = re.compile("|".join(_DEBIAN_SIZES))
_ALPINE = re.compile(r"alpine(3\.\d+)")


@dataclass(frozen=True)
class Stage:
    """One Dockerfile of those that an image stands on, the lowest first.

    ``name`` is what images on top of it call it, and ``release`` the release that it is the last stage of, where
    the sample registry has that.
    """

    dockerfile: str
    values: Mapping[str, str]
    released: datetime
    style: Style
    seed: str
    name: str = ""
    release: Release | None = None
    foreign: bool = False


class Recipes:
    """Finds the stages of releases; bases are the releases of debian and alpine at the time."""

    def __init__(self, releases: Sequence[Release]) -> None:
        self._bases: dict[tuple[str, ...], list[Release]] = {}
        for release in releases:
            if release.repository == "debian":
                suite, slim = release.directory.split("/")[0], "slim" in release.directory
                self._bases.setdefault((suite, "slim" if slim else ""), []).append(release)
            elif release.repository == "alpine":
                self._bases.setdefault((_minor(release.version),), []).append(release)

    def stages(self, release: Release) -> tuple[Stage, ...]:
        """Return what a release was built from, the lowest stage first."""
        return _RECIPES[release.repository](self, release)

    def base(self, key: tuple[str, ...], time: datetime) -> Release:
        """Return the release of debian (suite, "slim" or "") or alpine (version) that was current at a time."""
        known = self._bases.get(key, [])
        position = bisect_right(known, time, key=lambda release: release.released)
        if position:
            return known[position - 1]
        # Not in the table: one that was released with the quarter.
        quarter = datetime(time.year, (time.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)
        version = key[0] if key[0][0].isdigit() else ""
        directory = "" if version else "/".join(filter(None, key))
        return Release("", (), version, quarter, f"{quarter:%Y%m}", directory, ())

    def on_debian(self, release: Release, dockerfile: str, slim: bool, **values: str) -> tuple[Stage, ...]:
        """Return the stages of a release on Debian's suite of its tags, or else of its time."""
        named = _SUITE.search(" ".join((release.directory, *release.tags)))
        suite = named[0] if named else _at(_DEBIAN_SUITES, release.released)
        base = _debian(self, self.base((suite, "slim" if slim else ""), release.released))
        return (*base, _stage(release, dockerfile, suite=suite, **values))

    def on_alpine(self, release: Release, dockerfile: str, **values: str) -> tuple[Stage, ...]:
        """Return the stages of a release on the version of Alpine of its tags, or else of its time."""
        named = _ALPINE.search(" ".join((release.directory, *release.tags)))
        version = named[1] if named else _at(_ALPINE_VERSIONS, release.released)
        return (*_alpine(self, self.base((version,), release.released)), _stage(release, dockerfile, **values))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _at(known: tuple[tuple[str, str], ...], time: datetime) -> str:
    return max((day, name) for day, name in known if day <= f"{time:%Y-%m-%d}")[1]


def _stage(release: Release, dockerfile: str, **values: str) -> Stage:
    seed = f"{release.repository} {release.commit} {release.released:%Y%m%d}"
    version = release.version or next(iter(release.tags), release.commit)
    values |= {
        "version": version,
        "commit": release.commit,
        "sha256": hashlib.sha256(f"{release.repository} {release.version} source".encode()).hexdigest(),
        "rootfs": f"{release.repository or 'rootfs'}-{version}.tar.xz",
    }
    style: Style = "buildkit" if release.released >= BUILDKIT_SINCE else "docker"
    in_registry = release if release.repository else None
    name = f"{release.repository}:{release.tags[0]}" if in_registry else ""
    return Stage(dockerfile, values, release.released, style, seed, name, in_registry)


def _alpine(_: Recipes, release: Release) -> tuple[Stage, ...]:
    minor = int(release.version.split(".")[1] if "." in release.version else 24)
    stage = _stage(release, dockerfiles.ALPINE, size=f"{2.55 + 0.05 * minor:.2f}M")
    return (replace(stage, name=f"alpine:{_minor(release.version)}"),)


def _debian(_: Recipes, release: Release) -> tuple[Stage, ...]:
    suite, slim = release.directory.split("/")[0], "slim" in release.directory
    values = {"size": _DEBIAN_SIZES[suite][slim], "suite": suite, "epoch": str(int(release.released.timestamp()))}
    oci = release.directory.endswith("/oci")
    stage = _stage(release, dockerfiles.DEBIAN_OCI if oci else dockerfiles.DEBIAN, **values)
    name = f"debian:{suite}{'-slim' if slim else ''}"
    return (replace(stage, style="debuerreotype" if oci else "docker", name=name),)


def _archlinux(_: Recipes, release: Release) -> tuple[Stage, ...]:
    return (_stage(release, dockerfiles.ARCHLINUX, size="158M", build=release.version),)


def _busybox(_: Recipes, release: Release) -> tuple[Stage, ...]:
    names = " ".join((release.directory, *release.tags))
    size = next((size for libc, size in (("uclibc", "768k"), ("musl", "853k")) if libc in names), "2.17M")
    return (_stage(release, dockerfiles.BUSYBOX, size=size),)


def _hello_world(_: Recipes, release: Release) -> tuple[Stage, ...]:
    if "windows-amd64" not in release.architectures:
        return (_stage(release, dockerfiles.HELLO),)
    windows = next(name for name in _WINDOWS_VERSIONS if name in release.tags[0])
    base = Release("", (), windows, release.released - timedelta(days=14), windows, "", ())
    values = {"size": "101M", "more": f"{_hash(release.commit) % 90 + 10}M", "os_version": _WINDOWS_VERSIONS[windows]}
    stage = replace(
        _stage(base, dockerfiles.WINDOWS, **values),
        foreign=release.released < _WINDOWS_FOREIGN_UNTIL,
        name=f"mcr.microsoft.com/windows/nanoserver:{windows}",
    )
    return (stage, _stage(release, dockerfiles.HELLO_WINDOWS))


def _httpd(recipes: Recipes, release: Release) -> tuple[Stage, ...]:
    if release.directory.endswith("alpine"):
        return recipes.on_alpine(release, dockerfiles.HTTPD_ALPINE)
    return recipes.on_debian(release, dockerfiles.HTTPD_DEBIAN, slim=True)


def _nginx(recipes: Recipes, release: Release) -> tuple[Stage, ...]:
    match release.directory.partition("/")[2]:
        case "alpine-slim":
            return recipes.on_alpine(release, dockerfiles.NGINX_ALPINE_SLIM)
        case "alpine":
            return recipes.on_alpine(release, dockerfiles.NGINX_ALPINE)
        case "alpine-perl":
            return recipes.on_alpine(release, dockerfiles.NGINX_ALPINE_PERL)
    return recipes.on_debian(release, dockerfiles.NGINX_DEBIAN, slim=True)


def _node(recipes: Recipes, release: Release) -> tuple[Stage, ...]:
    size = f"{39 + 1.4 * (int(release.version.split('.')[0]) - 18):.1f}M"
    if "alpine" in release.directory:
        return recipes.on_alpine(release, dockerfiles.NODE_ALPINE, size=size)
    slim = "slim" in release.directory
    return _on_buildpack_deps(recipes.on_debian(release, dockerfiles.NODE_DEBIAN, slim=slim, size=size), slim=slim)


def _postgres(recipes: Recipes, release: Release) -> tuple[Stage, ...]:
    major = release.version.split(".")[0]
    # Since version 18 each major version has a folder of its own, so the volume stands above it.
    pgdata = f"/var/lib/postgresql/{major}/docker" if int(major) >= 18 else "/var/lib/postgresql/data"
    volume = '["/var/lib/postgresql"]' if int(major) >= 18 else '["/var/lib/postgresql/data"]'
    values = {"major": major, "pgdata": pgdata, "volume": volume}
    if "alpine" in release.directory:
        size = f"{88 + 2 * (int(major) - 14)}M"
        return recipes.on_alpine(release, dockerfiles.POSTGRES_ALPINE, size=size, **values)
    size = f"{106 + 2 * (int(major) - 14)}M"
    return recipes.on_debian(release, dockerfiles.POSTGRES_DEBIAN, slim=True, size=size, **values)


def _python(recipes: Recipes, release: Release) -> tuple[Stage, ...]:
    minor = int(release.version.split(".")[1])
    if "alpine" in release.directory:
        return recipes.on_alpine(release, dockerfiles.PYTHON_ALPINE, size=f"{11.2 + 0.4 * minor:.1f}M")
    if "slim" in release.directory:
        return recipes.on_debian(release, dockerfiles.PYTHON_SLIM, slim=True, size=f"{9.4 + 0.2 * minor:.1f}M")
    stages = recipes.on_debian(release, dockerfiles.PYTHON_FULL, slim=False, size=f"{19.5 + 0.6 * minor:.1f}M")
    return _on_buildpack_deps(stages)


def _registry(recipes: Recipes, release: Release) -> tuple[Stage, ...]:
    if release.version.startswith("0."):
        base = Release("", (), "12.04", datetime(release.released.year, 1, 1, tzinfo=UTC), "ubuntu", "", ())
        ubuntu = replace(_stage(base, dockerfiles.UBUNTU, size="62.3M"), name="ubuntu:12.04")
        return (ubuntu, _stage(release, dockerfiles.REGISTRY_0))
    if release.version < "2.5":
        return recipes.on_debian(release, dockerfiles.REGISTRY_DEBIAN, slim=False)
    size = "16.8M" if release.version.startswith("3") else "9.2M" if release.version >= "2.8" else "6.8M"
    return recipes.on_alpine(release, dockerfiles.REGISTRY_ALPINE, size=size)


def _on_buildpack_deps(stages: tuple[Stage, ...], slim: bool = False) -> tuple[Stage, ...]:
    """Put the tools that full images are built on between Debian and what stands on it."""
    if slim:
        return stages
    debian, own = stages
    tools = replace(
        debian,
        dockerfile=dockerfiles.BUILDPACK_DEPS,
        style="buildkit" if debian.released >= BUILDKIT_SINCE else "docker",
        name=debian.name.replace("debian", "buildpack-deps"),
        release=None,
    )
    return debian, tools, own


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


_RECIPES: Mapping[str, Callable[[Recipes, Release], tuple[Stage, ...]]] = {
    "alpine": _alpine,
    "archlinux": _archlinux,
    "busybox": _busybox,
    "debian": _debian,
    "hello-world": _hello_world,
    "httpd": _httpd,
    "nginx": _nginx,
    "node": _node,
    "postgres": _postgres,
    "python": _python,
    "registry": _registry,
}
