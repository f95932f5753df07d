"""An engine as a place: its images by name and by ID."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

import msgspec

from regframe.errors import InvalidDocument, InvalidReference, NotFound, RegistryError, Unsupported, printable
from regframe.oci.descriptor import Descriptor, Few, Platform
from regframe.oci.digest import is_verifiable
from regframe.oci.manifest import Index
from regframe.oci.media_types import INDEXES
from regframe.reference import UNNAMED, Reference, is_digest
from regframe.sources import Document
from regframe.sources.local.engine.answers import (
    Inspected,
    Listed,
    PartOfIndex,
    PastStep,
    image_id,
    index_of,
    manifest_of,
)
from regframe.sources.local.engine.api import LIST_LIMIT, EngineAPI, open_api
from regframe.sources.local.listed import ListedSource
from regframe.target import Place


class _Version(msgspec.Struct, rename="pascal"):
    version: str = ""


class _Info(msgspec.Struct, rename="pascal"):
    driver_status: list[list[str]] | None = None


class _ManifestList(msgspec.Struct, rename="camel"):
    media_type: str = ""
    manifests: list[Descriptor] | None = None


_list = msgspec.json.Decoder(list[Listed])
_inspected = msgspec.json.Decoder(Inspected)
_history = msgspec.json.Decoder(Few[PastStep])
_version = msgspec.json.Decoder(_Version)
_info = msgspec.json.Decoder(_Info)
_manifest_list = msgspec.json.Decoder(_ManifestList)
# Podman compares the pattern with the last part of a name, too, and looks into no image if all are asked for.
_ALL_NAMES = {"filters": '{"reference":["*"]}', "all": "true"}


@asynccontextmanager
async def open_engine(place: Place, seconds: float) -> AsyncIterator[EngineSource]:
    """Find an engine, and close the connections to it at the end.

    Parameters
    ----------
    place : Place
        Docker's or Podman's.
    seconds : float
        How long to wait for a connection, and for each part of an answer.

    Raises
    ------
    NoConnection
        If it is not there, with how to start it.
    RegframeError
        If a setting leads nowhere, or what answers is no engine.
    """
    async with open_api(place, seconds) as api:
        yield EngineSource(place, api)


class EngineSource(ListedSource):
    """Images of an engine.

    An engine gives no documents, but what they say. An image's ID is the digest of its config, or of its manifest where
    Docker keeps images in containerd's store. Layers are known by their diff IDs, with their unpacked sizes.

    Parameters
    ----------
    place : Place
        Docker's or Podman's.
    api : EngineAPI
        The engine.
    """

    def __init__(self, place: Place, api: EngineAPI) -> None:
        super().__init__(str(place))
        self._api = api
        self._listing = asyncio.Lock()
        self._is_listed = False
        # The manifests of an index are asked for by the index's name and their platform.
        self._parts: dict[str, str] = {}
        self._has_containerd_store: bool | None = None

    async def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names of all repositories."""
        await self._list()
        async for repository in super().repositories(namespaces):
            yield repository

    async def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository, and the digests of its images without a tag."""
        await self._list()
        async for tag in super().tags(repository):
            yield tag

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return what the engine says of an image, by its tag, its manifest's digest or its ID."""
        if isinstance(reference, Descriptor):
            return await self._part(repository, reference)
        if not is_digest(reference):
            return await self._image(f"{repository}:{reference}", repository, reference)
        if repository != UNNAMED:
            with suppress(NotFound):
                return await self._image(f"{repository}@{reference}", repository, reference)
        # Of an image that was never pushed or pulled, only the ID is known.
        return await self._image(reference, repository, reference)

    async def document(self, digest: str) -> Document:
        """Return what the engine says of the image with an ID."""
        return await self._image(digest, UNNAMED, digest)

    async def document_blob(self, digest: str) -> bytes:
        """Return nothing ever: what an engine says of a config comes with the image."""
        raise NotFound(f"{self.name} gives no documents, only what they say.", operation="blob")

    async def ping(self) -> dict[str, str | None]:
        """Return where the engine is, what it calls itself, and which version of its API it speaks."""
        engine = "Podman" if self._api.libpod_version else "Docker"
        said = await self._api.ask("/version", _version)
        return {
            **await super().ping(),
            "url": self._api.url,
            "api_version": self._api.libpod_version or self._api.version,
            "server": f"{engine} {printable(said.version, 100)}".strip(),
        }

    async def _list(self) -> None:
        async with self._listing:
            if self._is_listed:
                return
            for image in await self._images():
                self._add(image)
            self._is_listed = True

    async def _images(self) -> list[Listed]:
        if not self._api.libpod_version:
            return await self._api.ask("/images/json", _list, limit=LIST_LIMIT)
        try:
            return await self._api.ask_libpod("/images/json", _list, limit=LIST_LIMIT)
        except RegistryError as error:
            if error.status != 500:
                raise
            # Podman 4.3 cannot list a manifest list of local images, but it can where names are asked for.
            return await self._api.ask_libpod("/images/json", _list, limit=LIST_LIMIT, query=_ALL_NAMES)

    def _add(self, image: Listed) -> None:
        # Without a name it says “<none>:<none>”.
        tags = [tag for tag in image.repo_tags or [] if _is_reference(tag)]
        digests = [name for name in image.repo_digests or [] if _is_reference(name)]
        if tags or not digests:
            self.add_named(image_id(image.id), tags)
            return
        for reference in map(Reference.parse, digests):
            self.add(reference.digest or "", f"{reference.registry}/{reference.repository}")

    async def _image(self, name: str, repository: str, reference: str) -> Document:
        """Ask for one image by a name of any kind."""
        try:
            image = await self._inspect(name)
        except NotFound as error:
            if self._api.libpod_version and "manifest list" in str(error):
                identifier = await self._list_of_podman(repository, reference)
                if identifier is not None:
                    return await self._podman_list(identifier)
            said = f"{self.name} has no image {name}{self._hint(name)}."
            raise NotFound(said, operation="manifest", status=404, url=error.url) from None
        if self._api.libpod_version and not _is_named(image, name, reference):
            # Podman shows an image of a manifest list for the list.
            identifier = await self._list_of_podman(repository, reference)
            if identifier is not None and identifier != image_id(image.id):
                return await self._podman_list(identifier)
        if image.manifests and image.descriptor and image.descriptor.media_type in INDEXES:
            return self._index(name, image.descriptor, image.manifests)
        return await self._document(image, name, repository)

    def _hint(self, name: str) -> str:
        """Return under which name Podman keeps what was built here."""
        official = "docker.io/library/"
        is_short = bool(self._api.libpod_version) and name.startswith(official)
        return f"; what was built here is named localhost/{name.removeprefix(official)}" if is_short else ""

    async def _inspect(self, name: str, platform: Platform | None = None) -> Inspected:
        path = f"/images/{name}/json"
        if self._api.libpod_version:
            return await self._api.ask_libpod(path, _inspected)
        # Docker refuses both at once.
        query = _of_platform(platform) if platform else {"manifests": "true"}
        return await self._api.ask(path, _inspected, query=query)

    async def _history(self, name: str, platform: Platform | None = None) -> list[PastStep]:
        return await self._api.ask(
            f"/images/{name}/history", _history, query=_of_platform(platform) if platform else {}
        )

    async def _document(self, image: Inspected, name: str, repository: str) -> Document:
        if not is_verifiable(image_id(image.id)):
            raise InvalidDocument(f"{self.name} gives {name} an ID that is no digest.", operation="manifest")
        is_config_digest = not await self._is_manifest_digest(image)
        manifest = manifest_of(image, await self._history(name), is_config_digest=is_config_digest)
        digest = _manifest_digest(image, repository) if is_config_digest else image_id(image.id)
        return Document(b"", digest, manifest.media_type or None, known=manifest)

    async def _is_manifest_digest(self, image: Inspected) -> bool:
        """Return whether an image's ID is the digest of its manifest, as with containerd's store."""
        if self._api.libpod_version:
            return False
        if image.descriptor is not None or image.id in _digests(image).values():
            return True
        if self._has_containerd_store is None:
            info = await self._api.ask("/info", _info)
            status = [text for pair in info.driver_status or [] for text in pair]
            self._has_containerd_store = any(text.startswith("io.containerd.snapshotter") for text in status)
        return self._has_containerd_store

    def _index(self, name: str, descriptor: Descriptor, parts: list[PartOfIndex]) -> Document:
        index = index_of(descriptor, parts)
        self._parts.update({entry.digest: name for entry in index.manifests})
        return Document(b"", descriptor.digest, descriptor.media_type, known=index)

    async def _part(self, repository: str, entry: Descriptor) -> Document:
        if self._api.libpod_version:
            return await self._image(f"{repository}@{entry.digest}", repository, entry.digest)
        name = self._parts.get(entry.digest, f"{repository}@{entry.digest}")
        image = await self._inspect(name, entry.platform)
        if image.id != entry.digest and not _is_for(image, entry.platform):
            raise Unsupported(
                f"{self.name} says nothing of {name} for {entry.platform}, only for the platform it runs on; "
                "Docker 28.1 and newer say more.", operation="manifest",
            )  # fmt: skip
        part = msgspec.structs.replace(image, descriptor=entry)
        manifest = manifest_of(part, await self._history(name, entry.platform), is_config_digest=False)
        return Document(b"", entry.digest, entry.media_type, known=manifest)

    async def _list_of_podman(self, repository: str, reference: str) -> str | None:
        await self._list()
        return reference if is_digest(reference) else self._listed.get(repository, {}).get(reference)

    async def _podman_list(self, identifier: str) -> Document:
        """Return a manifest list by its ID, since of a name that is not here Podman would ask a registry."""
        found = await self._api.ask_libpod(f"/manifests/{identifier.rpartition(':')[2]}/json", _manifest_list)
        index = Index(found.media_type, found.manifests or [], {}, None, None)
        return Document(b"", identifier, found.media_type, known=index)


