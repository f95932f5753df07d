"""``docker-archive:``, what ``docker save`` and ``podman save`` write: the old layout and the one with ``blobs/``.

Source: Docker's image specification 1.2 ("Combined Image JSON + Filesystem Changeset Format");
containers-transports(5), "docker-archive".
"""

from __future__ import annotations

import re

import msgspec

from regframe.errors import InvalidDocument, NotFound, RegframeError, TooLarge, printable
from regframe.oci import media_types
from regframe.oci.config import parse_config
from regframe.oci.descriptor import Descriptor, decode
from regframe.oci.digest import digest_of, verify
from regframe.oci.manifest import Manifest, parse_manifest
from regframe.sources import Document
from regframe.sources.local.files import Files, holds
from regframe.sources.local.listed import ListedSource
from regframe.target import Place

# Each config is read to make its image's manifest; a hundred thousand links could lead to one large one.
_MOST_CONFIG_BYTES = 128 * 1024 * 1024
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


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
        If it is no docker-archive. What is wrong with one of its images is raised when that is read.
    """

    def __init__(self, files: Files, place: Place) -> None:
        super().__init__(str(place))
        self._files = files
        self._documents: dict[str, Document] = {}
        self._configs: dict[str, bytes] = {}
        self._failed: dict[str, RegframeError] = {}
        self._bytes = 0
        try:
            images = decode(_decoder, files.read("manifest.json"), "manifest.json of the archive")
        except NotFound as error:
            raise InvalidDocument(f"{self.name} is no docker-archive: {error}{self._hint(place)}") from None
        for image in images:
            self._keep(image, place)

    def _keep(self, image: _Image, place: Place) -> None:
        """List an image; what is wrong with it is said when it is read."""
        try:
            document = self._read(image)
        except InvalidDocument as error:
            digest = digest_of(msgspec.json.encode(image))
            self._failed[digest] = error.without_frames()
        except NotFound as error:
            digest = digest_of(msgspec.json.encode(image))
            self._failed[digest] = InvalidDocument(f"{self.name} lacks a part of the image: {error}")
        else:
            digest = document.digest
            self._documents[digest] = document
        self.add_named(digest, image.repo_tags or [], place.own_name)

    def _read(self, image: _Image) -> Document:
        data = self._files.read(image.config)
        self._bytes += len(data)
        if self._bytes > _MOST_CONFIG_BYTES:
            raise TooLarge(f"{self.name} has more than {_MOST_CONFIG_BYTES:,} bytes of configs.")
        # A path that holds a digest is the config's name for it.
        if named := _DIGEST.search(image.config):
            verify(data, f"sha256:{named[0]}")
        diff_ids = parse_config(data).diff_ids
        paths = image.layers or []
        if len(paths) != len(diff_ids):
            raise InvalidDocument(
                f"{printable(image.config)} names {len(diff_ids)} layers, and the archive has {len(paths)} for it."
            )
        document = _made(data, diff_ids, [self._files.size(path) for path in paths])
        self._configs[digest_of(data)] = data
        return document

    def _hint(self, place: Place) -> str:
        if holds(self._files, "index.json"):
            return f" It has an index.json: try oci-archive:{place.path}."
        if holds(self._files, "repositories"):
            return " It is as Docker wrote it before 1.10: docker load and docker save make it anew."
        return ""

    async def document(self, digest: str) -> Document:
        """Return the manifest that was made for an image."""
        if digest in self._failed:
            raise self._failed[digest]
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
