"""Docker's manifest schema 1, which old registries still hold: layers without sizes, and the history in pieces.

Source: Docker's ``image-manifest-v2-1`` specification. Its signed form wraps the document in a JSON Web Signature
whose bytes the digest does not cover.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from regframe.errors import InvalidDocument
from regframe.oci.config import ImageConfig, Step
from regframe.oci.descriptor import Descriptor, Few, decode


class _Layer(msgspec.Struct, rename="camel"):
    blob_sum: str


class _HistoryEntry(msgspec.Struct):
    v1_compatibility: str = msgspec.field(name="v1Compatibility")


class _Signature(msgspec.Struct):
    protected: str


class _Document(msgspec.Struct, rename="camel"):
    fs_layers: Few[_Layer]
    history: Few[_HistoryEntry]
    signatures: list[_Signature] | None = None


class _Protected(msgspec.Struct, rename="camel"):
    format_length: int
    format_tail: str


class _ContainerConfig(msgspec.Struct):
    cmd: list[str] | None = msgspec.field(name="Cmd", default=None)


class _V1Image(msgspec.Struct):
    created: str | None = None
    comment: str | None = None
    container_config: _ContainerConfig | None = None


_document_decoder = msgspec.json.Decoder(_Document)
_image_decoder = msgspec.json.Decoder(_V1Image)
_config_decoder = msgspec.json.Decoder(ImageConfig)
_protected_decoder = msgspec.json.Decoder(_Protected)


def parse(data: bytes) -> tuple[list[Descriptor], ImageConfig]:
    """Read layers and what stands in for the config, the lowest layer first.

    Every step has a layer of its own, if only the empty one that ``ENV`` and the like were written with.

    Raises
    ------
    InvalidDocument
        If the bytes are not such a document.
    """
    document = decode(_document_decoder, data, "manifest")
    if not document.history or len(document.history) != len(document.fs_layers):
        raise InvalidDocument("The schema 1 manifest has not as many history entries as layers.")
    newest = decode(_config_decoder, document.history[0].v1_compatibility.encode(), "history of the manifest")
    steps = []
    for entry in reversed(document.history):
        image = decode(_image_decoder, entry.v1_compatibility.encode(), "history of the manifest")
        command = " ".join((image.container_config and image.container_config.cmd) or []) or None
        steps.append(Step(image.created, command, image.comment))
    layers = [Descriptor(layer.blob_sum) for layer in reversed(document.fs_layers)]
    return layers, msgspec.structs.replace(newest, history=steps, rootfs=None)


def signed_bytes(data: bytes) -> bytes:
    """Return what the digest of a schema 1 manifest covers: the document without its signatures.

    Raises
    ------
    InvalidDocument
        If the signatures do not say where the document ends.
    """
    document = decode(_document_decoder, data, "manifest")
    if not document.signatures:
        return data
    protected = decode(_protected_decoder, _decoded(document.signatures[0].protected), "signature of the manifest")
    if not 0 <= protected.format_length <= len(data):
        raise InvalidDocument("The signature of the manifest covers more bytes than there are.")
    return data[: protected.format_length] + _decoded(protected.format_tail)


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise InvalidDocument("The signature of the manifest is not base64.") from None
