"""A source to records: which documents to ask for, many at once, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import partial
from itertools import count
from typing import Any

from regframe.bounds import refuse_more, rows_of
from regframe.errors import InvalidDocument, NotFound, RegframeError, printable
from regframe.oci import media_types
from regframe.oci.config import ImageConfig, parse_config
from regframe.oci.descriptor import Descriptor, Platform
from regframe.oci.kind import kind_of_entry, kind_of_manifest
from regframe.oci.manifest import Index, Manifest
from regframe.oci.schema1 import signed_bytes
from regframe.records import Failure, Records, Tag, is_wanted
from regframe.reference import Pattern, is_digest, is_qualified, is_repository, is_tag
from regframe.sources import Document, Source

# BuildKit makes indexes one deep; a live image with an index in an index has two levels.
DEEPEST_INDEX = 4

_Job = Callable[[], Coroutine[Any, Any, None]]


class Depth(IntEnum):
    """How far to read: each level includes those before it."""

    REPOSITORIES = 0
    """The catalog."""
    COUNTS = 1
    """The number of tags of each repository."""
    TAGS = 2
    """The names of the tags."""
    MANIFESTS = 3
    """The manifest or the index that each tag points to."""
    IMAGES = 4
    """The manifests in an index, and the config of each image."""


@dataclass
class Progress:
    """How far a scan has come; read while it runs."""

    repositories: int = 0
    tags: int = 0
    tags_done: int = 0
    tags_read: int = 0
    """How many of these point to something that was read: they have neither failed nor stayed as they were."""
    documents: int = 0
    errors: int = 0
    lists: int = 0
    """How many lists are yet to be read: with none, ``tags`` is the number of all tags."""
    remaining: int | None = None
    """How many requests the registry's rate limit leaves, where it says so."""


