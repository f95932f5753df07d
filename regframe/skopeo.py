"""What ``skopeo inspect`` prints of an image, key for key, so that scripts can change over.

Source: ``cmd/skopeo/inspect/output.go`` and the ``ImageInspectInfo`` of containers/image, as documented in
skopeo-inspect(1).
"""

from __future__ import annotations

import platform as machine
import re
from typing import Any

from regframe.errors import InvalidDocument, NotFound
from regframe.oci.config import ExecutionParameters, parse_config
from regframe.oci.descriptor import Platform
from regframe.oci.kind import artifact_type, kind_of_entry
from regframe.oci.manifest import Index, Manifest, parse_manifest
from regframe.oci.media_types import SCHEMA1_SIGNED
from regframe.reference import Pattern
from regframe.scan import DEEPEST_INDEX
from regframe.sources import Document, Source

_GO_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "arm",
    "i386": "386",
    "i686": "386",
}


def this_platform() -> Platform:
    """Return the platform of this machine's containers, which skopeo picks from an index: Linux, outside Windows."""
    name = machine.machine().lower()
    system = "windows" if machine.system() == "Windows" else "linux"
    return Platform(system, _GO_ARCHITECTURES.get(name, name))


async def inspected(source: Source, name: str, pattern: Pattern, wanted: Platform) -> dict[str, Any]:
    """Return the object that ``skopeo inspect`` prints as JSON.

    Parameters
    ----------
    source : Source
        Where the image is.
    name : str
        The repository's name, with its registry; nothing where images have none.
    pattern : Pattern
        The image.
    wanted : Platform
        Which image of an index.

    Raises
    ------
    NotFound
        If there is no such image, or none for the wanted platform.
    """
    repository = pattern.repository
    top = await source.manifest(repository, pattern.digest or pattern.tag or "latest")
    image = f"{name or repository}{str(pattern).removeprefix(repository)}"
    manifest = _as_written(top)
    for _ in range(DEEPEST_INDEX):
        if not isinstance(manifest, Index):
            break
        matching = [
            entry
            for entry in manifest.manifests
            if kind_of_entry(entry) is None and (entry.platform is None or entry.platform.matches(wanted))
        ]
        if not matching:
            raise NotFound(f"{image} has no image for {wanted}; platform= names another.", operation="inspect")
        manifest = _as_written(await source.manifest(repository, matching[0]))
    if isinstance(manifest, Index):
        raise InvalidDocument(f"The index holds indexes more than {DEEPEST_INDEX} deep.", operation="inspect")
    config = manifest.embedded_config
    if config is None:
        if manifest.config is None or artifact_type(manifest):
            raise InvalidDocument(f"{image} is no image, so there is nothing to inspect; see manifest().")
        config = parse_config(await source.blob(repository, manifest.config))
    run = config.config or ExecutionParameters()
    # Of all manifests only those of schema 1 say which tag they are.
    tag = {"Tag": pattern.tag} if manifest.media_type == SCHEMA1_SIGNED else {}
    return (
        ({"Name": name} if name else {})
        | tag
        | {
            "Digest": top.digest,
            "RepoTags": [] if source.is_local else [tag async for tag in source.tags(repository)],
            "Created": _go_time(config.created),
            "DockerVersion": config.docker_version or "",
            "Labels": _sorted(run.labels),
            "Architecture": config.architecture,
            "Os": config.os,
            "Layers": [layer.digest for layer in manifest.layers],
            "LayersData": [
                {
                    "MIMEType": layer.media_type,
                    "Digest": layer.digest,
                    "Size": -1 if layer.size is None else layer.size,
                    "Annotations": _sorted(layer.annotations),
                }
                for layer in manifest.layers
            ],
            "Env": run.env,
        }
    )


def _as_written(document: Document) -> Manifest | Index:
    """Return what a document says of itself, whatever else the place knows; an engine has no documents."""
    return document.parsed() if not document.data else parse_manifest(document.data, document.media_type)


def _sorted(texts: dict[str, str] | None) -> dict[str, str] | None:
    """Return a map in the order in which Go writes it."""
    return texts if texts is None else dict(sorted(texts.items()))


def _go_time(text: str | None) -> str | None:
    """Return a time as Go writes it: without the zeros at the end of a second's fraction."""
    return re.sub(r"\.(\d*?)0+(?=\D|$)", lambda match: f".{match[1]}" if match[1] else "", text) if text else text
