"""The calls of a registry as coroutines: what each returns, and from what."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd

from regframe.comparison import pulled
from regframe.connection import parse_platforms
from regframe.errors import (
    ConfigurationError,
    InvalidDocument,
    InvalidReference,
    NoConnection,
    NotFound,
    RegframeError,
    Unsupported,
    printable,
)
from regframe.inventories import Inventories
from regframe.oci.descriptor import Platform
from regframe.questions import Questions
from regframe.records import is_wanted
from regframe.reference import EVERYTHING, is_repository
from regframe.scan import Depth
from regframe.selection import Selection, choose
from regframe.skopeo import inspected, this_platform
from regframe.target import ENGINES
from regframe.writer import Writer


class AsyncRegistry(Inventories, Questions, Writer):
    """The calls of a :class:`Registry` as coroutines, for programs that run an event loop; see :attr:`Registry.aio`.

    Attributes
    ----------
    errors : pandas.DataFrame
        What could not be read in the last call; one row for each.
    progress : Progress
        How far the call under way has come.
    """

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
        return await self._frame("repositories", selection, Depth.COUNTS if counts else Depth.REPOSITORIES)

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
        return await self._frame("tags", selection, Depth.MANIFESTS if resolve else Depth.TAGS)

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
        return await self._frame("images", selection, push_times=True)

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
        return await self._frame("layers", selection, uncompressed=uncompressed)

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
        return await self._frame("history", selection)

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
        return await self._frame("config", selection)

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
        meant = [
            name != repository
            and isinstance(tag, str)
            and default.matches_repository(name)
            and default.matches_tag(tag)
            for name, repository, tag in zip(names, here["repository"], here["tag"], strict=True)
        ]
        is_meant = pd.Series(meant, dtype=bool)
        # Renamed first: to a frame without rows, pandas would add those of what it is assigned.
        tags = here.assign(repository=names)[is_meant][["repository", "tag"]].drop_duplicates()
        here = here[is_meant]
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
        # Only images for the platforms that are wanted were read.
        is_read = [
            state != "gone"
            or is_wanted("image", Platform.parse(str(platform)), self._connection.platforms, in_index=True)
            for state, platform in zip(found["state"], found["platform"], strict=True)
        ]
        found = found[pd.Series(is_read, dtype=bool)].reset_index(drop=True)
        failed = found.merge(frames.errors[["repository", "tag"]].drop_duplicates(), how="left", indicator=True)
        return found.assign(state=found["state"].where(failed["_merge"] == "left_only"))

    async def _images_here(self, local: AsyncRegistry | str | None) -> pd.DataFrame:
        """Return the images of a place on this machine, or of the first engine that answers."""
        if isinstance(local, AsyncRegistry):
            return await local.images()
        if not isinstance(local, str | None):
            raise InvalidReference(f'pulled takes a place such as "podman:", or a frame of images, not {type(local)}.')
        failed: RegframeError | None = None
        for target in [local] if local else [f"{engine}:" for engine in ENGINES]:
            try:
                return await AsyncRegistry(self._connection.beside(target)).images()
            except (ConfigurationError, NoConnection) as error:
                # Without a URL nothing was found or named; what was says best why it does not answer.
                if local or isinstance(error, ConfigurationError) or error.url:
                    failed = failed or error
        if failed is not None:
            raise failed
        raise ConfigurationError(
            'No container engine answers on this machine; name a place, such as pulled("containers-storage:").'
        )

    async def manifest(self, reference: str | None = None) -> dict[str, Any]:
        """Return the manifest or the index that a reference means: the document itself.

        Raises
        ------
        NotFound
            If there is none.
        Unsupported
            If the place keeps no manifests, as an engine.
        """
        async with self._connection.place() as source:
            pattern = await self._one(reference, source)
            document = await source.manifest(pattern.repository, pattern.digest or pattern.tag or "latest")
        if not document.data:
            name = self._connection.name
            raise Unsupported(f"{name} keeps no manifests; inspect() says what it knows.", operation="manifest")
        try:
            return msgspec.json.decode(document.data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidDocument(f"The manifest of {pattern} is not a JSON object.", operation="manifest") from None
