"""What is attached to an image: signatures, SBOMs, attestations and other artifacts, in whichever way they are.

Sources: OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema"; cosign's ``SIGNATURE_SPEC.md``,
``ATTESTATION_SPEC.md`` and ``SBOM_SPEC.md`` (its tags); BuildKit's ``attestation-storage.md`` (index entries).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from regframe.errors import NotFound, RegframeError, TooLarge, Unsupported
from regframe.oci.config import parse_time
from regframe.oci.descriptor import Descriptor, Platform
from regframe.oci.kind import REFERENCE_DIGEST, artifact_type, kind_of_entry, kind_of_manifest, kind_of_tag
from regframe.oci.manifest import Index, Manifest, parse_manifest
from regframe.oci.media_types import INDEXES
from regframe.oci.release import CREATED_ANNOTATION
from regframe.records import Failure
from regframe.scan import DEEPEST_INDEX
from regframe.sources import Document, Source
from regframe.sources.referrers import listed_referrers
from regframe.sources.registry import RegistrySource

T = TypeVar("T")

FoundBy = Literal["referrers API", "referrers tag", "cosign tag", "index"]

_COSIGN_SUFFIXES = ("sig", "att", "sbom")
# An index names an image for each platform: some dozens. Each takes several requests here.
_MOST_SUBJECTS = 500
_MOST_REFERRERS = 5_000
# Where BuildKit, cosign and sigstore's bundles say what an in-toto statement is about.
_PREDICATE_TYPES = ("in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType")


@dataclass(frozen=True)
class Referrer:
    """One thing that is attached to a manifest, and the way in which it was found."""

    subject: str
    descriptor: Descriptor
    found_by: FoundBy
    tag: str | None = None


@dataclass
class ReferrerSearch:
    """Looks for what is attached to one image.

    Parameters
    ----------
    registry : RegistrySource
        Where its referrers API is.
    documents : Source
        Where its manifests are.
    repository : str
        The image's repository.
    artifact_type : str or None
        What to look for; everything without it.
    concurrency : int
        How many requests to have under way at once.

    Attributes
    ----------
    failures : list of Failure
        What could not be read.
    """

    registry: RegistrySource
    documents: Source
    repository: str
    artifact_type: str | None = None
    concurrency: int = 16
    failures: list[Failure] = field(default_factory=list)
    _subjects: dict[str, Platform | None] = field(default_factory=dict)
    _found: dict[tuple[str, str], Referrer] = field(default_factory=dict)
    _manifests: dict[str, Manifest | Index] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)
    _has_api: bool = True

    async def rows(self, reference: str) -> list[tuple[Any, ...]]:
        """Return the rows of the referrers frame for a tag or a digest.

        Raises
        ------
        NotFound
            If there is no such image.
        TooLarge
            If its index names more images than one does.
        """
        document = await self.documents.manifest(self.repository, reference)
        await self._add_subject(document.digest, self._parsed(document), None, 0)
        top, *others = self._subjects
        # The first one tells whether there is a referrers API.
        await self._look(top)
        await self._each(self._look, others)
        await self._each(self._manifest, [one.descriptor for one in self._found.values()])
        order = {subject: position for position, subject in enumerate(self._subjects)}
        found = sorted(self._found.values(), key=lambda one: order.get(one.subject, len(order)))
        rows = [self._row(one) for one in found]
        return [row for row in rows if self.artifact_type is None or row[_ARTIFACT_TYPE] == self.artifact_type]

    async def _each(self, read: Callable[[T], Awaitable[object]], things: Iterable[T]) -> None:
        places = asyncio.Semaphore(self.concurrency)

        async def one(thing: T) -> None:
            async with places:
                await read(thing)

        async with asyncio.TaskGroup() as group:
            for thing in things:
                group.create_task(one(thing))

    async def _add_subject(
        self, digest: str, manifest: Manifest | Index | None, platform: Platform | None, level: int
    ) -> None:
        if digest in self._subjects:
            return
        self._subjects[digest] = platform
        if len(self._subjects) > _MOST_SUBJECTS:
            raise TooLarge(f"The index names more than {_MOST_SUBJECTS} images.", operation="referrers")
        for entry in manifest.manifests if isinstance(manifest, Index) else ():
            if kind_of_entry(entry) is not None:
                self._add(Referrer(entry.annotation(REFERENCE_DIGEST) or digest, entry, "index"))
                continue
            below = None
            if entry.media_type in INDEXES and level < DEEPEST_INDEX:
                below = await self._manifest(entry)
            await self._add_subject(entry.digest, below, entry.platform, level + 1)

    async def _look(self, subject: str) -> None:
        """Look for what refers to one manifest, in all ways but the index."""
        ways: list[Callable[[str], AsyncIterator[Referrer]]] = [self._by_api_or_tag]
        ways += [partial(self._by_cosign_tag, suffix) for suffix in _COSIGN_SUFFIXES]
        for way in ways:
            try:
                async for referrer in way(subject):
                    self._add(referrer)
            except NotFound:
                continue
            except RegframeError as error:
                error.operation = "referrers"
                self.failures.append(Failure(error, self.repository, None, subject))

    async def _by_api_or_tag(self, subject: str) -> AsyncIterator[Referrer]:
        if self._has_api:
            try:
                async for entry in listed_referrers(self.registry, self.repository, subject, self.artifact_type):
                    yield Referrer(subject, entry, "referrers API")
            except Unsupported:
                self._has_api = False
            else:
                return
        index = self._parsed(await self.documents.manifest(self.repository, subject.replace(":", "-")))
        for entry in index.manifests if isinstance(index, Index) else ():
            yield Referrer(subject, entry, "referrers tag")

    async def _by_cosign_tag(self, suffix: str, subject: str) -> AsyncIterator[Referrer]:
        tag = f"{subject.replace(':', '-')}.{suffix}"
        document = await self.documents.manifest(self.repository, tag)
        self._keep(document)
        yield Referrer(subject, Descriptor(document.digest, len(document.data)), "cosign tag", tag)

    async def _manifest(self, entry: Descriptor) -> Manifest | Index | None:
        if entry.digest not in self._manifests:
            try:
                self._keep(await self.documents.manifest(self.repository, entry))
            except RegframeError as error:
                error.operation = "referrers"
                self.failures.append(Failure(error, self.repository, None, entry.digest))
        return self._manifests.get(entry.digest)

    def _keep(self, document: Document) -> None:
        self._manifests[document.digest] = self._parsed(document)
        self._sizes[document.digest] = len(document.data)

    def _parsed(self, document: Document) -> Manifest | Index:
        return parse_manifest(document.data, document.media_type)

    def _add(self, referrer: Referrer) -> None:
        if len(self._found) >= _MOST_REFERRERS:
            raise TooLarge(f"More than {_MOST_REFERRERS:,} things are attached to the image.", operation="referrers")
        self._found.setdefault((referrer.subject, referrer.descriptor.digest), referrer)

    def _row(self, referrer: Referrer) -> tuple[Any, ...]:
        entry = referrer.descriptor
        manifest = self._manifests.get(entry.digest)
        layers = manifest.layers if isinstance(manifest, Manifest) else []
        annotations = {**(manifest.annotations if manifest else {}), **(entry.annotations or {})}
        about = [annotations, *(layer.annotations or {} for layer in layers)]
        predicates = dict.fromkeys(texts[name] for texts in about for name in _PREDICATE_TYPES if name in texts)
        sizes = [layer.size for layer in layers]
        read = manifest or Manifest(entry.media_type, None, [], {}, entry.artifact_type, None)
        by_tag = kind_of_tag(referrer.tag or "")
        return (
            self.repository,
            referrer.subject,
            str(self._subjects.get(referrer.subject) or "") or None,
            entry.digest,
            kind_of_entry(entry) or (by_tag if by_tag != "artifact" else None) or kind_of_manifest(read),
            entry.artifact_type or artifact_type(read) or _common_type(layers),
            ", ".join(predicates) or None,
            (manifest.media_type if manifest else entry.media_type) or None,
            sum(size for size in sizes if size is not None) if manifest and None not in sizes else None,
            self._sizes.get(entry.digest, entry.size),
            parse_time(annotations.get(CREATED_ANNOTATION)),
            referrer.found_by,
            json.dumps(annotations, ensure_ascii=False, sort_keys=True) if annotations else None,
        )


_ARTIFACT_TYPE = 5


def _common_type(layers: list[Descriptor]) -> str | None:
    """Return what all layers are: cosign and BuildKit say by these what an artifact is, in the guise of an image."""
    types = {layer.media_type for layer in layers}
    return types.pop() if len(types) == 1 else None
