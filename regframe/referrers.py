"""What is attached to an image: signatures, SBOMs, attestations and other artifacts, in whichever way they are.

Sources: OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema"; cosign's ``SIGNATURE_SPEC.md``,
``ATTESTATION_SPEC.md`` and ``SBOM_SPEC.md`` (its tags); BuildKit's ``attestation-storage.md`` (index entries).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from regframe.errors import NotFound, RegframeError, TooLarge, Unsupported
from regframe.oci.config import parse_time
from regframe.oci.descriptor import Descriptor, Platform
from regframe.oci.kind import REFERENCE_DIGEST, artifact_type, kind_of_entry, kind_of_manifest, kind_of_tag
from regframe.oci.manifest import Index, Manifest, parse_manifest
from regframe.oci.media_types import IMAGE_CONFIGS, INDEXES
from regframe.oci.release import CREATED_ANNOTATION
from regframe.records import Failure
from regframe.scan import DEEPEST_INDEX
from regframe.sources import Document, Source
from regframe.sources.referrers import listed_referrers
from regframe.sources.registry import RegistrySource

FoundBy = Literal["referrers API", "referrers tag", "cosign tag", "index"]

_COSIGN_SUFFIXES = ("sig", "att", "sbom")
# An index names an image for each platform: some dozens. Each takes several requests here.
_MOST_SUBJECTS = 500
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
        await self._each(self._look(subject) for subject in others)
        await self._each(self._read(one) for one in self._found.values())
        order = list(self._subjects)
        found = sorted(self._found.values(), key=lambda one: order.index(one.subject))
        rows = [self._row(one) for one in found]
        return [row for row in rows if self.artifact_type in {None, row[_ARTIFACT_TYPE]}]

    async def _each(self, tasks: Any) -> None:
        waiting = asyncio.Semaphore(self.concurrency)

        async def one(task: Any) -> None:
            async with waiting:
                await task

        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(one(task))

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
        try:
            async for referrer in self._by_api_or_tag(subject):
                self._add(referrer)
            for suffix in _COSIGN_SUFFIXES:
                tag = f"{subject.replace(':', '-')}.{suffix}"
                if (document := await self._tagged(tag)) is not None:
                    descriptor = Descriptor(document.digest, len(document.data), document.media_type or "")
                    self._add(Referrer(subject, descriptor, "cosign tag", tag))
        except RegframeError as error:
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
        tag = subject.replace(":", "-")
        document = await self._tagged(tag)
        index = self._parsed(document) if document else None
        # An older cosign signs by this very tag.
        if document is not None and not isinstance(index, Index):
            descriptor = Descriptor(document.digest, len(document.data), document.media_type or "")
            yield Referrer(subject, descriptor, "cosign tag", tag)
        for entry in index.manifests if isinstance(index, Index) else ():
            yield Referrer(subject, entry, "referrers tag")

    async def _tagged(self, tag: str) -> Document | None:
        try:
            document = await self.documents.manifest(self.repository, tag)
        except NotFound:
            return None
        self._keep(document)
        return document

    async def _manifest(self, entry: Descriptor) -> Manifest | Index | None:
        if entry.digest not in self._manifests:
            try:
                self._keep(await self.documents.manifest(self.repository, entry))
            except RegframeError as error:
                self.failures.append(Failure(error, self.repository, None, entry.digest))
        return self._manifests.get(entry.digest)

    async def _read(self, referrer: Referrer) -> None:
        await self._manifest(referrer.descriptor)

    def _keep(self, document: Document) -> None:
        self._manifests[document.digest] = self._parsed(document)
        self._sizes[document.digest] = len(document.data)

    def _parsed(self, document: Document) -> Manifest | Index:
        return parse_manifest(document.data, document.media_type)

    def _add(self, referrer: Referrer) -> None:
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
