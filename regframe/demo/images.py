"""Made-up images: configs, manifests and attestations, with layers that have a digest and a size and no bytes.

All of it follows from the stages alone, so it is the same on every run and every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from regframe.demo.content import SAMPLE_KEY, ContentBuilder, Descriptor, digest_of
from regframe.demo.recipes import Stage
from regframe.demo.steps import COMMENTS, Step, created_by, execution_parameters, fill, read_dockerfile
from regframe.oci import media_types

# What BuildKit stores for a step that changes no file: an empty tar, as Go's gzip writes it. This layer is real.
_EMPTY_TAR = bytes(1024)
_EMPTY_LAYER = bytes.fromhex("1f8b08000000000000ff621805a360148c5800080000ffff2eafb5ef00040000")

_SIZES_ARE_OF = datetime(2021, 1, 1, tzinfo=UTC)
_YEAR = timedelta(days=365)
_DOCKER_VERSIONS = ((2014, "0.6.5"), (2015, "1.3.2"), (2016, "1.8.3"), (2017, "1.12.6"), (2018, "17.06.2-ce"),
                    (2019, "18.06.1-ce"), (2020, "18.09.7"), (2021, "19.03.12"), (2022, "20.10.7"), (2023, "20.10.12"),
                    (2024, "20.10.23"))  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """One of bashbrew's architectures, as a platform and as the distributions name it."""

    os: str
    architecture: str
    variant: str | None
    debian: str
    machine: str
    weight: float

    def platform(self, os_version: str | None = None) -> dict[str, str]:
        """Return the platform as an index has it."""
        found = {"architecture": self.architecture, "os": self.os}
        return found | {
            key: value for key, value in (("os.version", os_version), ("variant", self.variant)) if value is not None
        }


# Names: OCI image-spec, Debian, Alpine. Weight: the size of a layer against that of amd64.
ARCHITECTURES = {
    "amd64": Architecture("linux", "amd64", None, "amd64", "x86_64", 1.0),
    "arm32v5": Architecture("linux", "arm", "v5", "armel", "armel", 0.93),
    "arm32v6": Architecture("linux", "arm", "v6", "armhf", "armhf", 0.94),
    "arm32v7": Architecture("linux", "arm", "v7", "armhf", "armv7", 0.88),
    "arm64v8": Architecture("linux", "arm64", "v8", "arm64", "aarch64", 0.99),
    "i386": Architecture("linux", "386", None, "i386", "x86", 1.02),
    "mips64le": Architecture("linux", "mips64le", None, "mips64el", "mips64el", 0.97),
    "ppc64le": Architecture("linux", "ppc64le", None, "ppc64el", "ppc64le", 1.08),
    "riscv64": Architecture("linux", "riscv64", None, "riscv64", "riscv64", 0.96),
    "s390x": Architecture("linux", "s390x", None, "s390x", "s390x", 0.98),
    "windows-amd64": Architecture("windows", "amd64", None, "amd64", "x86_64", 1.0),
}


@dataclass
class _Contents:
    """What comes together, step by step, of one image."""

    layers: list[Descriptor]
    diff_ids: list[str]
    history: list[dict[str, Any]]
    instructions: list[tuple[str, str]]
    created: datetime


def add_image(
    builder: ContentBuilder,
    stages: Sequence[Stage],
    architecture: Architecture,
    *,
    oci: bool,
    note: str,
    annotations: Mapping[str, str],
) -> Descriptor:
    """Add config and manifest of what the stages make on one architecture; return it as an entry of an index.

    The annotations come with the image's time of creation, and stand in the manifest of an OCI image only.
    """
    contents = _build(builder, stages, architecture, oci)
    os_version = stages[0].values.get("os_version")
    platform = architecture.platform(os_version)
    run = execution_parameters(contents.instructions)
    if architecture.os == "windows":
        del run["Env"]
    run["Labels"] = run.get("Labels", {}) | {SAMPLE_KEY: note}
    config = {
        **platform,
        "config": run,
        "created": _rfc3339(contents.created, stages[-1].seed),
        "history": contents.history,
        "rootfs": {"type": "layers", "diff_ids": contents.diff_ids},
    }
    if stages[-1].style == "docker":
        config["docker_version"] = next(
            version for year, version in reversed(_DOCKER_VERSIONS) if year <= max(contents.created.year, 2014)
        )
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST if oci else media_types.DOCKER_MANIFEST,
        "config": builder.json_blob(config, media_types.OCI_CONFIG if oci else media_types.DOCKER_CONFIG),
        "layers": contents.layers,
    }
    if oci:
        created = {"org.opencontainers.image.created": f"{contents.created:%Y-%m-%dT%H:%M:%SZ}"}
        manifest["annotations"] = {**annotations, **created, SAMPLE_KEY: note}
    return {**builder.manifest(manifest), "platform": platform}