class Scan:
    """Reads what patterns name from one source.

    A graph is walked: repositories to tags, tags to manifests or indexes, indexes to manifests, manifests to configs.
    Lists come first, so that it is soon known how much there is to read; then what was found last, so that little waits
    in memory. Each digest is asked for once.

    Parameters
    ----------
    source : Source
        Where to read.
    patterns : sequence of Pattern
        What to read.
    depth : Depth
        How far to read.
    platforms : tuple of Platform
        Which images of an index to read; none means all.
    only : frozenset of str
        Digests of the images of an index to read; none means all.
    concurrency : int
        How many requests to have under way at once.
    strict : bool
        Whether to stop at the first error and raise it, rather than record it.
    known : mapping of (repository, tag) to digest, optional
        Tags that an earlier scan has read: of these nothing is read but whether they have moved.
    seen : mapping of digest to datetime, optional
        When an earlier scan has seen an image first.
    push_times : bool
        Whether to ask when tags were pushed.
    """

    def __init__(
        self,
        source: Source,
        patterns: Sequence[Pattern],
        *,
        depth: Depth = Depth.IMAGES,
        platforms: tuple[Platform, ...] = (),
        only: frozenset[str] = frozenset(),
        concurrency: int = 16,
        strict: bool = False,
        known: Mapping[tuple[str, str], str] | None = None,
        seen: Mapping[str, datetime] | None = None,
        push_times: bool = False,
    ) -> None:
        self.records = Records(seen=dict(seen or {}))
        self.progress = Progress()
        self._source = source
        self._patterns = list(patterns)
        self._depth = depth
        self._platforms = platforms
        self._only = only
        self._concurrency = concurrency
        self._strict = strict
        self._known = known or {}
        self._push_times = push_times
        self._undated: dict[str, list[str]] = {}
        self._jobs: asyncio.Queue[tuple[int, int, _Job]] = asyncio.PriorityQueue()
        self._added = count()
        # Where each document was asked for; in which repositories it could be asked for if that fails.
        self._asked: dict[str, dict[str, _Job | None]] = {}
        self._tags_seen: set[tuple[str, str]] = set()
        self._unread: dict[tuple[str, str], Tag] = {}

    async def run(self) -> Records:
        """Read everything, and return what was read and what failed.

        Raises
        ------
        RegframeError
            The first error, if the scan is strict.
        """
        self._add_first_jobs()
        await self._work_off()
        self._sort_repositories()
        return self.records

    async def _work_off(self) -> None:
        """Do all jobs there are, and those that they bring."""
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work()) for _ in range(self._concurrency)]
                await self._jobs.join()
                for worker in workers:
                    worker.cancel()
        except* RegframeError as errors:
            raise errors.exceptions[0] from None

    def _sort_repositories(self) -> None:
        """Put repositories that were named in the order in which they were, whichever answered first."""
        counts = self.records.repositories
        named = dict.fromkeys(pattern.repository for pattern in self._patterns if pattern.repository in counts)
        self.records.repositories = {name: counts[name] for name in [*named, *counts]}

    def so_far(self) -> Records:
        """Return what a scan that was cancelled has read: of each tag all that is behind it, or its name alone."""
        known: dict[str, bool] = {}
        tags = [*self.records.tags, *self._unread.values()]
        whole = [tag for tag in tags if tag.digest and self._is_read(tag.digest, known)]
        names = {(tag.repository, tag.tag) for tag in tags if tag.tag} - {(tag.repository, tag.tag) for tag in whole}
        return replace(self.records, tags=[*whole, *(Tag(repository, tag) for repository, tag in names)])

    def _add_first_jobs(self) -> None:
        globs = [pattern for pattern in self._patterns if not pattern.names_repository]
        if globs:
            self._add_list(partial(self._list_repositories, globs))
        named: dict[str, list[Pattern]] = {}
        for pattern in self._patterns:
            if pattern.names_repository:
                named.setdefault(pattern.repository, []).append(pattern)
        for repository, patterns in named.items():
            self._add_repository(repository, patterns, listed=False)

    def _add_repository(self, repository: str, patterns: Sequence[Pattern], *, listed: bool) -> None:
        if listed and self._depth < Depth.COUNTS:
            return
        # Only reading a manifest tells whether a tag that was named is there; short of that the list does.
        named = [pattern for pattern in patterns if pattern.names_tag and self._depth >= Depth.MANIFESTS]
        for pattern in named:
            # Of repositories that a glob found, those without the tag are not meant.
            self._add_tag(repository, pattern.tag, pattern.digest, may_lack=listed)
        if self._push_times and (tags := [pattern.tag for pattern in named if pattern.tag and not pattern.digest]):
            self._undated[repository] = tags
        globs = [pattern for pattern in patterns if pattern not in named]
        if globs:
            self._add_list(partial(self._list_tags, repository, globs, listed=listed))

    def _add_tag(
        self,
        repository: str,
        tag: str | None,
        digest: str | None = None,
        *,
        listed: bool = False,
        may_lack: bool = False,
    ) -> None:
        key = (repository, digest or tag or "")
        if key in self._tags_seen or self._depth < Depth.TAGS:
            return
        self._tags_seen.add(key)
        self.progress.tags += 1
        if self._depth < Depth.MANIFESTS:
            self.records.tags.append(Tag(repository, tag, digest))
            self.progress.tags_done += 1
        else:
            self._add_reading(repository, tag, digest, listed=listed, may_lack=may_lack)

    def _add_reading(
        self, repository: str, tag: str | None, digest: str | None, *, listed: bool, may_lack: bool
    ) -> None:
        self._unread[repository, digest or tag or ""] = Tag(repository, tag)
        self._add(partial(self._read_tag, repository, tag, digest, listed=listed, may_lack=may_lack))

    def _add(self, job: _Job) -> None:
        self._jobs.put_nowait((1, -next(self._added), job))

    def _add_all(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            self._add(job)

    def _add_list(self, job: _Job) -> None:
        async def read() -> None:
            try:
                await job()
            finally:
                self.progress.lists -= 1

        self.progress.lists += 1
        self._jobs.put_nowait((0, -next(self._added), read))

    async def _work(self) -> None:
        while True:
            *_, job = await self._jobs.get()
            try:
                await job()
            finally:
                self._jobs.task_done()

    async def _list_repositories(self, globs: Sequence[Pattern]) -> None:
        try:
            namespaces = {glob.namespace or "" for glob in globs}
            async for name in self._source.repositories(() if "" in namespaces else sorted(namespaces)):
                if not (is_repository(name) or (self._source.is_local and is_qualified(name))):
                    sentence = f"The catalog lists “{printable(name)}”, which is no repository's name."
                    self._fail(Failure(InvalidDocument(sentence, operation="catalog"), printable(name)))
                    continue
                patterns = [glob for glob in globs if glob.matches_repository(name)]
                if patterns and name not in self.records.repositories:
                    self.progress.repositories += 1
                    self.records.repositories[name] = None
                    self._add_repository(name, patterns, listed=True)
        except RegframeError as error:
            self._fail(Failure(error))

    async def _list_tags(self, repository: str, globs: Sequence[Pattern], *, listed: bool) -> None:
        tags = 0
        try:
            async for tag in self._source.tags(repository):
                tags += 1
                if self._source.is_local and is_digest(tag):
                    if any(glob.tag is None for glob in globs):
                        self._add_tag(repository, None, tag, listed=True)
                elif not is_tag(tag):
                    sentence = f"{repository} lists “{printable(tag)}”, which is no tag."
                    self._fail(Failure(InvalidDocument(sentence, operation="tags"), repository, printable(tag)))
                elif any(glob.matches_tag(tag) for glob in globs):
                    self._add_tag(repository, tag, listed=True)
        except NotFound as error:
            # The catalog goes on listing repositories whose last tag was deleted.
            if not listed:
                self._fail(Failure(error, repository))
                return
        except RegframeError as error:
            self._fail(Failure(error, repository))
            return
        self.records.repositories[repository] = tags
        if self._push_times and tags:
            await self._read_push_times(repository)

    async def _read_push_times(self, repository: str, tags: Sequence[str] | None = None) -> None:
        try:
            async for tag, time in self._source.push_times(repository, tags):
                if (repository, tag) in self._tags_seen:
                    self.records.pushed[repository, tag] = time
        except RegframeError as error:
            self._fail(Failure(error, repository))

    async def _read_tag(
        self, repository: str, tag: str | None, digest: str | None, *, listed: bool, may_lack: bool
    ) -> None:
        document = None
        try:
            known = self._known.get((repository, tag or ""))
            pointer = await self._source.resolve(repository, digest or tag or "", known) if known else None
            if pointer is None or pointer.digest != known:
                document = await self._source.manifest(repository, digest or tag or "")
            self.records.repositories.setdefault(repository, None)
            if document is None or document.digest == known:
                self.records.kept.append(Tag(repository, tag, known))
            else:
                self._keep_tag(Tag(repository, tag, document.digest), document)
        except RegframeError as error:
            error.operation = error.operation or "manifest"
            if document is None and listed:
                self.records.tags.append(Tag(repository, tag))
            if not (may_lack and isinstance(error, NotFound)):
                self._fail(Failure(error, repository, tag, digest))
        # An interrupted tag stays unread.
        del self._unread[repository, digest or tag or ""]
        self.progress.tags_done += 1
        if self._source.allowance is not None:
            self.progress.remaining = self._source.allowance.remaining
        # After the last tag that was named, as by then the registry has told which one it is.
        tags = self._undated.get(repository)
        if tags and not any((repository, tag) in self._unread for tag in tags):
            await self._read_push_times(repository, self._undated.pop(repository))

    def _keep_tag(self, tag: Tag, document: Document) -> None:
        self.records.tags.append(tag)
        self.progress.tags_read += 1
        self.progress.documents += 1
        if document.modified is not None:
            self.records.modified.setdefault(document.digest, document.modified)
        self._keep_manifest(tag.repository, document.digest, document, None, 0)

    def _keep_manifest(
        self, repository: str, digest: str, document: Document, media_type: str | None, level: int
    ) -> None:
        if digest in self.records.manifests:
            manifest = self.records.manifests[digest]
        else:
            manifest = document.parsed(media_type)
            self._count(manifest)
            self.records.manifests[digest] = manifest
            # Signatures are no part of what a registry stores of a manifest of Docker's schema 1.
            is_signed = manifest.media_type == media_types.SCHEMA1_SIGNED
            if stored := signed_bytes(document.data) if is_signed else document.data:
                self.records.document_sizes[digest] = len(stored)
        self._add_all(self._jobs_below(repository, manifest, level))

    def _jobs_below(self, repository: str, manifest: Manifest | Index, level: int) -> Iterable[_Job]:
        if self._depth < Depth.IMAGES:
            return
        if isinstance(manifest, Index):
            for entry in manifest.manifests:
                if entry.digest not in self.records.manifests and self._is_wanted(entry):
                    job = partial(self._read_manifest, repository, entry, level + 1)
                    yield from self._once(entry.digest, repository, job)
        elif (config := _image_config(manifest)) and config.digest not in self.records.configs:
            yield from self._once(config.digest, repository, partial(self._read_config, repository, config))

    def _is_wanted(self, entry: Descriptor) -> bool:
        if self._only and entry.digest not in self._only and entry.media_type not in media_types.INDEXES:
            return False
        return is_wanted(kind_of_entry(entry) or "image", entry.platform, self._platforms, in_index=True)

    def _once(self, digest: str, repository: str, job: _Job) -> Iterable[_Job]:
        """Yield a job if nobody has asked for its document; in another repository it waits for the first to fail."""
        asked = self._asked.setdefault(digest, {})
        if repository in asked:
            return
        is_under_way = bool(asked) and digest not in self.records.failed_documents
        asked[repository] = job if is_under_way else None
        if not is_under_way:
            yield job

    async def _read_manifest(self, repository: str, entry: Descriptor, level: int) -> None:
        try:
            if level > DEEPEST_INDEX:
                raise InvalidDocument(f"The index holds indexes more than {DEEPEST_INDEX} deep.")
            document = await self._source.manifest(repository, entry)
            # What the index says of it is under the index's digest; what the answer says is under nothing.
            self._keep_manifest(repository, entry.digest, document, entry.media_type, level)
            self._succeed(entry.digest)
        except RegframeError as error:
            self._fail_document(entry.digest, error, "manifest")

    async def _read_config(self, repository: str, descriptor: Descriptor) -> None:
        try:
            config = parse_config(await self._source.blob(repository, descriptor))
            self._count(config)
            self.records.configs[descriptor.digest] = config
            self._succeed(descriptor.digest)
        except RegframeError as error:
            self._fail_document(descriptor.digest, error, "config")

    def _count(self, document: Manifest | Index | ImageConfig) -> None:
        if self._source.is_local:
            self.records.rows += rows_of(document)
            refuse_more(self.records.rows)

    def _succeed(self, digest: str) -> None:
        self.progress.documents += 1
        self.records.failed_documents.pop(digest, None)
        self._asked[digest] = {}

    def _fail_document(self, digest: str, error: RegframeError, operation: str) -> None:
        error.operation = error.operation or operation
        self.records.failed_documents[digest] = error.without_frames()
        asked = self._asked[digest]
        elsewhere = next((repository for repository, job in asked.items() if job is not None), None)
        if elsewhere is not None:
            job, asked[elsewhere] = asked[elsewhere], None
            assert job is not None
            self._add(job)
            return
        self.progress.errors += 1
        if self._strict:
            raise error

    def _is_read(self, digest: str, known: dict[str, bool]) -> bool:
        """Return whether everything behind a digest has been read or has failed."""
        if digest not in known:
            manifest = self.records.manifests.get(digest)
            known[digest] = digest in self.records.failed_documents
            if isinstance(manifest, Index):
                # For an index that contains itself.
                known[digest] = True
                entries = (entry for entry in manifest.manifests if self._is_wanted(entry))
                known[digest] = all(self._is_read(entry.digest, known) for entry in entries)
            elif manifest is not None:
                config = _image_config(manifest)
                known[digest] = config is None or any(
                    config.digest in documents for documents in (self.records.configs, self.records.failed_documents)
                )
        return known[digest]

    def _fail(self, failure: Failure) -> None:
        self.progress.errors += 1
        self.records.failures.append(failure)
        if self._strict:
            raise failure.error


def _image_config(manifest: Manifest) -> Descriptor | None:
    """Return the config that is to be read: an image's own, not what an artifact has in its place."""
    config = manifest.config
    if config is None or manifest.embedded_config or kind_of_manifest(manifest) != "image":
        return None
    return config if not config.media_type or config.media_type in media_types.IMAGE_CONFIGS else None
