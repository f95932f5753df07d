"""What the places on this machine have in common: their images are listed when they are opened."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from datetime import datetime

from regframe.errors import InvalidReference, NotFound, TooLarge, printable
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import verify
from regframe.reference import UNNAMED, Reference, is_digest
from regframe.sources import DOCUMENT_LIMIT, Document, Pointer, Source
from regframe.sources.pace import Allowance


class ListedSource(Source):
    """A place on this machine: no rate limit, no push times, and all names known from the beginning.

    A repository is what images are named there without the tag; what has no tag is listed by its digest.

    Parameters
    ----------
    name : str
        The place, as a target names it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._listed: dict[str, dict[str, str]] = {}

    @property
    def is_local(self) -> bool:
        """Whether it is a place on this machine: yes."""
        return True

    @property
    def allowance(self) -> Allowance | None:
        """No rate limit."""
        return None

    def add(self, digest: str, repository: str, tag: str | None = None) -> None:
        """List an image under a name; one that had this name before is listed by its digest."""
        listed = self._listed.setdefault(repository, {})
        before = listed.get(tag or digest, digest)
        listed[tag or digest] = digest
        if before != digest:
            listed.setdefault(before, before)

    def add_named(self, digest: str, names: Sequence[str], otherwise: str = UNNAMED) -> None:
        """List an image under its names, such as ``quay.io/team/app:1.0``; else by its digest in another repository.

        What is no reference is no name.
        """
        references = []
        for name in names:
            with suppress(InvalidReference):
                references.append(Reference.parse(name))
        for reference in references:
            self.add(digest, f"{reference.registry}/{reference.repository}", reference.tag)
        if not references:
            self.add(digest, otherwise)

    async def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names of all repositories."""
        for repository in self._listed:
            yield repository

    async def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository, and the digests of its images without a tag.

        Raises
        ------
        NotFound
            If no image is named so.
        """
        if repository not in self._listed:
            raise NotFound(f"{self.name} has no image named {printable(repository)}.", operation="tags")
        for tag in self._listed[repository]:
            yield tag

    async def push_times(
        self, repository: str, tags: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, datetime]]:
        """Yield nothing: nobody pushes here."""
        times: dict[str, datetime] = {}
        for tag, time in times.items():
            yield tag, time

    async def resolve(self, repository: str, reference: str, known: str | None = None) -> Pointer | None:
        """Return nothing: the manifest costs no more."""
        return None

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return the manifest or the index that a tag or a digest means.

        Raises
        ------
        NotFound
            If there is none.
        """
        name = reference if isinstance(reference, str) else reference.digest
        digest = self._listed.get(repository, {}).get(name, name)
        if not is_digest(digest):
            raise NotFound(f"{self.name} has no {printable(repository)}:{printable(name)}.", operation="manifest")
        return await self.document(digest)

    async def blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a blob of at most ``DOCUMENT_LIMIT`` bytes, which have the descriptor's digest.

        Raises
        ------
        TooLarge
            If it should have more bytes.
        NotFound
            If there is no such blob.
        DigestMismatch
            If the bytes have another digest.
        """
        if descriptor.size is not None and descriptor.size > DOCUMENT_LIMIT:
            raise TooLarge(
                f"{descriptor.digest} has {descriptor.size:,} bytes; regframe reads documents of at most "
                f"{DOCUMENT_LIMIT:,}.", operation="blob",
            )  # fmt: skip
        data = await self.document_blob(descriptor.digest)
        verify(data, descriptor.digest)
        return data

    async def ping(self) -> dict[str, str | None]:
        """Return what answers: the fields that a registry gives, as far as they mean something here."""
        return {"registry": self.name, "url": None, "api_version": None, "auth": "none", "server": None}

    @abstractmethod
    async def document(self, digest: str) -> Document:
        """Return the manifest or the index with a digest.

        Raises
        ------
        NotFound
            If there is none.
        """

    @abstractmethod
    async def document_blob(self, digest: str) -> bytes:
        """Return the bytes of a config; the caller checks them.

        Raises
        ------
        NotFound
            If there is none.
        """

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return nothing: the place keeps no compressed layers."""
        return None
