"""What an inventory would ask for, found out without asking the registry for a document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from regframe.errors import RegframeError
from regframe.frames import COUNT
from regframe.oci.descriptor import Descriptor
from regframe.oci.kind import kind_of_entry
from regframe.oci.manifest import Index
from regframe.oci.media_types import INDEXES, SCHEMA1_MANIFESTS, essence
from regframe.records import Records
from regframe.sources import Document, Pointer, Source
from regframe.sources.cache import DocumentCache
from regframe.sources.pace import Allowance

# What an index is taken to hold where all platforms are asked for and no index is at hand to go by.
_USUAL_IMAGES = 4


class NotAtHand(RegframeError):
    """The cache does not have a document, and a plan does not ask for one."""


class Rehearsal:
    """A source of lists from the registry and of documents from the cache, which notes what an inventory would lack.

    Parameters
    ----------
    source : Source
        The registry.
    documents : DocumentCache
        The cache.
    resolve : bool
        Whether to ask what tags point to.

    Attributes
    ----------
    resolves : bool
        Whether it asks what tags point to.
    held_tops, held : set of str
        Digests of documents in the cache: those that tags point to, and those below.
    tops, manifests : dict of str to bool
        Digests of manifests and indexes that are not in the cache, and whether each is an index.
    without_config : set of str
        Those of these that have no config to read: attestations, and Docker's schema 1.
    configs : set of str
        Digests of configs that are not in the cache.
    """

    def __init__(self, source: Source, documents: DocumentCache, *, resolve: bool) -> None:
        self._source = source
        self._documents = documents
        self.resolves = resolve
        self.held_tops: set[str] = set()
        self.held: set[str] = set()
        self.tops: dict[str, bool] = {}
        self.manifests: dict[str, bool] = {}
        self.without_config: set[str] = set()
        self.configs: set[str] = set()

    @property
    def is_local(self) -> bool:
        """Whether it is a place on this machine."""
        return self._source.is_local

    @property
    def allowance(self) -> Allowance | None:
        """What the registry last said of its rate limit."""
        return self._source.allowance

    def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names of the repositories."""
        return self._source.repositories(namespaces)

    def push_times(self, repository: str, tags: Sequence[str] | None = None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were pushed."""
        return self._source.push_times(repository, tags)

    def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository."""
        return self._source.tags(repository)

    async def resolve(self, repository: str, reference: str, known: str | None = None) -> Pointer | None:
        """Return what a tag or a digest means."""
        return await self._source.resolve(repository, reference, known) if self.resolves else None

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return a manifest or an index that the cache has."""
        if isinstance(reference, Descriptor):
            pointer, held, absent = Pointer(reference.digest, reference.media_type), self.held, self.manifests
        else:
            resolved = await self.resolve(repository, reference)
            if resolved is None:
                raise NotAtHand("What it points to is not known.")
            pointer, held, absent = resolved, self.held_tops, self.tops
        data = self._documents.get(pointer.digest)
        if data is None:
            media_type = essence(pointer.media_type)
            absent[pointer.digest] = media_type in INDEXES
            if media_type in SCHEMA1_MANIFESTS or (isinstance(reference, Descriptor) and kind_of_entry(reference)):
                self.without_config.add(pointer.digest)
            raise NotAtHand("It is not in the cache.")
        held.add(pointer.digest)
        return Document(data, pointer.digest, pointer.media_type)

    async def blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a config that the cache has."""
        data = self._documents.get(descriptor.digest)
        if data is None:
            self.configs.add(descriptor.digest)
            raise NotAtHand("It is not in the cache.")
        self.held.add(descriptor.digest)
        return data

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return nothing: an inventory opens no layers."""
        return None


def planned(
    rehearsal: Rehearsal,
    records: Records,
    *,
    tags: int,
    lists: int,
    platforms: int,
    head_first: bool,
    allowance: Allowance | None,
) -> pd.Series[Any]:
    """Return the series of :meth:`regframe.Registry.plan`.

    Parameters
    ----------
    rehearsal : Rehearsal
        What was noted.
    records : Records
        What was read from the lists and from the cache.
    tags, lists : int
        How many tags there are; how many requests listing them took, logging in included.
    platforms : int
        How many platforms are asked for; 0 for all.
    head_first : bool
        Whether a tag is asked for by HEAD, and by GET only where the cache does not have its document.
    allowance : Allowance or None
        What the registry says of its rate limit.
    """
    named = {failure.repository for failure in records.failures if isinstance(failure.error, NotAtHand)}
    below = rehearsal.manifests.keys() - rehearsal.tops.keys()
    manifests = (len(rehearsal.tops) if head_first else tags) + len(below)
    least = lists + manifests + len(rehearsal.configs) + (tags if head_first else 0)
    unknown = rehearsal.tops | rehearsal.manifests
    entries, images = _in_an_index(records, platforms)
    indexes = sum(unknown.values())
    further_manifests = round(indexes * entries)
    further_configs = round(indexes * images) + len(unknown) - indexes - len(rehearsal.without_config)
    cached = rehearsal.held | rehearsal.held_tops if head_first else rehearsal.held - rehearsal.held_tops
    is_resolved = rehearsal.resolves
    return pd.Series(
        {
            "repositories": len(records.repositories.keys() | named),
            "tags": tags,
            "cached": len(cached) if is_resolved else None,
            "requests_least": least,
            "requests_expected": least + further_manifests + further_configs if is_resolved else None,
            "manifests_expected": manifests + further_manifests if is_resolved else None,
            "limit": allowance.limit if allowance else None,
            "remaining": allowance.remaining if allowance else None,
            "window": allowance.window if allowance else None,
        },
        dtype=COUNT,
    )


def without_rehearsal(records: Records) -> Records:
    """Return the records with real failures alone: not with those to have a document at hand."""
    failures = [failure for failure in records.failures if not isinstance(failure.error, NotAtHand)]
    return replace(records, failures=failures, failed_documents={})


def _in_an_index(records: Records, platforms: int) -> tuple[float, float]:
    """Return how many manifests an index holds, and how many of these are images: by those that are at hand."""
    if platforms:
        return platforms, platforms
    indexes = [manifest.manifests for manifest in records.manifests.values() if isinstance(manifest, Index)]
    if not indexes:
        return _USUAL_IMAGES, _USUAL_IMAGES
    images = sum(kind_of_entry(entry) is None for entries in indexes for entry in entries)
    return sum(map(len, indexes)) / len(indexes), images / len(indexes)
