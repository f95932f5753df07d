"""``containers-storage:``, the store of podman, buildah, skopeo and CRI-O, read without their programs.

Source: containers/storage, ``images.go`` and ``layers.go`` (records), ``store.go`` (``makeBigDataBaseName``);
containers/image, ``storage/storage_src.go`` (which manifest is an image's, and how layers are matched to it).
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from regframe.errors import ConfigurationError, NotFound, RegframeError, printable
from regframe.oci import media_types
from regframe.oci.config import ImageConfig, parse_config
from regframe.oci.descriptor import Descriptor, decode
from regframe.oci.digest import digest_of, is_verifiable, verify
from regframe.oci.manifest import Manifest, parse_manifest
from regframe.oci.schema1 import signed_bytes
from regframe.sources import Document
from regframe.sources.local.files import Folder, unreadable
from regframe.sources.local.listed import ListedSource
from regframe.sources.local.storage_conf import StoreLocation
from regframe.target import Place

# Records of images and layers grow with the store; those of a layer take about 500 bytes.
_RECORDS_LIMIT = 256 * 1024 * 1024
_WHAT = "store of podman, buildah or CRI-O"
_MANIFEST = "manifest"
_PLAIN_NAME = re.compile(r"[.0-9a-z]*")
# The order in which containers/storage tries drivers where nothing says which.
_DRIVERS = ("overlay", "btrfs", "zfs", "vfs")


class _ImageRecord(msgspec.Struct, rename="kebab"):
    id: str
    digest: str | None = None
    names: list[str] | None = None
    layer: str | None = None
    big_data_names: list[str] | None = None
    big_data_digests: dict[str, str] | None = None


class _LayerRecord(msgspec.Struct, rename="kebab"):
    id: str
    parent: str | None = None
    diff_digest: str | None = None
    diff_size: int | None = None


_Record = TypeVar("_Record", _ImageRecord, _LayerRecord)


_image_records = msgspec.json.Decoder(list[_ImageRecord])
_layer_records = msgspec.json.Decoder(list[_LayerRecord])


@dataclass(frozen=True)
class _StoredImage:
    files: Folder
    folder: str
    record: _ImageRecord

    def read(self, name: str) -> bytes:
        """Return one of the image's documents (“big data”) by its name."""
        return self.files.read(f"{self.folder}/{self.record.id}/{_file_name(name)}")

    def config(self) -> ImageConfig | None:
        """Return the image's config, if it is there and whole."""
        try:
            return (
                parse_config(self.read(self.image_id)) if self.image_id in (self.record.big_data_names or []) else None
            )
        except RegframeError:
            return None

    @property
    def image_id(self) -> str:
        """The image ID, as a digest."""
        return f"sha256:{self.record.id}"

    @property
    def digest(self) -> str:
        """The digest of the manifest; the image ID where the store does not say it."""
        digest = (self.record.big_data_digests or {}).get(_MANIFEST) or self.record.digest or ""
        return digest if is_verifiable(digest) else self.image_id


class StoreSource(ListedSource):
    """Documents of a store.

    An image is known by its config's digest, its ID. It keeps the manifest as it was pulled or built, and layers
    unpacked: the manifest says the compressed size of a layer that was pulled, and the store how large its tar is.
    What a build left between its steps is found by its ID, and is not listed, as ``podman images`` does not.

    Parameters
    ----------
    location : StoreLocation
        Where the store is.
    place : Place
        As which the user named it.

    Raises
    ------
    ConfigurationError
        If there is no store, or this user may not read it.
    InvalidDocument
        If its records are damaged.
    """

    def __init__(self, location: StoreLocation, place: Place) -> None:
        super().__init__(str(place))
        self._images: dict[str, _StoredImage] = {}
        self._configs: dict[str, _StoredImage] = {}
        self._layers: dict[str, _LayerRecord] = {}
        # A configuration made for many machines names others that are not on each.
        stores = [Folder(root, _WHAT) for root in (location.root, *filter(os.path.lexists, location.others))]
        driver = location.driver or _driver_of(location.root)
        images: list[_StoredImage] = []
        for files in stores:
            for layer in _records(files, f"{driver}-layers/layers.json", _layer_records):
                self._layers.setdefault(layer.id, layer)
            records = _records(files, f"{driver}-images/images.json", _image_records)
            images += [_StoredImage(files, f"{driver}-images", record) for record in records]
        intermediate = _intermediate(images)
        named: set[str] = set()
        for image in images:
            self._keep(image)
            if image.record.id not in intermediate:
                self._list(image, named)

    def _keep(self, image: _StoredImage) -> None:
        prefix = f"{_MANIFEST}-"
        names = image.record.big_data_names or []
        others = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        for each in (image.digest, image.image_id, *others):
            self._images.setdefault(each, image)
        for name in filter(is_verifiable, names):
            self._configs.setdefault(name, image)

    def _list(self, image: _StoredImage, named: set[str]) -> None:
        """List an image under its names; one that another store has given to another image is no longer its own."""
        names = image.record.names or []
        if not names or not named.issuperset(names):
            self.add_named(image.digest, [name for name in names if name not in named])
        named.update(names)

    async def document(self, digest: str) -> Document:
        """Return the manifest with a digest, or that of the image with an ID.

        An image that was pulled by the digest of an index keeps the index too; it is one image of it all the same.
        """
        image = self._images.get(digest)
        if image is None:
            raise NotFound(f"{self.name} has no image {printable(digest)}.", operation="manifest")
        if digest not in {image.digest, image.image_id}:
            data = image.read(f"{_MANIFEST}-{digest}")
            verify(_digested(data), digest)
            if isinstance(parse_manifest(data), Manifest):
                return self._document(data, digest, image)
        data = image.read(_MANIFEST)
        if image.digest != image.image_id:
            verify(_digested(data), image.digest)
        return self._document(data, digest_of(_digested(data)), image)

    async def document_blob(self, digest: str) -> bytes:
        """Return a config."""
        if digest not in self._configs:
            raise NotFound(f"{self.name} has no config {printable(digest)}.", operation="blob")
        return self._configs[digest].read(digest)

    def _document(self, data: bytes, digest: str, image: _StoredImage) -> Document:
        parsed = parse_manifest(data)
        if not isinstance(parsed, Manifest):
            return Document(data, digest)
        stored = self._layers_of(image)
        if len(stored) != len(parsed.layers):
            # Schema 1 counts steps without a layer too.
            return Document(data, digest)
        layers, sizes = zip(*map(_as_stored, parsed.layers, stored), strict=True) if stored else ((), ())
        known = msgspec.structs.replace(parsed, layers=list(layers), uncompressed_sizes=sizes)
        return Document(data, digest, known=known)

    def _layers_of(self, image: _StoredImage) -> list[_LayerRecord]:
        """Return an image's layers, lowest first, as far as the store knows them."""
        layers: dict[str, _LayerRecord] = {}
        name = image.record.layer
        while name and name not in layers and (record := self._layers.get(name)):
            layers[name] = record
            name = record.parent
        return list(reversed(layers.values()))


