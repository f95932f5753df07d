"""The calls that change a registry, as coroutines."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from regframe.errors import InvalidReference, NotFound, RegframeError, Unsupported, printable
from regframe.frames import Frames, frame
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import digest_of, is_verifiable, verify
from regframe.oci.manifest import parse_manifest
from regframe.reader import Reader
from regframe.records import Failure, Records
from regframe.reference import Pattern, is_digest, is_repository, is_tag
from regframe.rows import frames_of
from regframe.scan import Scan
from regframe.selection import Selection, choose
from regframe.sources import Source
from regframe.sources.referrers import listed_referrers

if TYPE_CHECKING:
    from regframe.sources.writing import RegistryWriter


class Writer(Reader):
    """What the calls that change a registry have in common with those that read it, and these calls."""

    _stopped: threading.Event | None = None

    def stop(self) -> bool:
        """Ask a deletion under way to end after the request under way, and return whether there is one."""
        if self._stopped is None or self._stopped.is_set():
            return False
        self._stopped.set()
        return True

    async def delete(
        self,
        selection: Selection,
        dry_run: bool = True,
        *,
        even_if_moved: bool = False,
        inventory: Frames | None = None,
    ) -> pd.DataFrame:
        """Return what deleting tags and manifests would do or, with ``dry_run=False``, do it.

        The repositories concerned are read anew, and whether the registry allows it is found out by asking to delete a
        manifest and a tag that nobody has. Tags go first, then manifests that no remaining tag or index leads to, each
        after the indexes that name it: an interruption breaks nothing that stays. Just before a tag is deleted it is
        looked at once more. Where the registry cannot delete tags it deletes by digest, and a tag whose digest another
        one shares that is to stay is left.

        An interrupt stops after the request under way and returns the frame so far.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`, but not ``None``. A row of a frame stands for its tag with all platforms, and is
            deleted only while the tag still has the row's digest (``index_digest`` or ``digest``; of frames of layers,
            steps and settings, which have the digest of an image, while it still leads there). A frame that this
            method returned is a plan: its rows that ``would go`` are what goes.
        dry_run : bool
            Whether to return the plan and delete nothing.
        even_if_moved : bool
            Whether a tag goes that has moved since the frame was made.
        inventory : Inventory, optional
            The inventory of the whole registry, for ``freed``; without it, what other repositories share is counted
            as freed.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag`` (missing for a manifest that goes after its tags), ``digest``, ``kind`` (index,
            manifest), ``by`` (tag, digest), ``shared_with`` (other tags of the same digest), ``named_by`` (indexes
            that stay and name it), ``freed`` (bytes, after the registry's garbage collection), ``allowed``,
            ``outcome`` (would go, left, gone, deleted, failed, not tried) and ``reason``.

        Raises
        ------
        InvalidReference
            If there is no selection, or it is none, or rows of a frame have lost the tag and the digest they named.
        Unsupported
            If it is no registry, or does not allow deleting; nothing was tried then. With ``dry_run`` the plan says so.
        CredentialsRefused
            If this user may not delete; as above.

        Examples
        --------
        >>> old = images[~rf.retention(images, keep_last=5, by="version_line")]    # doctest: +SKIP
        >>> plan = registry.delete(old)                                            # doctest: +SKIP
        >>> done = registry.delete(plan, dry_run=False)                            # doctest: +SKIP
        """
        # It stands right of this room, with the analysis that it needs.
        from regframe.changes import deleting
        from regframe.changes.carrying_out import carry_out
        from regframe.changes.plan import planned

        # Nothing else than False is taken for it.
        dry_run = dry_run is not False
        patterns = deleting.patterns_of(selection, self._connection.pattern)
        async with self._connection.opened() as (_, documents):
            records = await self._all_of(deleting.read_for(patterns), documents)
        frames = frames_of(records)
        self.errors = frames.errors
        holdings = deleting.holdings_of(records)
        wanted = deleting.wanted_of(patterns, selection, holdings)
        if not wanted and not (isinstance(selection, pd.DataFrame) and selection.empty):
            self._raise_first()
        async with self._connection.changing() as (source, writer):
            wanted = {name: own for name, own in wanted.items() if own.tags or own.manifests}
            permissions = {repository: await writer.permission(repository) for repository in wanted}
            for repository, permission in permissions.items():
                holdings[repository].by_tag = permission.by_tag
            steps = [
                step
                for repository, own in wanted.items()
                for step in planned(repository, holdings[repository], own, even_if_moved=even_if_moved)
            ]
            sizes = deleting.freed(steps, records, frames if inventory is None else inventory)
            for refusal in deleting.refused(steps, permissions):
                if not dry_run:
                    raise refusal
            if not dry_run:
                self._stopped = threading.Event()
                await carry_out(steps, holdings, source, writer, self._stopped.is_set, even_if_moved=even_if_moved)
        if self._warns:
            self._warn(stacklevel=3)
        return deleting.with_rest(deleting.deletions(steps, sizes, records, permissions), selection)

    async def delete_blob(self, repository: str, digest: str, dry_run: bool = True) -> pd.DataFrame:
        """Return what deleting a blob would do or, with ``dry_run=False``, do it.

        A blob that a manifest needs, among those that the repository's tags lead to, is left.

        Parameters
        ----------
        repository, digest : str
            The blob.
        dry_run : bool
            Whether to delete nothing.

        Returns
        -------
        pandas.DataFrame
            One row, as of :meth:`delete`; ``named_by`` are the manifests that need it.

        Raises
        ------
        InvalidReference
            If the repository or the digest is none.
        NotFound
            If the repository has no such blob.
        Unsupported, CredentialsRefused
            If the registry does not allow it, or not this user.
        """
        from regframe.changes import deleting
        from regframe.changes.plan import Step

        dry_run = dry_run is not False
        _check(repository, digest=digest)
        async with self._connection.opened() as (_, documents):
            records = await self._all_of([Pattern(repository)], documents)
        # What has no tags may be no repository to the registry, and have blobs.
        records.failures = [failure for failure in records.failures if not isinstance(failure.error, NotFound)]
        self.errors = frames_of(records).errors
        holding = deleting.holdings_of(records).get(repository)
        if holding is None:
            self._raise_first()
        needing = tuple(one for one in records.manifests if digest in deleting.held(one, records)[1:])
        step = Step(repository, None, digest, "digest", named_by=needing)
        async with self._connection.changing() as (source, writer):
            # Raises if there is none.
            await source.end_of_blob(repository, Descriptor(digest), 1)
            permissions = {repository: await writer.permission(repository)}
            if needing:
                step.end("left", f"left: {needing[0]} needs it")
            elif holding is not None and not holding.is_whole:
                step.end("left", "left: not everything in its repository could be read, and may need it")
            for refusal in deleting.refused([step], permissions):
                if not dry_run:
                    raise refusal
            if step.outcome == "would go" and not dry_run:
                await writer.delete_blob(repository, digest)
                step.end("deleted")
        return deleting.deletions([step], [None], records, permissions)

    async def tag(self, reference: str, tag: str) -> pd.Series[Any]:
        """Put what a reference means, an image or an index, under another tag of its repository, byte for byte.

        Parameters
        ----------
        reference : str
            What it is, such as ``"team/app:1.2.3"``.
        tag : str
            The tag; where there is one of that name, it moves.

        Returns
        -------
        pandas.Series
            ``repository``, ``tag``, ``digest``, ``media_type`` and ``replaced``, the digest that the tag had before.

        Raises
        ------
        NotFound
            If there is no such image.
        CredentialsRefused
            If this user may not push.
        DigestMismatch
            If the registry says that it has stored something else.

        Examples
        --------
        >>> registry.tag("team/app:1.2.3", "stable")["digest"]  # doctest: +SKIP
        """
        async with self._connection.changing() as (source, writer):
            pattern = await self._one(reference, source)
            _check(pattern.repository, tag=tag)
            document = await source.manifest(pattern.repository, pattern.digest or pattern.tag or "latest")
            media_type = parse_manifest(document.data, document.media_type).media_type
            return await self._pushed(
                source, writer, pattern.repository, tag, document.data, media_type, document.digest
            )

    async def push_manifest(
        self, repository: str, tag: str | None, document: dict[str, Any] | bytes | str
    ) -> pd.Series[Any]:
        """Push a manifest or an index; the blobs and manifests that it names have to be there.

        Parameters
        ----------
        repository : str
            Where to.
        tag : str or None
            Its tag, or its digest, which is checked; ``None`` pushes it by digest.
        document : dict, bytes or str
            The document; bytes and text go as they are.

        Returns
        -------
        pandas.Series
            As of :meth:`tag`.

        Raises
        ------
        InvalidDocument
            If it is neither a manifest nor an index, or has another digest.
        RegistryError
            If the registry does not take it.
        """
        data = document if isinstance(document, bytes) else None
        if data is None:
            data = document.encode() if isinstance(document, str) else msgspec.json.encode(document)
        digest = digest_of(data)
        if tag is not None and is_digest(tag):
            verify(data, tag)
            digest = tag
        tag = None if tag == digest else tag
        _check(repository, tag=tag)
        media_type = parse_manifest(data).media_type
        async with self._connection.changing() as (source, writer):
            return await self._pushed(source, writer, repository, tag, data, media_type, digest)

    async def untagged(self, selection: Selection = None) -> pd.DataFrame:
        """Return manifests that no tag leads to, as far as the registry shows them.

        Google's registries list them with their tags; elsewhere, what the referrers API says is attached to a tagged
        image is found. The Registry API lists no others: an empty frame does not mean that there are none.

        Parameters
        ----------
        selection : Selection
            Repositories, as for :meth:`images`.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``digest``, ``media_type``, ``artifact_type``, ``size`` (bytes of the manifest),
            ``subject`` (what it is attached to), ``found_by`` (tag list, referrers API).

        Examples
        --------
        >>> registry.delete(registry.untagged("team/app"))  # doctest: +SKIP
        """
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        async with self._connection.opened() as (source, documents):
            patterns = [Pattern(pattern.repository) for pattern in chosen.patterns]
            records = await self._all_of(patterns, documents)
            from regframe.changes import deleting

            for repository, holding in deleting.holdings_of(records).items():
                reached = holding.reached(holding.tags.values())
                try:
                    async for page in source.tag_lists(repository):
                        for digest, entry in _listed(page.manifest).items():
                            if is_digest(digest) and digest not in reached and not entry.get("tag"):
                                media_type = printable(str(entry.get("mediaType") or "")) or None
                                rows[repository, digest] = (
                                    repository, digest, media_type, None, None, None, "tag list"
                                )  # fmt: skip
                    for subject in reached:
                        async for one in listed_referrers(source, repository, subject, None):
                            if one.digest not in reached:
                                key = repository, one.digest
                                rows[key] = (
                                    *key, one.media_type, one.artifact_type, one.size, subject, "referrers API"
                                )  # fmt: skip
                except (Unsupported, NotFound):
                    continue
                except RegframeError as error:
                    records.failures.append(Failure(error, repository))
        self.errors = frames_of(records).errors
        if not rows:
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=3)
        return frame("untagged", rows.values())

    async def _all_of(self, patterns: list[Pattern], documents: Source) -> Records:
        """Read repositories with all their platforms, whichever the user reads otherwise."""
        scan = Scan(documents, patterns, concurrency=self._connection.concurrency)
        self.progress = scan.progress
        self._scanned = await scan.run()
        return self._scanned

    async def _pushed(
        self,
        source: Any,
        writer: RegistryWriter,
        repository: str,
        tag: str | None,
        data: bytes,
        media_type: str,
        digest: str,
    ) -> pd.Series[Any]:
        before = await source.resolve(repository, tag or digest)
        await writer.push_manifest(repository, tag or digest, data, media_type, digest)
        # Believed is what the registry now gives, checked against its digest.
        await source.manifest(repository, digest)
        fields = {
            "repository": repository,
            "tag": tag,
            "digest": digest,
            "media_type": media_type,
            "replaced": before.digest if before else None,
        }
        return pd.Series(fields, name=f"{repository}:{tag}" if tag else f"{repository}@{digest}", dtype="str")


def _listed(manifests: msgspec.Raw) -> dict[str, dict[str, Any]]:
    """Return what Google's registries say of the manifests in a repository, by digest."""
    try:
        return msgspec.json.decode(manifests, type=dict[str, dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _check(repository: str, *, tag: str | None = None, digest: str | None = None) -> None:
    for text, kind, is_one in (
        (repository, "repository", is_repository),
        (tag, "tag", is_tag),
        (digest, "digest", is_verifiable),
    ):
        if text is not None and not is_one(text):
            raise InvalidReference(f"“{printable(text)}” is no {kind}.")
