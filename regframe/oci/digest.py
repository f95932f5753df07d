"""Digests of documents (OCI image-spec, ``descriptor.md``, "Digests")."""

from __future__ import annotations

import hashlib

from regframe.errors import DigestMismatch, InvalidDocument, printable

_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of the bytes.

    >>> digest_of(b"{}")
    'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def is_verifiable(digest: str) -> bool:
    """Return whether the digest is well formed and of an algorithm that can be computed here."""
    algorithm, _, encoded = digest.partition(":")
    return len(encoded) == _LENGTHS.get(algorithm) and not set(encoded) - set("0123456789abcdef")


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