def open_store(place: Place) -> StoreSource:
    """Open a store: the one named in brackets, or that of this user.

    Parameters
    ----------
    place : Place
        Which one.

    Raises
    ------
    ConfigurationError
        If there is no store, or this user may not read it.
    InvalidDocument
        If its records are damaged.
    """
    location = StoreLocation.parse(place.path) if place.path else StoreLocation.of_this_user()
    return StoreSource(location, place)


def _driver_of(root: Path) -> str:
    """Return the driver that a store was made with, by the folders that are there."""
    try:
        found = sorted(path.name.removesuffix("-images") for path in root.iterdir() if path.name.endswith("-images"))
    except OSError as error:
        raise unreadable(root, error) from None
    if not found:
        raise ConfigurationError(f"{root} is no {_WHAT}, or no image was put in it yet.")
    return next(driver for driver in (*_DRIVERS, *found) if driver in found)


def _records(files: Folder, name: str, decoder: msgspec.json.Decoder[list[_Record]]) -> list[_Record]:
    """Return a store's records; none where the file is not there yet."""
    try:
        data = files.read(name, _RECORDS_LIMIT)
    except NotFound:
        return []
    return [] if data.strip() in {b"", b"null"} else decode(decoder, data, f"{name} of the store")


def _intermediate(images: Sequence[_StoredImage]) -> set[str]:
    """Return the IDs of images without a name of which another is one step more.

    Source: containers/common, ``libimage/layer_tree.go`` (``areParentAndChild``).
    """
    if all(image.record.names for image in images):
        return set()
    built = {image.record.id: (image, config) for image in images if (config := image.config())}
    earlier = set()
    for _, config in built.values():
        if config.history:
            before, diff_ids = tuple(config.history[:-1]), tuple(config.diff_ids)
            earlier.add((before, diff_ids))
            # The last step made a layer. What is without any layer is not looked for below one.
            if len(diff_ids) > 1:
                earlier.add((before, diff_ids[:-1]))
    return {
        image_id
        for image_id, (image, config) in built.items()
        if not image.record.names and (tuple(config.history or ()), tuple(config.diff_ids)) in earlier
    }


def _file_name(name: str) -> str:
    """Return the file name of a document: Base64 where the name has other than digits, lower case and dots.

    The last character is not looked at (containers/storage, ``makeBigDataBaseName``).
    """
    return name if _PLAIN_NAME.fullmatch(name[:-1]) else "=" + base64.b64encode(name.encode()).decode()


def _digested(data: bytes) -> bytes:
    """Return what a manifest's digest is of: of a signed one, what was signed."""
    parsed = parse_manifest(data)
    return signed_bytes(data) if parsed.media_type == media_types.SCHEMA1_SIGNED else data


def _as_stored(layer: Descriptor, record: _LayerRecord) -> tuple[Descriptor, int | None]:
    """Return what is true of a layer, and the bytes of its tar.

    One that was built here, or came from a docker-archive, was never compressed, whatever its media type says.
    """
    size = record.diff_size if record.diff_size is not None and record.diff_size >= 0 else None
    if layer.digest != record.diff_digest and media_types.compression(layer.media_type) != "none":
        return layer, size
    is_docker = layer.media_type == media_types.DOCKER_LAYER_GZIP
    media_type = media_types.DOCKER_LAYER_TAR if is_docker else layer.media_type
    plain = msgspec.structs.replace(layer, size=None, media_type=media_type)
    return plain, layer.size if size is None else size
