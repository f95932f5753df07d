"""A machine that once pulled images from the sample registry, as an OCI image layout.

Source: OCI image-spec 1.1 ``image-layout.md``.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from regframe.demo.content import SampleContent
from regframe.oci import media_types

# What each name meant when it was pulled. Since then some have moved, and one is gone from the registry.
_PULLED = {
    "httpd:latest": "httpd:2.4.65-trixie",
    "httpd:2-alpine": "httpd:2-alpine",
    "postgres:16": "postgres:16.8",
    "python:3-slim": "python:3-slim",
    "team/api:latest": "team/api:1.9.0",
    "team/api:1.9.1": "team/api:1.9.1",
    "team/api:1.9.2-rc1": "team/api:1.9.1",
}
_PLATFORM = {"os": "linux", "architecture": "amd64"}


def write_machine(folder: Path, registry: str, content: SampleContent) -> Path:
    """Write the layout, without the layers' bytes, and return its folder; images are named as a pull names them."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, image in _PULLED.items():
        repository, _, tag = image.partition(":")
        media_type, data, digest = _of_platform(content, content.repositories[repository][tag])
        config = msgspec.json.decode(data)["config"]["digest"]
        for blob, data_of_blob in ((digest, data), (config, content.blobs[config])):
            (blobs / blob.removeprefix("sha256:")).write_bytes(data_of_blob)
        annotations = {"org.opencontainers.image.ref.name": f"{registry}/{name}"}
        entries.append({"mediaType": media_type, "digest": digest, "size": len(data), "annotations": annotations})
    (folder / "oci-layout").write_bytes(msgspec.json.encode({"imageLayoutVersion": "1.0.0"}))
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    (folder / "index.json").write_bytes(msgspec.json.encode(index))
    return folder


def _of_platform(content: SampleContent, digest: str) -> tuple[str, bytes, str]:
    """Return media type, bytes and digest of the image that a machine of this platform takes of an index."""
    media_type, data = content.manifests[digest]
    for entry in msgspec.json.decode(data).get("manifests", ()):
        if _PLATFORM.items() <= entry["platform"].items():
            return _of_platform(content, entry["digest"])
    return media_type, data, digest
