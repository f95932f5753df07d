"""What a manifest is: an image, an attestation, a signature or another artifact.

Sources: OCI image-spec 1.1 ``manifest.md`` ("Guidelines for Artifact Usage"); BuildKit's
``attestation-storage.md``; cosign's ``SIGNATURE_SPEC.md``; the Notary Project's signature specification.
"""

from __future__ import annotations

import re
from typing import Literal

from regframe.oci import media_types
from regframe.oci.descriptor import Descriptor
from regframe.oci.manifest import Index, Manifest

Kind = Literal["image", "attestation", "artifact", "signature"]

REFERENCE_TYPE = "vnd.docker.reference.type"
REFERENCE_DIGEST = "vnd.docker.reference.digest"

_SIGNATURE_TYPES = ("application/vnd.dev.cosign.simplesigning.", "application/vnd.cncf.notary.signature",
                    "application/vnd.dev.cosign.artifact.sig.", "application/vnd.dev.sigstore.bundle")  # fmt: skip
_ATTESTATION_TYPES = ("application/vnd.in-toto+json", "application/vnd.dsse.envelope.", "application/vnd.in-toto.")
_COSIGN_TAG = re.compile(r"sha256-([0-9a-f]{64})(?:\.(sig|att|sbom))?")
_COSIGN_KINDS: dict[str | None, Kind] = {"sig": "signature", "att": "attestation"}


def kind_of_tag(tag: str) -> Kind | None:
    """Return what the name of a tag alone says: cosign's tags and the referrers tag schema are no images.

    >>> kind_of_tag("sha256-" + 64 * "0" + ".sig")
    'signature'
    """
    match = _COSIGN_TAG.fullmatch(tag)
    return _COSIGN_KINDS.get(match[2], "artifact") if match else None


def subject_of_tag(tag: str) -> str | None:
    """Return the digest that a cosign tag, or one of the referrers tag schema, is about."""
    match = _COSIGN_TAG.fullmatch(tag)
    return f"sha256:{match[1]}" if match else None


def kind_of_entry(entry: Descriptor) -> Kind | None:
    """Return what an index says of one of its entries: ``"attestation"``, or ``None`` where it says nothing."""
    return "attestation" if entry.annotation(REFERENCE_TYPE) == "attestation-manifest" else None


def artifact_type(manifest: Manifest | Index) -> str | None:
    """Return the artifact's type: ``artifactType``, else the config's media type where that is no image's."""
    if manifest.artifact_type:
        return manifest.artifact_type
    if isinstance(manifest, Manifest) and manifest.config is not None:
        config = manifest.config.media_type
        if config and config not in media_types.IMAGE_CONFIGS and config != media_types.OCI_EMPTY:
            return config
    return None


def kind_of_manifest(manifest: Manifest | Index) -> Kind:
    """Return what a manifest is, by its artifact type, its config's media type and its layers' media types."""
    own_type = artifact_type(manifest)
    layers = manifest.layers if isinstance(manifest, Manifest) else []
    # Layers are of a type or two.
    types = {own_type or "", *(layer.media_type for layer in layers)}
    if any(one.startswith(_SIGNATURE_TYPES) for one in types):
        return "signature"
    if any(one.startswith(_ATTESTATION_TYPES) for one in types):
        return "attestation"
    config = manifest.config if isinstance(manifest, Manifest) else None
    is_empty = config is not None and config.media_type == media_types.OCI_EMPTY
    return "artifact" if own_type or is_empty else "image"
