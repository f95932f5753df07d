"""Media types of manifests, configs and layers, and what they mean.

Sources: OCI image-spec ``media-types.md``; Docker's ``image-manifest-v2-2`` and ``image-manifest-v2-1``.
"""

from __future__ import annotations

from functools import lru_cache

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"

DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_FOREIGN_LAYER_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
SCHEMA1_MANIFESTS = frozenset({SCHEMA1, SCHEMA1_SIGNED})
IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})

# Schema 1 comes last: some registries convert to the first type that they can make.
ACCEPT = ", ".join([OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST, SCHEMA1_SIGNED, SCHEMA1])

_COMPRESSIONS = {"gzip": "gzip", "zstd": "zstd", "xz": "xz", "bzip2": "bzip2", "tar": "none"}


def essence(content_type: str | None) -> str:
    """Return a media type without its parameters, in lower case (RFC 9110, section 8.3.1)."""
    return (content_type or "").partition(";")[0].strip().lower()


@lru_cache(maxsize=256)
def compression(media_type: str) -> str | None:
    """Return how a layer of this media type is compressed: gzip, zstd, …, none; ``None`` if it does not say.

    >>> compression("application/vnd.oci.image.layer.v1.tar+zstd")
    'zstd'
    """
    return _COMPRESSIONS.get(media_type.replace("+", ".").rpartition(".")[2])


@lru_cache(maxsize=256)
def is_stored(media_type: str) -> bool:
    """Return whether a registry holds layers of this media type itself (foreign layers are fetched elsewhere)."""
    return "foreign" not in media_type and "nondistributable" not in media_type