def _is_named(image: Inspected, name: str, reference: str) -> bool:
    """Return whether an image has the name by which it was asked for."""
    if is_digest(reference):
        return reference in {image_id(image.id), image.digest, *_digests(image).values()}
    return name in (image.repo_tags or [])


def _of_platform(platform: Platform) -> dict[str, str]:
    """Return the query that asks for one platform of an index (API 1.48 and 1.49)."""
    known = {name: part for name, part in msgspec.to_builtins(platform).items() if part}
    return {"platform": msgspec.json.encode(known).decode()}


def _is_for(image: Inspected, platform: Platform | None) -> bool:
    found = Platform(image.os, image.architecture, image.variant or None)
    return platform is None or found.matches(platform)


def _is_reference(text: str) -> bool:
    try:
        return is_verifiable(Reference.parse(text).digest or f"sha256:{64 * '0'}")
    except InvalidReference:
        return False


def _digests(image: Inspected) -> dict[str, str]:
    """Return the manifest's digest by the repository where it is known by it."""
    found: dict[str, str] = {}
    for name in image.repo_digests or []:
        if _is_reference(name):
            reference = Reference.parse(name)
            found.setdefault(f"{reference.registry}/{reference.repository}", reference.digest or "")
    return found


def _manifest_digest(image: Inspected, repository: str) -> str:
    """Return the manifest's digest, best by the name of the repository; the ID where it is not known."""
    if is_verifiable(image.digest):
        return image.digest
    digests = _digests(image)
    return digests.get(repository) or next(iter(digests.values()), image_id(image.id))
