"""Manifests and image indexes, of OCI and of Docker.

Sources: OCI image-spec 1.1 ``manifest.md``, ``image-index.md`` and ``descriptor.md``; Docker's
``image-manifest-v2-2``. Both families have one shape, so one set of types reads both.
"""

from __future__ import annotations

import msgspec

from regframe.errors import InvalidDocument, printable
from regframe.oci import media_types, schema1
from regframe.oci.config import ImageConfig
from regframe.oci.descriptor import Descriptor, Few, decode
from regframe.oci.digest import is_verifiable


class Manifest(msgspec.Struct, frozen=True, gc=False):
    """One image (or artifact): a config and layers.

    Docker's schema 1 has no config of its own; what it says instead is in ``embedded_config``, and so is what an engine
    says. ``uncompressed_sizes`` has the bytes of each layer's tar, where the place knows them; no document says so.
    """

    media_type: str
    config: Descriptor | None
    layers: list[Descriptor]
    annotations: dict[str, str]
    artifact_type: str | None
    subject: Descriptor | None
    embedded_config: ImageConfig | None = None
    uncompressed_sizes: tuple[int | None, ...] = ()


class Index(msgspec.Struct, frozen=True, gc=False):
    """An image index (Docker: manifest list): manifests, mostly one for each platform."""

    media_type: str
    manifests: list[Descriptor]
    annotations: dict[str, str]
    artifact_type: str | None
    subject: Descriptor | None


_ABSENT = msgspec.Raw()


class _AnyManifest(msgspec.Struct, gc=False, rename="camel"):
    media_type: str | None = None
    config: Descriptor | None = None
    layers: Few[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    fs_layers: msgspec.Raw = _ABSENT
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    subject: Descriptor | None = None


_decoder = msgspec.json.Decoder(_AnyManifest)


def parse_manifest(data: bytes, content_type: str | None = None) -> Manifest | Index:
    """Read a manifest or an image index.

    The document's own ``mediaType`` counts first, then its shape, then the answer's ``Content-Type``: registries
    send ``text/plain`` too.

    Raises
    ------
    InvalidDocument
        If the bytes are not JSON, or not of the types that the specification gives, or if the document has both
        ``layers`` and ``manifests`` (two readers could take it for two different images; CVE-2021-41190).
    """
    document = decode(_decoder, data, "manifest")
    if document.layers is not None and document.manifests is not None:
        raise InvalidDocument("The manifest has both layers and manifests, so what it is depends on who reads it.")
    if document.fs_layers is not _ABSENT:
        layers, config = schema1.parse(data)
        _check_digests(layers)
        return Manifest(media_types.SCHEMA1_SIGNED, None, layers, {}, None, None, config)
    if document.manifests is not None:
        _check_digests(document.manifests)
        return Index(
            _media_type(document, content_type, media_types.INDEXES, media_types.OCI_INDEX),
            document.manifests,
            document.annotations or {},
            document.artifact_type,
            document.subject,
        )
    if document.config is None:
        raise InvalidDocument("The document is neither a manifest (no config) nor an image index (no manifests).")
    layers = document.layers or []
    _check_digests([document.config, *layers])
    if any(descriptor.size is None for descriptor in (document.config, *layers)):
        raise InvalidDocument("The manifest gives no size for its config or one of its layers.")
    return Manifest(
        _media_type(document, content_type, media_types.MANIFESTS, media_types.OCI_MANIFEST),
        document.config,
        layers,
        document.annotations or {},
        document.artifact_type,
        document.subject,
    )


def _media_type(document: _AnyManifest, content_type: str | None, known: frozenset[str], default: str) -> str:
    own, sent = document.media_type, media_types.essence(content_type)
    if own:
        if own not in known:
            raise InvalidDocument(f"The document calls itself {printable(own)}, but has another shape.")
        return own
    return sent if sent in known else default


def _check_digests(descriptors: list[Descriptor]) -> None:
    for descriptor in descriptors:
        if not is_verifiable(descriptor.digest):
            raise InvalidDocument(f"The manifest names “{printable(descriptor.digest)}”, which is not a digest.")
