"""The calls of a registry as coroutines: what each returns, and from what."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd

from regframe.comparison import pulled
from regframe.connection import parse_platforms
from regframe.doctor import Doctor
from regframe.errors import ConfigurationError, InvalidDocument, InvalidReference, NoConnection, NotFound, printable
from regframe.frames import frame
from regframe.inventory import Inventory
from regframe.plan import Rehearsal, planned, without_rehearsal
from regframe.reader import Reader
from regframe.records import Records
from regframe.reference import EVERYTHING, is_repository
from regframe.referrers import ReferrerSearch
from regframe.resume import check, covered, joined
from regframe.scan import Depth
from regframe.selection import Selection, choose
from regframe.skopeo import inspected, this_platform
from regframe.sources.cache import DocumentCache
from regframe.sources.pace import Allowance
from regframe.target import ENGINES


class AsyncRegistry(Reader):
    """The calls of a :class:`Registry` as coroutines, for programs that run an event loop; see :attr:`Registry.aio`.

    Attributes
    ----------
    errors : pandas.DataFrame
        What could not be read in the last call; one row for each.
    progress : Progress
        How far the call under way has come.
    """

    async def ping(self) -> pd.Series[Any]:
        """Return how the registry presents itself, after logging in.

        Returns
        -------
        pandas.Series
            ``registry``, ``url``, ``api_version``, ``auth`` (none, basic or bearer) and ``server``.

        Raises
        ------
        RegframeError
            If it cannot be reached, refuses the credentials, or is not a registry.

        Examples
        --------
        >>> registry.ping()["auth"]  # doctest: +SKIP
        'basic'
        """
        async with self._connection.place() as source:
            return pd.Series(await source.ping(), name=self._connection.name, dtype="str")

    async def limits(self) -> pd.Series[Any]:
        """Return what the registry's rate limit leaves, by a request that it does not count.

        Returns
        -------
        pandas.Series
            ``limit`` and ``remaining`` (requests), ``window`` (seconds), and ``asked``, the request whose answer said
            so. Missing is what the registry does not say; most say nothing, and few have a limit.

        Raises
        ------
        RegframeError
            If the registry cannot be reached, or refuses the credentials.

        Examples
        --------
        >>> Registry("docker.io").limits()["remaining"]  # doctest: +SKIP
        97
        """
        async with self._connection.source() as source:
            asked, allowance = await source.limits()
        limits = vars(allowance or Allowance())
        return pd.Series({**limits, "asked": asked}, name=self._connection.name, dtype="object")

    async def doctor(self, reference: str | None = None) -> pd.DataFrame:
        """Return what the registry offers and how, each with what that means for an inventory.

        It is made to go into a bug report: no credentials, no token and no user's name is in it. Nothing is changed
        in the registry. What cannot be found out is a row, and so is a registry that cannot be reached.

        Parameters
        ----------
        reference : str, optional
            An image to try things on; without it the target's own, or the first that the registry lists.

        Returns
        -------
        pandas.DataFrame
            ``check`` (address, TLS, certificate, HTTP, clock, login, catalog, HEAD, digest header, ranges, referrers,
            rate limit, …), ``result``, ``verdict`` (good, note, problem, not tested), ``meaning``.

        Raises
        ------
        InvalidReference
            If the reference is none.

        Examples
        --------
        >>> found = registry.doctor()                           # doctest: +SKIP
        >>> found[found["verdict"] == "problem"]                # doctest: +SKIP
        """
        image = self._connection.pattern(reference) if reference else None
        async with self._connection.source() as source:
            findings = [vars(finding) async for finding in Doctor(self._connection, source).findings(image)]
        return frame("doctor", [tuple(finding.values()) for finding in findings])

    async def repositories(
        self, selection: Selection = None, *, namespace: str | None = None, counts: bool = False
    ) -> pd.DataFrame:
        """Return the repositories in the catalog, or in one namespace.

        Docker Hub has no catalog: it is asked for a namespace, by its own API, as are quay.io, Harbor and Google's
        registries. Others are asked for their catalog. A glob such as ``"library/*"`` names its namespace too, in every
        method that takes a selection.

        Parameters
        ----------
        selection : Selection
            A glob such as ``"team/*"``, a name, or a list of these; everything without it.
        namespace : str, optional
            A user, an organization, a project, or what else stands before the last slash; in place of a selection.
        counts : bool
            Whether to count each one's tags, at the cost of a request for each.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tags`` (count, where known).

        Raises
        ------
        Unsupported
            If the registry does not offer its catalog.
        NotFound
            If it has no such namespace.
        InvalidReference
            If there is a selection and a namespace, or the namespace is none.
        """
        if namespace is not None:
            if selection is not None:
                raise InvalidReference("Give a selection or a namespace; a selection such as library/n* names both.")
            if not is_repository(namespace):
                raise InvalidReference(f"“{printable(namespace)}” is no namespace; an example is library.")
            selection = f"{namespace}/*"
        frames = await self._frames(selection, Depth.COUNTS if counts else Depth.REPOSITORIES)
        return self._checked(frames, frames.repositories)

    async def tags(self, selection: Selection = None, *, resolve: bool = False) -> pd.DataFrame:
        """Return the tags, in natural version order (2.4.9 before 2.4.10).

        Parameters
        ----------
        selection : Selection
            A repository, a glob such as ``"httpd:2.4.*"``, or a list of these; everything without it.
        resolve : bool
            Whether to ask what each tag points to, at the cost of a request for each.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag``, ``digest``, ``media_type``, ``kind`` (missing unless resolved), and ``major``,
            ``minor``, ``patch``, ``prerelease``, ``variant`` where the tag is written as a version.
        """
        frames = await self._frames(selection, Depth.MANIFESTS if resolve else Depth.TAGS)
        return self._checked(frames, frames.tags)

    async def images(self, selection: Selection = None) -> pd.DataFrame:
        """Return each tag's images, one row for each platform.

        Parameters
        ----------
        selection : Selection
            A reference, a repository, a glob, a list of these or a frame; everything without it.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag``, ``digest`` (of the manifest), ``platform`` (os/architecture/variant),
            ``index_digest``, ``config_digest`` (the image ID), ``media_type``, ``kind`` (image, attestation,
            artifact, signature), ``artifact_type``, ``subject`` (the digest that an artifact is about), ``os``,
            ``architecture``, ``variant``, ``created`` (as the config has it), ``released_at`` with
            ``released_source``, ``layers`` (count), ``size`` (bytes of its layers, compressed),
            ``uncompressed_size`` (where it is known), ``manifest_size``, ``config_size`` and ``index_size`` (bytes of
            the documents), ``base_name`` and ``base_digest`` (what the image says that it was built on).
        """
        frames = await self._frames(selection, push_times=True)
        return self._checked(frames, frames.images)

    async def layers(self, selection: Selection = None, *, uncompressed: bool = False) -> pd.DataFrame:
        """Return each image's layers, the lowest first, with the step that made each.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.
        uncompressed : bool
            Whether to estimate how large compressed layers are once unpacked, where nothing says it: from an annotation
            of eStargz, or the last four bytes of a gzip layer, at the cost of a request for each layer.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag``, ``digest`` (of the image), ``platform``, ``position`` (from 0), ``layer_digest``,
            ``diff_id``, ``media_type``, ``compression``, ``size`` (bytes, compressed), ``uncompressed_size`` with
            ``uncompressed_estimated``, ``stored`` (foreign layers are not), ``created``, ``created_by``.
        """
        frames = await self._frames(selection, uncompressed=uncompressed)
        return self._checked(frames, frames.layers)

    async def history(self, selection: Selection = None) -> pd.DataFrame:
        """Return each image's history: the steps of its build, with the layer that each made.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag``, ``digest`` (of the image), ``platform``, ``step`` (from 0), ``created``,
            ``created_by``, ``comment``, ``empty_layer``, ``layer_digest``, ``size`` (bytes, compressed),
            ``uncompressed_size``.
        """
        frames = await self._frames(selection)
        return self._checked(frames, frames.history)

    async def config(self, selection: Selection = None) -> pd.DataFrame:
        """Return each image's settings, one a row.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag``, ``digest`` (of the image), ``platform``, ``section`` (env, label, port, volume,
            entrypoint, cmd, shell, onbuild, user, workdir, stop_signal, healthcheck), ``name``, ``value``. Lists
            such as entrypoint are JSON arrays; a health check's times are nanoseconds.
        """
        frames = await self._frames(selection)
        return self._checked(frames, frames.config)

    async def inventory(self, selection: Selection = None, *, resume: Inventory | None = None) -> Inventory:
        """Return all frames of one scan.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.
        resume : Inventory, optional
            An earlier inventory to go on with, such as one that was interrupted or ended with errors. Lists are read
            anew, and one request asks for each tag whether it has moved; what has not, and had no error, is taken
            from there. An image whose release is only known as ``seen`` keeps the date at which it was seen first.

        Returns
        -------
        Inventory
            ``repositories``, ``tags``, ``images``, ``layers``, ``history``, ``config`` and ``errors``.

        Raises
        ------
        Interrupted
            At an interrupt (as a ``KeyboardInterrupt``, which it is); its ``inventory`` is what was read so far.
        InvalidReference
            If the earlier inventory is one of another registry, or of other platforms.
        """
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        covers = covered(self._connection.platforms, chosen.only)
        if resume is not None:
            check(resume, self._connection.name, covers)

        def inventory(records: Records, *, complete: bool) -> Inventory:
            frames = self._framed(records, chosen.only)
            frames = joined(frames, resume, records.kept) if resume is not None else frames
            return Inventory(
                **vars(frames),
                registry=self._connection.name,
                taken_at=records.started,
                complete=complete,
                covers=covers,
            )

        async with self._connection.documents() as source:
            scan = self._scan(source, chosen, resume=resume, push_times=True)
            self._so_far = lambda: inventory(scan.so_far(), complete=False)
            self._scanned = await scan.run()
        taken = inventory(self._scanned, complete=True)
        self.errors = taken.errors
        if taken.repositories.empty and taken.tags.empty:
            self._raise_first()
        return taken

    async def plan(self, selection: Selection = None, *, resolve: bool = True) -> pd.Series[Any]:
        """Return what an inventory would ask for, and what the registry's rate limit leaves.

        This reads the lists of tags, and asks by one HEAD request what each tag points to, which Docker Hub does not
        count. It asks for no document.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.
        resolve : bool
            Whether to ask what tags point to. Without it, nothing is known of the cache, and only the lists are read.

        Returns
        -------
        pandas.Series
            ``repositories`` and ``tags`` (counts); ``cached``, how many documents the cache answers; ``requests_least``
            and ``requests_expected``, how many requests an inventory takes: surely, and by an estimate for indexes
            that were never read (they are taken to hold what the others hold on average, or 4 images); of these
            ``manifests_expected`` are GET requests for manifests, which is what Docker Hub counts; ``limit``,
            ``remaining`` and ``window`` (seconds) of the rate limit. Missing is what is not known.

        Examples
        --------
        >>> plan = registry.plan("library/python")                      # doctest: +SKIP
        >>> plan["manifests_expected"] <= plan["remaining"]             # doctest: +SKIP
        True
        """
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        async with self._connection.source() as source, DocumentCache.opened(self._connection.cache) as documents:
            rehearsal = Rehearsal(source, documents, resolve=resolve)
            scan = self._scan(rehearsal, chosen, strict=False)
            records = await scan.run()
            plan = planned(
                rehearsal,
                records,
                tags=scan.progress.tags,
                lists=source.requests["GET"] + source.requests["POST"],
                platforms=len(self._connection.platforms),
                head_first=self._connection.asks_head_first and self._connection.cache is not None,
                allowance=source.allowance,
            )
        self._scanned = without_rehearsal(records)
        self.errors = self._framed(self._scanned, chosen.only).errors
        if self._connection.strict or not plan["tags"]:
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=3)
        return plan

    async def inspect(self, reference: str | None = None, *, platform: str | None = None) -> pd.Series[Any]:
        """Return the fields of ``skopeo inspect`` for one image.

        Parameters
        ----------
        reference : str, optional
            The image; the target's own without it.
        platform : str, optional
            Which image of an index; the registry's platform, else this machine's without it.

        Returns
        -------
        pandas.Series
            ``Name``, ``Digest``, ``RepoTags``, ``Created``, ``DockerVersion``, ``Labels``, ``Architecture``, ``Os``,
            ``Layers``, ``LayersData``, ``Env``, as skopeo names them.

        Raises
        ------
        NotFound
            If there is no such image, or none for the platform.
        """
        wanted = parse_platforms(platform) if platform else self._connection.platforms
        async with self._connection.documents() as source:
            pattern = await self._one(reference, source)
            name = self._connection.full_name(pattern)
            fields = await inspected(source, name, pattern, wanted[0] if wanted else this_platform())
        return pd.Series(fields, name=str(pattern), dtype="object")

    async def referrers(self, reference: str | None = None, *, artifact_type: str | None = None) -> pd.DataFrame:
        """Return what is attached to an image: signatures, SBOMs, attestations and other artifacts.

        They are looked for in all ways there are: by the referrers API or, where there is none, its tag; by cosign's
        tags; and among the entries of the image's index. The index is looked at, and each image that it names.

        Parameters
        ----------
        reference : str, optional
            The image; the target's own without it.
        artifact_type : str, optional
            What to look for; everything without it.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``subject`` (the digest of what it is attached to), ``platform`` (of that, where an index
            names it), ``digest``, ``kind``, ``artifact_type`` (its own, else what all its layers are),
            ``predicate_type`` (what an attestation states, such as ``https://spdx.dev/Document``), ``media_type``,
            ``size`` (bytes of its layers), ``manifest_size``, ``created`` (where an annotation says so), ``found_by``
            (referrers API, referrers tag, cosign tag, index), ``annotations`` (JSON).

        Raises
        ------
        NotFound
            If there is no such image.

        Examples
        --------
        >>> registry.referrers("team/app:1.0")[["kind", "predicate_type", "found_by"]]  # doctest: +SKIP
        """
        async with self._connection.opened() as (source, documents):
            pattern = await self._one(reference, source)
            search = ReferrerSearch(source, documents, pattern.repository, artifact_type, self._connection.concurrency)
            rows = await search.rows(pattern.digest or pattern.tag or "latest")
        self._scanned = Records(failures=search.failures)
        self.errors = self._framed(self._scanned, frozenset()).errors
        if self._connection.strict:
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=3)
        return frame("referrers", rows)

    async def pulled(self, local: AsyncRegistry | str | pd.DataFrame | None = None) -> pd.DataFrame:
        """Return which of this registry's tags are on this machine already, and which of those are out of date.

        Only these tags are asked for. What the registry no longer has is a row, and no error.

        Parameters
        ----------
        local : Registry, str or DataFrame, optional
            Where to look: a place such as ``"podman:"``, or a frame of images of one; without it Docker's engine, or
            Podman's where that does not answer. What counts are the images named after this registry.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``tag``, ``platform``, ``state`` (current, out of date, ahead if the one here is newer, gone
            from the registry; missing where it could not be read), and ``digest``, ``config_digest`` and ``created``,
            each ``_here`` and ``_there``.

        Raises
        ------
        ConfigurationError
            If there is no engine on this machine.

        Examples
        --------
        >>> found = rf.Registry("localhost:5000").pulled("podman:")  # doctest: +SKIP
        >>> found[found["state"] == "out of date"]                   # doctest: +SKIP
        """
        here = local if isinstance(local, pd.DataFrame) else await self._images_here(local)
        here = here.reset_index(drop=True)
        default = self._connection.default or EVERYTHING
        names = here["repository"].str.removeprefix(f"{self._connection.name}/")
        is_meant = [
            name != repository
            and isinstance(tag, str)
            and default.matches_repository(name)
            and default.matches_tag(tag)
            for name, repository, tag in zip(names, here["repository"], here["tag"], strict=True)
        ]
        here = here[pd.Series(is_meant, index=here.index, dtype=bool)]
        tags = (here.assign(repository=names)[["repository", "tag"]]).drop_duplicates()
        chosen = choose(tags, self._connection.pattern, None)
        async with self._connection.documents() as source:
            records = await self._scan(source, chosen, strict=False).run()
        records.failures = [failure for failure in records.failures if not isinstance(failure.error, NotFound)]
        self._scanned = records
        frames = self._framed(records, chosen.only)
        self.errors = frames.errors
        if self._connection.strict or (frames.images.empty and len(tags)):
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=3)
        found = pulled(here, frames.images, self._connection.name)
        failed = found.merge(frames.errors[["repository", "tag"]].drop_duplicates(), how="left", indicator=True)
        return found.assign(state=found["state"].where(failed["_merge"] == "left_only"))

    async def _images_here(self, local: AsyncRegistry | str | None) -> pd.DataFrame:
        """Return the images of a place on this machine, or of the first engine that answers."""
        if isinstance(local, AsyncRegistry):
            return await local.images()
        for target in [local] if local else [f"{engine}:" for engine in ENGINES]:
            try:
                return await AsyncRegistry(self._connection.beside(target)).images()
            except (ConfigurationError, NoConnection):
                if local:
                    raise
        raise ConfigurationError(
            'No container engine answers on this machine; name a place, such as pulled("containers-storage:").'
        )

    async def manifest(self, reference: str | None = None) -> dict[str, Any]:
        """Return the manifest or the index that a reference means: the document itself.

        Raises
        ------
        NotFound
            If there is none.
        """
        async with self._connection.place() as source:
            pattern = await self._one(reference, source)
            document = await source.manifest(pattern.repository, pattern.digest or pattern.tag or "latest")
        try:
            return msgspec.json.decode(document.data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidDocument(f"The manifest of {pattern} is not a JSON object.", operation="manifest") from None
