"""Manifests and image indexes, of OCI and of Docker.

Sources: OCI image-spec 1.1 ``manifest.md``, ``image-index.md`` and ``descriptor.md``; Docker's
``image-manifest-v2-2``. Both families have one shape, so one set of types reads both.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from regframe.errors import InvalidDocument, printable
from regframe.oci import media_types
from regframe.oci.digest import is_verifiable

T = TypeVar("T")

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Platform(msgspec.Struct, frozen=True, gc=False, rename={"os_version": "os.version"}):
    """What an image runs on (image-spec, "Image Index Property Descriptions")."""

    os: str = ""
    architecture: str = ""
    variant: str | None = None
    os_version: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture`` or ``os/architecture/variant``."""
        os, _, rest = text.partition("/")
        architecture, _, variant = rest.partition("/")
        return cls(os, architecture, variant or None)

    def matches(self, wanted: Platform) -> bool:
        """Return whether an image for this platform is one for the wanted platform.

        A wanted platform without a variant takes any. ``v8`` is what arm64 means without a variant, and ``v1``
        what amd64 means.
        """
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        implied = {"arm64": "v8", "amd64": "v1"}.get(self.architecture)
        return wanted.variant is None or (self.variant or implied) == wanted.variant


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A reference to content by digest, with its size in bytes and its media type."""

    digest: str
    size: Size
    media_type: str = ""
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    platform: Platform | None = None
    urls: list[str] | None = None

    def annotation(self, name: str) -> str | None:
        """Return one annotation, or ``None``."""
        return (self.annotations or {}).get(name)


class Manifest(msgspec.Struct, frozen=True):
    """One image (or artifact): a config and layers."""

    media_type: str
    config: Descriptor
    layers: list[Descriptor]
    annotations: dict[str, str]
    artifact_type: str | None
    subject: Descriptor | None


class Index(msgspec.Struct, frozen=True):
    """An image index (Docker: manifest list): manifests, mostly one for each platform."""

    media_type: str
    manifests: list[Descriptor]
    annotations: dict[str, str]
    artifact_type: str | None
    subject: Descriptor | None


class _AnyManifest(msgspec.Struct, rename="camel"):
    media_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    fs_layers: msgspec.Raw | None = None
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
    if document.fs_layers is not None:
        raise InvalidDocument("The manifest is of Docker's schema 1, which regframe does not read.")
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
    return Manifest(
        _media_type(document, content_type, media_types.MANIFESTS, media_types.OCI_MANIFEST),
        document.config,
        layers,
        document.annotations or {},
        document.artifact_type,
        document.subject,
    )


def decode(decoder: msgspec.json.Decoder[T], data: bytes, what: str) -> T:
    """Decode JSON into a typed document, or raise ``InvalidDocument``."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidDocument(f"The {what} is not as the specification has it: {printable(str(error))}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDocument(f"The {what} is not JSON: {printable(str(error))}.") from None
    except RecursionError:
        raise InvalidDocument(f"The {what} is nested too deeply to be one.") from None


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