def add_attestation(builder: ContentBuilder, image: Descriptor, name: str) -> Descriptor:
    """Add BuildKit's attestation of an image, a statement of its provenance; return it as an entry of an index."""
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": name, "digest": {"sha256": image["digest"].removeprefix("sha256:")}}],
        "predicate": {"buildType": "https://mobyproject.org/buildkit@v1", "builder": {"id": "regframe sample"}},
    }
    layer = builder.json_blob(statement, "application/vnd.in-toto+json")
    layer["annotations"] = {"in-toto.io/predicate-type": statement["predicateType"]}
    config = {
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": builder.json_blob(config, media_types.OCI_CONFIG),
        "layers": [layer],
    }
    return {
        **builder.manifest(manifest),
        "annotations": {
            "vnd.docker.reference.digest": image["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }


def _build(builder: ContentBuilder, stages: Sequence[Stage], architecture: Architecture, oci: bool) -> _Contents:
    contents = _Contents([], [], [], [], datetime.min.replace(tzinfo=UTC))
    growth = 1 + 0.015 * ((stages[0].released - _SIZES_ARE_OF) / _YEAR)
    key = hashlib.sha256(f"{architecture.os} {architecture.machine}".encode())
    for stage in stages:
        values = {**stage.values, "machine": architecture.machine, "debian": architecture.debian}
        time = max(stage.released - _before_release(stage, architecture), contents.created)
        for step in read_dockerfile(stage.dockerfile):
            arguments = fill(step.arguments, values)
            size = step.layer_size(values)
            time += timedelta(seconds=1 + (size or 0) // 400_000)
            seed = stage.seed if step.of_one_release else ""
            key.update(f"\n{seed}|{step.instruction}|{arguments}|{size}".encode())
            contents.instructions.append((step.instruction, arguments))
            writes_nothing = step.instruction == "WORKDIR" and stage.style == "buildkit"
            if step.listed:
                contents.history.append(_told(step, arguments, stage, time, size is None and not writes_nothing))
            if size is not None:
                wobble = key.digest()[0] / 255 - 0.5
                # Steps that only write some files are as large everywhere.
                factor = architecture.weight * growth * (1 + wobble / 30) if size > 50_000 else 1 + wobble / 30
                _add_layer(builder, contents, key.hexdigest(), round(size * factor), stage.foreign, oci)
            elif writes_nothing:
                contents.layers.append(builder.blob(_EMPTY_LAYER, _layer_type(oci)))
                contents.diff_ids.append(digest_of(_EMPTY_TAR))
        contents.created = time
    return contents


def _before_release(stage: Stage, architecture: Architecture) -> timedelta:
    """Return how long before its release a stage was built: some hours."""
    hours = hashlib.sha256(f"{stage.seed} {architecture.machine}".encode()).digest()[0] / 20
    return timedelta(hours=1 + hours)


def _told(step: Step, arguments: str, stage: Stage, time: datetime, empty: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "created": _rfc3339(time, arguments),
        "created_by": created_by(step.instruction, arguments, stage.style),
    }
    if stage.style in COMMENTS:
        told["comment"] = COMMENTS[stage.style]
    if empty:
        told["empty_layer"] = True
    return told


def _add_layer(builder: ContentBuilder, contents: _Contents, key: str, size: int, foreign: bool, oci: bool) -> None:
    digest = digest_of(f"layer {key}".encode())
    layer = builder.made_up_blob(digest, size, media_types.DOCKER_FOREIGN_LAYER_GZIP if foreign else _layer_type(oci))
    if foreign:
        layer["urls"] = [f"https://layers.example/windows/nanoserver/blobs/{digest}"]
    contents.layers.append(layer)
    contents.diff_ids.append(digest_of(f"tar {key}".encode()))


def _layer_type(oci: bool) -> str:
    return media_types.OCI_LAYER_GZIP if oci else media_types.DOCKER_LAYER_GZIP


def _rfc3339(time: datetime, seed: str) -> str:
    """Return a time to the nanosecond, as builders write it; the part below the second is made up."""
    nanoseconds = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) % 1_000_000_000
    return f"{time:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"
