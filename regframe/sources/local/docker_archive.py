"""``docker-archive:``, what ``docker save`` and ``podman save`` write: the old layout and the one with ``blobs/``.

Source: Docker's image specification 1.2 ("Combined Image JSON + Filesystem Changeset Format");
containers-transports(5), "docker-archive".
"""

from __future__ import annotations

import msgspec

from regframe.errors import InvalidDocument, NotFound, printable
from regframe.oci import media_types
from regframe.oci.config import parse_config
from regframe.oci.descriptor import Descriptor, decode
from regframe.oci.digest import digest_of
from regframe.oci.manifest import Manifest, parse_manifest
from regframe.sources import Document
from regframe.sources.local.files import Files
from regframe.sources.local.listed import ListedSource
from regframe.target import Place


class _Image(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str] | None = None
    repo_tags: list[str] | None = None


_decoder = msgspec.json.Decoder(list[_Image])


class DockerArchiveSource(ListedSource):
    """Documents of a docker-archive.

    It keeps configs and layers, and no manifests: one is made here as skopeo makes it, so that its digest is the one
    that skopeo shows. Layers are stored unpacked, and their digests are diff IDs.

    Parameters
    ----------
    files : Files
        The archive's files.
    place : Place
        Where it is.

    Raises
    ------
    InvalidDocument
        If it is no docker-archive, or lacks a file that it names.
    """

    def __init__(self, files: Files, place: Place) -> None:
        super().__init__(str(place))
        self._documents: dict[str, Document] = {}
        self._configs: dict[str, bytes] = {}
        try:
            for image in decode(_decoder, files.read("manifest.json"), "manifest.json of the archive"):
                self._keep(files, image, place)
        except NotFound as error:
            raise InvalidDocument(f"{self.name} is no whole docker-archive: {error}", operation="catalog") from None

    def _keep(self, files: Files, image: _Image, place: Place) -> None:
        data = files.read(image.config)
        config = parse_config(data)
        paths = image.layers or []
        if len(paths) != len(config.diff_ids):
            raise InvalidDocument(f"{printable(image.config)} has not as many layers as the archive gives it.")
        document = _made(data, config.diff_ids, [files.size(path) for path in paths])
        self._documents[document.digest] = document
        self._configs[digest_of(data)] = data
        self.add_named(document.digest, image.repo_tags or [], place.own_name)

    async def document(self, digest: str) -> Document:
        """Return the manifest that was made for an image."""
        if digest not in self._documents:
            raise NotFound(f"{self.name} has no image {digest}.", operation="manifest")
        return self._documents[digest]

    async def document_blob(self, digest: str) -> bytes:
        """Return a config."""
        if digest not in self._configs:
            raise NotFound(f"{self.name} has no config {digest}.", operation="blob")
        return self._configs[digest]


def _made(config: bytes, diff_ids: list[str], sizes: list[int]) -> Document:
    """Return the manifest that skopeo makes (containers/image, ``docker/internal/tarfile``), and what is true of it.

    skopeo calls the layers compressed and gives the sizes of their tars; here these are the uncompressed sizes.
    """
    encoded = msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": media_types.DOCKER_MANIFEST,
            "config": {"mediaType": media_types.DOCKER_CONFIG, "size": len(config), "digest": digest_of(config)},
            "layers": [
                {"mediaType": media_types.DOCKER_LAYER_GZIP, "size": size, "digest": diff_id}
                for diff_id, size in zip(diff_ids, sizes, strict=True)
            ],
        }
    )
    parsed = parse_manifest(encoded)
    assert isinstance(parsed, Manifest)
    layers = [Descriptor(digest=diff_id, media_type=media_types.DOCKER_LAYER_TAR) for diff_id in diff_ids]
    known = msgspec.structs.replace(parsed, layers=layers, uncompressed_sizes=tuple(sizes))
    return Document(encoded, digest_of(encoded), media_types.DOCKER_MANIFEST, known=known)
