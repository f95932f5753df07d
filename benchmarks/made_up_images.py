"""Manifests and configs for the images of the shared table: layers, sizes and build steps are made up.

They are the same on every run, as large as real ones, and images share the layers of their bases as real ones do.
"""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_DOCKER = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_OCI = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}
# About when the builds of the official images changed from Docker's media types to OCI's.
_OCI_SINCE = datetime(2024, 1, 1, tzinfo=UTC).timestamp()

# From bashbrew's names of architectures, where they are not Go's.
_PLATFORMS = {
    "arm32v5": {"os": "linux", "architecture": "arm", "variant": "v5"},
    "arm32v6": {"os": "linux", "architecture": "arm", "variant": "v6"},
    "arm32v7": {"os": "linux", "architecture": "arm", "variant": "v7"},
    "arm64v8": {"os": "linux", "architecture": "arm64", "variant": "v8"},
    "i386": {"os": "linux", "architecture": "386"},
    "windows-amd64": {"os": "windows", "architecture": "amd64"},
}

# The words in a Dockerfile's directory that tell its base, and the compressed sizes of the base's layers.
_BASES = (
    (("windows", "nanoserver"), "windows", (1_650_000_000, 480_000_000)),
    (("alpine",), "alpine", (3_400_000,)),
    (("slim",), "debian-slim", (29_100_000,)),
    (("ubuntu", "xenial", "bionic", "focal", "jammy", "noble"), "ubuntu", (29_500_000,)),
)
_DEBIAN = ("debian", (49_500_000,))
_BUILDPACK_DEPS = ("buildpack-deps", (49_500_000, 24_000_000, 64_400_000, 211_200_000))
_BASE_REBUILT_SECONDS = 30 * 24 * 3600

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGES = [
    *("bzip2", "ca-certificates", "curl", "dirmngr", "dpkg-dev", "file", "g++", "gcc", "git", "gnupg", "gosu", "jq"),
    *("libbz2-dev", "libc6-dev", "libcurl4-openssl-dev", "libdb-dev", "libevent-dev", "libffi-dev", "libgdbm-dev"),
    *("libglib2.0-dev", "libgmp-dev", "libicu-dev", "libjpeg-dev", "libkrb5-dev", "liblzma-dev", "libncurses5-dev"),
    *("libpng-dev", "libpq-dev", "libreadline-dev", "libsqlite3-dev", "libssl-dev", "libtool", "libxml2-dev"),
    *("libxslt-dev", "libyaml-dev", "locales", "make", "netbase", "openssl", "patch", "procps", "tini", "tzdata"),
]


@dataclass(frozen=True)
class Image:
    """One image of the table: the tags of a repository with the same commit, directory and architectures."""

    repository: str
    commit: str
    directory: str
    architectures: str
    created: int
    tags: tuple[str, ...]

    @property
    def key(self) -> str:
        """What tells it from every other image."""
        return f"{self.repository} {self.commit} {self.directory} {self.architectures}"


@dataclass(frozen=True)
class Documents:
    """The manifest and the config of an image, as objects and as bytes."""

    manifest: dict[str, Any]
    config: dict[str, Any]
    manifest_data: bytes
    config_data: bytes


def documents(image: Image) -> Documents:
    """Return what a registry holds of an image: for amd64, or for its first architecture if amd64 is none of them."""
    architectures = image.architectures.split(",")
    architecture = "amd64" if "amd64" in architectures else architectures[0]
    types = _OCI if image.created >= _OCI_SINCE else _DOCKER
    environment = {
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        f"{image.repository.upper()}_VERSION": image.tags[0],
        "COMMIT": image.commit,
    }
    build = _build(image, architecture, types["layer"], environment)
    config = {
        **_PLATFORMS.get(architecture, {"os": "linux", "architecture": architecture}),
        "config": {
            "ExposedPorts": {"80/tcp": {}},
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": [image.repository],
            "WorkingDir": "/app",
        },
        "created": _time(image.created),
        "history": build.history,
        "rootfs": {"type": "layers", "diff_ids": build.diff_ids},
    }
    config_data = _json(config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": types["manifest"],
        "config": {"mediaType": types["config"], "size": len(config_data), "digest": digest(config_data)},
        "layers": build.layers,
    }
    return Documents(manifest, config, _json(manifest), config_data)


class _Build:
    """The steps of a build, and the layers that they made."""

    def __init__(self, layer_type: str) -> None:
        self.layers: list[dict[str, Any]] = []
        self.diff_ids: list[str] = []
        self.history: list[dict[str, Any]] = []
        self._layer_type = layer_type

    def layer(self, time: int, created_by: str, content: str, size: int) -> None:
        self.layers.append({"mediaType": self._layer_type, "size": size, "digest": digest(content.encode())})
        self.diff_ids.append(digest(f"{content}, unpacked".encode()))
        self.history.append({"created": _time(time), "created_by": created_by, "comment": "buildkit.dockerfile.v0"})

    def empty(self, time: int, created_by: str) -> None:
        self.history.append({"created": _time(time), "created_by": created_by, "empty_layer": True})


def _build(image: Image, architecture: str, layer_type: str, environment: dict[str, str]) -> _Build:
    chance = random.Random(image.key)
    build = _Build(layer_type)
    base, base_sizes = _base(image, architecture)
    rebuilt = image.created - image.created % _BASE_REBUILT_SECONDS
    for position, size in enumerate(base_sizes):
        content = f"{base} {architecture} {rebuilt} {position}"
        grown = zlib.crc32(content.encode()) % (size // 50)
        build.layer(rebuilt, f"/bin/sh -c #(nop) ADD file:{digest(content.encode())[7:]} in / ", content, size + grown)
    build.empty(rebuilt, '/bin/sh -c #(nop)  CMD ["bash"]')
    for name, value in environment.items():
        build.empty(image.created - 300, f"ENV {name}={value}")
    for number in range(chance.randint(1, 9)):
        packages = " \t\t".join(chance.sample(_PACKAGES, chance.randint(4, 24)))
        command = f"RUN /bin/sh -c set -eux; \tapt-get update; \tapt-get install -y {packages} # buildkit"
        size = 32 if chance.random() < 0.1 else int(chance.lognormvariate(14, 2.5))
        build.layer(image.created - 200 + number, command, f"{image.key} {number}", size)
    script = "COPY docker-entrypoint.sh /usr/local/bin/ # buildkit"
    build.layer(image.created - 10, script, f"{image.key} script", 1_200)
    for command in ("WORKDIR /app", 'ENTRYPOINT ["docker-entrypoint.sh"]', "EXPOSE map[80/tcp:{}]"):
        build.empty(image.created - 5, command)
    build.empty(image.created, f'CMD ["{image.repository}"]')
    return build


def _base(image: Image, architecture: str) -> tuple[str, tuple[int, ...]]:
    for words, name, sizes in _BASES:
        if any(word in f"{image.directory} {architecture}" for word in words):
            return name, sizes
    return _BUILDPACK_DEPS if zlib.crc32(image.repository.encode()) % 3 == 0 else _DEBIAN


def digest(data: bytes) -> str:
    """Return the digest of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
