"""What a sample registry holds: tags, manifests and blobs, and how they are put together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Descriptor = dict[str, Any]

# Said in each made-up config and manifest.
SAMPLE_KEY = "io.regframe.sample"
SAMPLE_NOTE = "names, tags, dates and architectures are real; layers and sizes are made up"
MADE_UP_NOTE = "made up for the sample registry"


@dataclass(frozen=True, repr=False)
class SampleContent:
    """The documents that a sample registry serves.

    Attributes
    ----------
    repositories : mapping of str to mapping of str to str
        The tags of each repository, and the digest that each points to. A repository without tags is listed too.
    manifests : mapping of str to (str, bytes)
        Media type and bytes of each manifest and index, by digest. A repository serves those that its tags lead to,
        and those whose subject it serves.
    blobs : mapping of str to bytes
        Configs and real layers, by digest.
    made_up : frozenset of str
        The digests of layers that stand in manifests, with a size, and have no bytes. Asking for one is answered
        with ``404 BLOB_UNKNOWN`` and says why.

    Examples
    --------
    >>> content = SampleContent({"empty": {}}, {}, {})
    >>> content.repositories["empty"]
    {}
    """

    repositories: Mapping[str, Mapping[str, str]]
    manifests: Mapping[str, tuple[str, bytes]]
    blobs: Mapping[str, bytes]
    made_up: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        tags = sum(map(len, self.repositories.values()))
        return f"SampleContent({len(self.repositories)} repositories, {tags} tags, {len(self.manifests)} manifests)"


@dataclass
class ContentBuilder:
    """Puts documents together; each call returns the descriptor by which the next document refers to it."""

    repositories: dict[str, dict[str, str]] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    made_up: set[str] = field(default_factory=set)

    def blob(self, data: bytes, media_type: str) -> Descriptor:
        """Keep bytes, such as a config or a layer."""
        digest = digest_of(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def made_up_blob(self, digest: str, size: int, media_type: str) -> Descriptor:
        """Refer to a layer that has no bytes."""
        self.made_up.add(digest)
        return {"mediaType": media_type, "digest": digest, "size": size}

    def json_blob(self, document: Mapping[str, Any], media_type: str) -> Descriptor:
        """Keep a JSON document that is no manifest, such as a config."""
        return self.blob(msgspec.json.encode(document), media_type)

    def manifest(self, document: Mapping[str, Any]) -> Descriptor:
        """Keep a manifest or an index; it names its own ``mediaType``."""
        data = msgspec.json.encode(document)
        digest, media_type = digest_of(data), document["mediaType"]
        self.manifests[digest] = (media_type, data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def tag(self, repository: str, *tags: str, points_to: Descriptor | None = None) -> None:
        """Point tags of a repository to a manifest; without tags, only list the repository."""
        known = self.repositories.setdefault(repository, {})
        if points_to is not None:
            known.update(dict.fromkeys(tags, str(points_to["digest"])))

    def content(self) -> SampleContent:
        """Return everything that was kept."""
        return SampleContent(self.repositories, self.manifests, self.blobs, frozenset(self.made_up))


def digest_of(data: bytes) -> str:
    """Return the SHA-256 digest of bytes, as descriptors write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
