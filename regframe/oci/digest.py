"""Digests of documents (OCI image-spec, ``descriptor.md``, "Digests")."""

from __future__ import annotations

import hashlib
import re

from regframe.errors import DigestMismatch, InvalidDocument, printable

_VERIFIABLE = re.compile("sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of the bytes.

    >>> digest_of(b"{}")
    'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    # By its own name: hashlib.new() asks OpenSSL for the algorithm each time.
    return f"{algorithm}:{getattr(hashlib, algorithm)(data).hexdigest()}"


def is_verifiable(digest: str) -> bool:
    """Return whether the digest is well formed and of an algorithm that can be computed here."""
    return _VERIFIABLE.fullmatch(digest) is not None


def verify(data: bytes, digest: str) -> None:
    """Check bytes against the digest that they were asked by.

    Raises
    ------
    DigestMismatch
        If the bytes have another digest.
    InvalidDocument
        If the digest is malformed or of an algorithm other than sha256, sha384 and sha512.
    """
    if not is_verifiable(digest):
        raise InvalidDocument(f"“{printable(digest)}” is not a digest that can be checked (sha256, sha384 or sha512).")
    actual = digest_of(data, digest.partition(":")[0])
    if actual != digest:
        raise DigestMismatch(f"The bytes have the digest {actual}, not {digest}: do not trust what sent them.")
