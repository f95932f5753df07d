"""skopeo's ``dir:``: one image as files in a folder, each named after its digest.

Source: containers-transports(5), "dir:path".
"""

from __future__ import annotations

from regframe.errors import InvalidDocument, NotFound
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import digest_of, verify
from regframe.oci.manifest import parse_manifest
from regframe.oci.media_types import SCHEMA1_SIGNED
from regframe.oci.schema1 import signed_bytes
from regframe.sources import Document
from regframe.sources.local.files import Files, holds
from regframe.sources.local.listed import ListedSource
from regframe.target import Place


class DirectorySource(ListedSource):
    """Documents of a ``dir:`` folder: one image, or an index with its manifests.

    The folder keeps no name: the repository is the folder's name, and the image has no tag.

    Parameters
    ----------
    files : Files
        The folder's files.
    place : Place
        Where it is.

    Raises
    ------
    InvalidDocument
        If there is no manifest.
    """

    def __init__(self, files: Files, place: Place) -> None:
        super().__init__(str(place))
        self._files = files
        try:
            self._top = files.read("manifest.json")
        except NotFound as error:
            hint = f" It has an index.json: try oci:{place.path}." if holds(files, "index.json") else ""
            raise InvalidDocument(
                f"{self.name} is no folder that skopeo wrote: {error}{hint}", operation="catalog"
            ) from None
        is_signed = parse_manifest(self._top).media_type == SCHEMA1_SIGNED
        self._digest = digest_of(signed_bytes(self._top) if is_signed else self._top)
        self.add(self._digest, place.own_name)

    async def document(self, digest: str) -> Document:
        """Return the manifest, the index or one of its manifests."""
        if digest == self._digest:
            return Document(self._top, digest)
        data = self._files.read(f"{_encoded(digest)}.manifest.json")
        verify(data, digest)
        return Document(data, digest)

    async def document_blob(self, digest: str) -> bytes:
        """Return the bytes of a small blob."""
        return self._files.read(_encoded(digest))

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return a blob's last bytes."""
        return self._files.read_end(_encoded(descriptor.digest), count)


def _encoded(digest: str) -> str:
    return digest.rpartition(":")[2]
