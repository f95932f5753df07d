"""Where documents come from: one small async protocol, one module for each kind of place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from regframe.oci.descriptor import Descriptor
from regframe.oci.manifest import Index, Manifest, parse_manifest
from regframe.sources.pace import Allowance

# A manifest above 4 MiB is pushed to some registries and cannot be pulled from others; regclient reads up to 8 MiB.
DOCUMENT_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an image index as it came: its bytes have its digest.

    Attributes
    ----------
    data : bytes
        The document's bytes; none where the place keeps no manifests, as an engine.
    digest : str
        Their digest. Of an image of which an engine does not know it, the image ID.
    media_type : str or None
        What the place said that the document is.
    modified : datetime or None
        When the place says that it last changed.
    known : Manifest, Index or None
        What the place knows of the image, where that is more than the bytes say.
    """

    data: bytes
    digest: str
    media_type: str | None = None
    modified: datetime | None = None
    known: Manifest | Index | None = None

    def parsed(self, media_type: str | None = None) -> Manifest | Index:
        """Return what the document says; the media type is what another document says that it is.

        Raises
        ------
        InvalidDocument
            If the bytes are no manifest and no index.
        """
        return self.known or parse_manifest(self.data, media_type or self.media_type)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a tag points to.

    Attributes
    ----------
    digest : str
        The digest of the manifest or the index.
    media_type : str or None
        What the place says that it is.
    modified : datetime or None
        When the place says that it last changed.
    """

    digest: str
    media_type: str | None = None
    modified: datetime | None = None


class Source(Protocol):
    """A place that holds images. Everything to the right of ``sources`` knows only this."""

    @property
    def is_local(self) -> bool:
        """Whether it is a place on this machine.

        There a registry may stand before a repository's name, and images without a tag are listed by their digest.
        """

    @property
    def allowance(self) -> Allowance | None:
        """What the place last said of its rate limit, if it has one and has said anything."""

    def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names of the repositories, as pages of them come.

        With namespaces, those in others may be left out.
        """

    def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository, as pages of them come."""

    def push_times(self, repository: str, tags: Sequence[str] | None = None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were pushed, as far as the place tells; those that are named, or all."""

    async def resolve(self, repository: str, reference: str, known: str | None = None) -> Pointer | None:
        """Return what a tag or a digest means, or ``None`` where only :meth:`manifest` can tell.

        ``known`` is the digest that it meant when it was asked for last: a place may find it easier to say that it
        still does.
        """

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return the manifest or the index that a tag or a digest means, or that a document names by descriptor."""

    async def blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a blob of at most ``DOCUMENT_LIMIT`` bytes, which have the descriptor's digest."""

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return a blob's last bytes, which cannot be checked; ``None`` where the place gives only whole blobs."""
