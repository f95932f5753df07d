"""OCI image layouts, as a folder (``oci:``) or a tar (``oci-archive:``).

Source: OCI image-spec 1.1 ``image-layout.md``.
"""

from __future__ import annotations

from regframe.errors import InvalidDocument, InvalidReference, NotFound, printable
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import is_verifiable, verify
from regframe.oci.manifest import Index, parse_manifest
from regframe.reference import UNNAMED, Pattern, is_tag
from regframe.sources import Document
from regframe.sources.local.files import Files, holds
from regframe.sources.local.listed import ListedSource
from regframe.target import Place

_NAME = "org.opencontainers.image.ref.name"
# What containerd writes beside it: the whole name, where the other one is only the tag.
_CONTAINERD_NAME = "io.containerd.image.name"


class LayoutSource(ListedSource):
    """Documents of an image layout.

    An image's name comes from the annotation ``org.opencontainers.image.ref.name``: a tag, or a whole reference.
    What has only a tag, or no name, is in one repository named after the folder or the file.

    Parameters
    ----------
    files : Files
        The layout's files.
    place : Place
        Where it is.

    Raises
    ------
    InvalidDocument
        If it is no image layout.
    """

    def __init__(self, files: Files, place: Place) -> None:
        super().__init__(str(place))
        self._files = files
        try:
            data = files.read("index.json")
        except NotFound as error:
            other = "docker-archive" if place.transport == "oci-archive" else "dir"
            hint = f" It has a manifest.json: try {other}:{place.path}." if holds(files, "manifest.json") else ""
            raise InvalidDocument(f"{self.name} is no OCI image layout: {error}{hint}", operation="catalog") from None
        index = parse_manifest(data)
        if not isinstance(index, Index):
            raise InvalidDocument(f"The index.json of {self.name} is no image index.", operation="catalog")
        self._media_types = {entry.digest: entry.media_type or None for entry in index.manifests}
        for entry in index.manifests:
            repository, tag = _named(entry, place)
            self.add(entry.digest, repository, tag)

    async def document(self, digest: str) -> Document:
        """Return the manifest or the index with a digest."""
        data = await self.document_blob(digest)
        verify(data, digest)
        return Document(data, digest, self._media_types.get(digest))

    async def document_blob(self, digest: str) -> bytes:
        """Return the bytes of a small blob."""
        return self._files.read(_path(digest))

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return a blob's last bytes."""
        return self._files.read_end(_path(descriptor.digest), count)


def _path(digest: str) -> str:
    if not is_verifiable(digest):
        raise InvalidDocument(f"“{printable(digest)}” is not a digest that can be checked.")
    return f"blobs/{digest.replace(':', '/')}"


def _named(entry: Descriptor, place: Place) -> tuple[str, str | None]:
    name = entry.annotation(_CONTAINERD_NAME) or entry.annotation(_NAME) or ""
    if not name or is_tag(name):
        return place.own_name, name or None
    try:
        pattern = Pattern.parse_local(name, is_qualified=entry.annotation(_CONTAINERD_NAME) is not None)
    except InvalidReference:
        return place.own_name, None
    is_name = pattern.names_repository and (pattern.tag is None or pattern.names_tag) and pattern.repository != UNNAMED
    return (pattern.repository, pattern.tag) if is_name else (place.own_name, None)
