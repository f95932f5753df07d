"""What an engine answers about images, and what that says of their manifests, configs and layers.

Sources: Docker Engine API 1.24 to 1.51 ("ImageSummary", "ImageInspect", "HistoryResponseItem", "ImageManifestSummary");
Podman's libpod API 4 and 5 ("ImageSummary", "ImageData").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from regframe.oci import media_types
from regframe.oci.config import ExecutionParameters, Healthcheck, ImageConfig, RootFilesystem, Step
from regframe.oci.descriptor import Descriptor, Few, Platform
from regframe.oci.digest import is_verifiable
from regframe.oci.manifest import Index, Manifest

_CONFIG_OF_MANIFEST = {
    media_types.OCI_MANIFEST: media_types.OCI_CONFIG,
    media_types.DOCKER_MANIFEST: media_types.DOCKER_CONFIG,
}
# The classic builder writes “/bin/sh -c #(nop)  ENV …”, BuildKit “ENV …”.
_ONLY_SETS = re.compile(
    r"(?:/bin/sh -c #\(nop\)\s+)?"
    r"(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)
_WORKDIR = re.compile(r"(?:/bin/sh -c #\(nop\)\s+)?WORKDIR\b")


class Listed(msgspec.Struct, rename="pascal"):
    """One image of the list."""

    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class _ImageData(msgspec.Struct, rename="pascal"):
    platform: Platform | None = None


class PartOfIndex(msgspec.Struct, rename="pascal"):
    """One manifest of an index, as an engine with containerd's store shows it."""

    descriptor: Descriptor
    available: bool = False
    kind: str = ""
    image_data: _ImageData | None = None

    @property
    def entry(self) -> Descriptor:
        """The index's entry, with the platform that the image itself says where the index says none."""
        if self.descriptor.platform is not None or self.image_data is None:
            return self.descriptor
        return msgspec.structs.replace(self.descriptor, platform=self.image_data.platform)


class PastStep(msgspec.Struct, rename="pascal"):
    """One step of the history, newest first; of those that made no layer the size is 0, of those of unknown size -1."""

    created: int = 0
    created_by: str = ""
    comment: str = ""
    size: Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)] = 0


class _RootFS(msgspec.Struct, rename="pascal"):
    layers: Few[str] | None = None


class _GraphDriver(msgspec.Struct, rename="pascal"):
    name: str = ""


class Inspected(msgspec.Struct, rename="pascal"):
    """One image; what comes after ``manifests`` only Podman's own API says."""

    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    created: str | None = None
    docker_version: str | None = None
    config: ExecutionParameters | None = None
    architecture: str = ""
    os: str = ""
    variant: str | None = None
    os_version: str | None = None
    root_fs: _RootFS | None = msgspec.field(name="RootFS", default=None)
    descriptor: Descriptor | None = None
    manifests: list[PartOfIndex] | None = None
    digest: str = ""
    manifest_type: str = ""
    history: Few[Step] | None = None
    healthcheck: Healthcheck | None = None
    annotations: dict[str, str] | None = None

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the unpacked layers, lowest first."""
        return [digest for digest in (self.root_fs and self.root_fs.layers) or [] if is_verifiable(digest)]


def image_id(text: str) -> str:
    """Return an image ID as a digest; Podman leaves the algorithm out."""
    return text if ":" in text else f"sha256:{text}"


def manifest_of(image: Inspected, past: Sequence[PastStep], *, is_config_digest: bool) -> Manifest:
    """Return what an engine says of an image, with the steps lowest first.

    Parameters
    ----------
    image : Inspected
        The image.
    past : sequence of PastStep
        Its history, newest first.
    is_config_digest : bool
        Whether the image's ID is the digest of its config. With containerd's store it is that of its manifest.
    """
    diff_ids = image.diff_ids
    steps = list(reversed(past))
    made_layer = _made_layer(steps, image.history, len(diff_ids))
    history = image.history or [
        Step(_time(step.created), step.created_by or None, step.comment or None, not made)
        for step, made in zip(steps, made_layer or [step.size > 0 for step in steps], strict=True)
    ]
    media_type = image.manifest_type or (image.descriptor.media_type if image.descriptor else "")
    config_type = _CONFIG_OF_MANIFEST.get(media_type, "")
    sizes = [step.size for step, made in zip(steps, made_layer, strict=True) if made] if made_layer else []
    return Manifest(
        media_type=media_type,
        config=Descriptor(digest=image_id(image.id), media_type=config_type) if is_config_digest else None,
        layers=[Descriptor(digest=digest) for digest in diff_ids],
        annotations=image.annotations or {},
        artifact_type=None,
        subject=None,
        embedded_config=_config(image, history),
        uncompressed_sizes=tuple(size if size >= 0 else None for size in sizes),
    )


def index_of(descriptor: Descriptor, parts: Sequence[PartOfIndex]) -> Index:
    """Return an index with the images that an engine holds of it; nothing is known of the others."""
    entries = [part.entry for part in parts if part.available and part.kind == "image"]
    return Index(descriptor.media_type, entries, descriptor.annotations or {}, None, None)


def _config(image: Inspected, history: list[Step]) -> ImageConfig:
    run = image.config or ExecutionParameters()
    if run.healthcheck is None and image.healthcheck is not None:
        run = msgspec.structs.replace(run, healthcheck=image.healthcheck)
    return ImageConfig(
        architecture=image.architecture,
        os=image.os,
        variant=image.variant or None,
        os_version=image.os_version or None,
        created=image.created or None,
        docker_version=image.docker_version or None,
        config=run,
        rootfs=RootFilesystem(image.diff_ids),
        history=history,
    )


def _made_layer(steps: Sequence[PastStep], known: Sequence[Step] | None, layers: int) -> list[bool] | None:
    """Return of each step whether it made a layer; ``None`` where that does not come to the number of layers.

    Docker does not say. A step with a size made one. Of those without, ``RUN`` and ``COPY`` made an empty one, the
    steps that only set something made none, and ``WORKDIR`` made one where there was no such folder.
    """
    if known is not None:
        made = [not step.empty_layer for step in known]
        return made if len(made) == len(steps) and sum(made) == layers else None
    certain = [step.size > 0 for step in steps]
    or_folder = [bool(step.size) or not _ONLY_SETS.match(step.created_by) for step in steps]
    or_files = [
        made and (bool(step.size) or not _WORKDIR.match(step.created_by))
        for step, made in zip(steps, or_folder, strict=True)
    ]
    return next((made for made in (certain, or_files, or_folder) if sum(made) == layers), None)


def _time(seconds: int) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
