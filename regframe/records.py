"""What a scan has read: tags, and the documents behind them, each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from regframe.errors import RegframeError
from regframe.oci.config import ImageConfig, parse_time
from regframe.oci.descriptor import Descriptor, Platform
from regframe.oci.kind import REFERENCE_DIGEST, Kind, artifact_type, kind_of_entry, kind_of_manifest
from regframe.oci.manifest import Index, Manifest
from regframe.oci.release import CREATED_ANNOTATION, ReleasedSource, is_believable, released

# What an image was built on (OCI image-spec ``annotations.md``).
BASE_NAME_ANNOTATION = "org.opencontainers.image.base.name"
BASE_DIGEST_ANNOTATION = "org.opencontainers.image.base.digest"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag (or a digest that was asked for), and what it points to where that was asked and could be read."""

    repository: str
    tag: str | None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that could not be read."""

    error: RegframeError
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        self.error.without_frames()


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a tag: what one row of the images frame says, but for repository and tag."""

    digest: str
    manifest: Manifest
    kind: Kind
    index_digest: str | None = None
    platform: Platform | None = None
    config: ImageConfig | None = None
    step_times: tuple[datetime | None, ...] = ()
    subject: str | None = None
    artifact_type: str | None = None
    created: datetime | None = None
    released_at: datetime | None = None
    released_source: ReleasedSource | None = None
    base_name: str | None = None
    base_digest: str | None = None


@dataclass
class Records:
    """Everything that one scan has read, as a graph: tags to digests, digests to documents.

    ``repositories`` keeps the order in which they were listed, with the number of tags where it is known;
    ``document_sizes`` has the bytes of each manifest and index by its digest. ``kept`` are tags that still point where
    an earlier scan found them, and so were not read; ``seen`` is when earlier scans first saw an image, by digest.
    ``pushed`` is when the registry says that a tag was pushed, by repository and tag; ``estimates`` are uncompressed
    sizes of layers, by digest, where somebody asked for them; ``rows`` is how many layers, steps and settings the
    documents of a place on this machine name; ``batch`` is which part of an inventory they are, in its order from 1, if
    they are not all or what the lists say.
    """

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    repositories: dict[str, int | None] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)
    manifests: dict[str, Manifest | Index] = field(default_factory=dict)
    document_sizes: dict[str, int] = field(default_factory=dict)
    configs: dict[str, ImageConfig] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    kept: list[Tag] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)
    pushed: dict[tuple[str, str], datetime] = field(default_factory=dict)
    estimates: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    failed_documents: dict[str, RegframeError] = field(default_factory=dict)
    rows: int = 0
    batch: int = 0

    def images(self, digest: str, wanted: tuple[Platform, ...] = (), only: frozenset[str] = frozenset()) -> list[Image]:
        """Return the images behind a digest that a tag points to, in the order of its index."""
        images = self._images(digest, wanted, {}, None)
        return [image for image in images if not only or image.digest in only]

    def tagged(self, image: Image, repository: str, tag: str | None) -> Image:
        """Return an image as a tag has it: with the time of its push, where that is known and believable."""
        pushed = self.pushed.get((repository, tag or ""))
        if pushed is None or not is_believable(pushed, self.started):
            return image
        return replace(image, released_at=pushed, released_source="registry")

    def missing(self, digest: str) -> Iterator[tuple[str, RegframeError]]:
        """Yield each document behind a digest that could not be read, with the reason."""
        for needed in self._needed(digest, set()):
            if needed in self.failed_documents:
                yield needed, self.failed_documents[needed]

    def _needed(self, digest: str, seen: set[str]) -> Iterator[str]:
        if digest in seen:
            return
        seen.add(digest)
        yield digest
        document = self.manifests.get(digest)
        if isinstance(document, Index):
            for entry in document.manifests:
                yield from self._needed(entry.digest, seen)
        elif document is not None and document.config is not None and document.embedded_config is None:
            yield document.config.digest

    def _images(
        self, digest: str, wanted: tuple[Platform, ...], indexes: dict[str, None], entry: Descriptor | None
    ) -> Iterator[Image]:
        document = self.manifests.get(digest)
        if isinstance(document, Index):
            # Each once: of indexes that name each other a hundred times, four deep, there are a hundred million ways.
            if digest not in indexes:
                indexes[digest] = None
                for child in document.manifests:
                    yield from self._images(child.digest, wanted, indexes, child)
        elif document is not None:
            image = self._image(digest, document, next(iter(indexes), None), entry)
            if is_wanted(image.kind, image.platform, wanted, in_index=bool(indexes)):
                yield image

    def _image(self, digest: str, manifest: Manifest, index_digest: str | None, entry: Descriptor | None) -> Image:
        listed = kind_of_entry(entry) if entry else None
        kind = listed or kind_of_manifest(manifest)
        subject = manifest.subject.digest if manifest.subject else None
        if subject is None and entry is not None:
            subject = entry.annotation(REFERENCE_DIGEST)
        config = manifest.embedded_config
        if config is None and kind == "image" and manifest.config is not None:
            config = self.configs.get(manifest.config.digest)
        platform = _platform(config, entry) if kind == "image" else None
        created = parse_time(config.created) if config else None
        step_times = tuple([parse_time(step.created) for step in (config and config.history) or []])

        def candidates() -> Iterator[tuple[ReleasedSource, datetime | None]]:
            yield "annotation", parse_time(manifest.annotations.get(CREATED_ANNOTATION))
            yield "annotation", parse_time(self._index_annotation(index_digest, CREATED_ANNOTATION))
            yield "config", created
            for time in sorted(filter(None, step_times), reverse=True):
                yield "history", time
            yield "modified", self.modified.get(index_digest or digest)
            yield "seen", self.seen.get(digest, self.started)

        released_at, released_source = released(candidates(), self.started)

        def base(name: str) -> str | None:
            labels = (config and config.config and config.config.labels) or {}
            on_entry = entry.annotation(name) if entry else None
            return (
                manifest.annotations.get(name)
                or on_entry
                or labels.get(name)
                or self._index_annotation(index_digest, name)
            )

        return Image(
            digest=digest,
            manifest=manifest,
            kind=kind,
            index_digest=index_digest,
            platform=platform,
            config=config,
            step_times=step_times,
            subject=subject,
            artifact_type=artifact_type(manifest),
            created=created,
            released_at=released_at,
            released_source=released_source,
            base_name=base(BASE_NAME_ANNOTATION),
            base_digest=base(BASE_DIGEST_ANNOTATION),
        )

    def _index_annotation(self, index_digest: str | None, name: str) -> str | None:
        index = self.manifests.get(index_digest) if index_digest else None
        return index.annotations.get(name) if index else None


def _platform(config: ImageConfig | None, entry: Descriptor | None) -> Platform | None:
    """Return what an image runs on: what its config says, and its index where the config says nothing."""
    listed = entry.platform if entry else None
    if config is None or not (config.os or config.architecture):
        return listed
    own = config.platform
    if own.variant is None and listed is not None and listed.variant:
        return Platform(own.os, own.architecture, listed.variant, own.os_version)
    return own


def is_wanted(kind: Kind, platform: Platform | None, wanted: tuple[Platform, ...], *, in_index: bool) -> bool:
    """Return whether an image is one of the wanted platforms (all, where none is named).

    What a tag points to itself and is no image (an artifact, a signature) has no platform and is always wanted;
    attestations and artifacts inside an index belong to its images, and come along only where all are wanted.
    """
    if not wanted:
        return True
    if kind != "image":
        return not in_index
    return platform is None or any(platform.matches(one) for one in wanted)
