"""Records to DataFrames: what a scan has read, as rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from regframe.bounds import images_within
from regframe.errors import RegframeError
from regframe.frames import IMAGE_COLUMNS, SCHEMAS, Frames, Texts, frame, frame_of
from regframe.oci.config import ImageConfig, layer_of_each_step, settings
from regframe.oci.descriptor import Platform
from regframe.oci.kind import Kind, kind_of_manifest, kind_of_tag, subject_of_tag
from regframe.oci.manifest import Manifest
from regframe.oci.media_types import compression, is_stored
from regframe.order import place, runs
from regframe.records import Image, Records
from regframe.version import parse_version

_Unpacked = list[tuple[int | None, bool | None]]
"""Each layer's uncompressed size, and whether that is an estimate."""


def frames_of(
    records: Records,
    platforms: tuple[Platform, ...] = (),
    only: frozenset[str] = frozenset(),
    *,
    is_local: bool = False,
    texts: Texts | None = None,
    names: Collection[str] = SCHEMAS,
) -> Frames:
    """Return the frames of everything that a scan has read, or some of them by their names and the others empty.

    Repositories keep the registry's order, tags stand in natural version order, images in the order of their index,
    layers and history from the lowest on. Texts are shared with the frames that had the same ``texts`` before.

    Raises
    ------
    TooLarge
        If they are those of a place on this machine, and have more rows than these may.
    """
    texts = Texts() if texts is None else texts
    order = {name: position for position, name in enumerate(records.repositories)}
    tags = sorted(records.tags, key=lambda tag: place(order, tag.repository, tag.tag, tag.digest))
    behind = images_within(records, platforms, only, is_local=is_local)
    rows = [
        (tag.repository, tag.tag, records.tagged(image, tag.repository, tag.tag))
        for tag in tags
        for image in behind.get(tag.digest or "", [])
    ]
    shown = [image for _, _, image in rows]
    # What tags of one image have in common is made once.
    each = {id(image): image for image in shown}
    unpacked = {image.digest: _uncompressed(image.manifest, records.estimates) for image in each.values()}
    fields = {key: _image_fields(image, records, unpacked[image.digest]) for key, image in each.items()}
    image_rows = (_image_row(repository, tag, *fields[id(image)]) for repository, tag, image in rows)
    images = frame("images", image_rows, texts)
    pointed = {digest: _pointed(records, digest) for digest in (None, *behind)}
    made: dict[str, Callable[[], pd.DataFrame]] = {
        "repositories": lambda: frame("repositories", records.repositories.items(), texts),
        "tags": lambda: frame("tags", [_tag_row(tag.repository, tag.tag, *pointed[tag.digest]) for tag in tags], texts),
        "images": lambda: images,
        "layers": lambda: _below("layers", images, shown, partial(_layer_rows, unpacked=unpacked), texts),
        "history": lambda: _below("history", images, shown, partial(_history_rows, unpacked=unpacked), texts),
        "config": lambda: _below("config", images, shown, _config_rows, texts),
        "errors": lambda: frame("errors", sorted(_error_rows(records), key=partial(_error_place, order)), texts),
    }
    return Frames(**{name: make() if name in names else frame(name) for name, make in made.items()})


def _below(
    name: str,
    images: pd.DataFrame,
    shown: list[Image],
    rows_of: Callable[[Image], Iterable[tuple[Any, ...]]],
    texts: Texts,
) -> pd.DataFrame:
    """Return a frame with some rows for each row of the images frame; rows of one manifest are made once."""
    rows: list[tuple[Any, ...]] = []
    blocks: dict[str, tuple[int, int]] = {}
    for image in shown:
        if image.digest not in blocks:
            start = len(rows)
            rows.extend(rows_of(image))
            blocks[image.digest] = (start, len(rows) - start)
    starts, counts = np.array([blocks[image.digest] for image in shown], dtype="int64").reshape(-1, 2).T
    own = {column: dtype for column, dtype in SCHEMAS[name].items() if column not in IMAGE_COLUMNS}
    left = images[list(IMAGE_COLUMNS)].take(np.repeat(np.arange(len(shown)), counts)).reset_index(drop=True)
    left["platform"] = left["platform"].cat.remove_unused_categories()
    right = frame_of(own, rows, texts).take(runs(starts, counts)).reset_index(drop=True)
    return pd.concat([left, right], axis=1)


def _pointed(records: Records, digest: str | None) -> tuple[str | None, str | None, Kind | None]:
    """Return the digest, the media type and the kind of what tags point to, as far as they are known."""
    manifest = records.manifests.get(digest) if digest else None
    if digest is None or manifest is None:
        return digest, None, None
    return digest, manifest.media_type or None, kind_of_manifest(manifest)


def _tag_row(
    repository: str, tag: str | None, digest: str | None, media_type: str | None, kind: Kind | None
) -> tuple[Any, ...]:
    version = parse_version(tag or "")
    parts = (
        (version.major, version.minor, version.patch, version.prerelease, version.variant) if version else (None,) * 5
    )
    return repository, tag, digest, media_type, kind_of_tag(tag or "") or kind, *parts


def _image_row(
    repository: str, tag: str | None, before: tuple[Any, ...], subject: str | None, after: tuple[Any, ...]
) -> tuple[Any, ...]:
    return repository, tag, *before, subject or subject_of_tag(tag or ""), *after


def _image_fields(
    image: Image, records: Records, unpacked: _Unpacked
) -> tuple[tuple[Any, ...], str | None, tuple[Any, ...]]:
    """Return what the rows of an image's tags have in common: the columns before its subject, that, and those after."""
    manifest, platform = image.manifest, image.platform or Platform()
    document_sizes = records.document_sizes
    before = (
        image.digest,
        str(platform) or None,
        image.index_digest,
        manifest.config.digest if manifest.config else None,
        manifest.media_type or None,
        image.kind,
        image.artifact_type,
    )
    after = (
        platform.os or None,
        platform.architecture or None,
        platform.variant,
        image.created,
        image.released_at,
        image.released_source,
        len(manifest.layers),
        _total([layer.size for layer in manifest.layers]),
        _total([size for size, _ in unpacked]),
        document_sizes.get(image.digest),
        manifest.config.size if manifest.config else None,
        document_sizes.get(image.index_digest or ""),
        image.base_name,
        image.base_digest,
    )
    return before, image.subject, after


def _total(sizes: list[int | None]) -> int | None:
    """Return the sum of the layers' sizes, or ``None`` where one is not known."""
    known = [size for size in sizes if size is not None]
    total = sum(known)
    # Only a hostile manifest comes to more than a column can hold.
    return total if len(known) == len(sizes) and total < 2**63 else None


def _uncompressed(manifest: Manifest, estimates: Mapping[str, int]) -> _Unpacked:
    sizes: _Unpacked = []
    for position, layer in enumerate(manifest.layers):
        size = manifest.uncompressed_sizes[position] if position < len(manifest.uncompressed_sizes) else None
        if size is None and compression(layer.media_type) == "none":
            size = layer.size
        if size is None and layer.digest in estimates:
            sizes.append((estimates[layer.digest], True))
        else:
            sizes.append((size, None if size is None else False))
    return sizes


def _layer_rows(image: Image, unpacked: Mapping[str, _Unpacked]) -> Iterable[tuple[Any, ...]]:
    config = image.config or ImageConfig()
    history = config.history or []
    layer_of_step = layer_of_each_step(history, image.manifest.layers)
    steps = {layer: (step, time) for step, time, layer in zip(history, image.step_times, layer_of_step, strict=True)}
    sizes = zip(image.manifest.layers, unpacked[image.digest], strict=True)
    for position, (layer, uncompressed) in enumerate(sizes):
        step, created = steps.get(position, (None, None))
        yield (
            position,
            layer.digest,
            config.diff_ids[position] if position < len(config.diff_ids) else None,
            layer.media_type or None,
            compression(layer.media_type),
            layer.size,
            *uncompressed,
            is_stored(layer.media_type),
            created,
            step.created_by if step else None,
        )


def _history_rows(image: Image, unpacked: Mapping[str, _Unpacked]) -> Iterable[tuple[Any, ...]]:
    history = (image.config and image.config.history) or []
    layers, sizes = image.manifest.layers, unpacked[image.digest]
    steps = zip(history, image.step_times, layer_of_each_step(history, layers), strict=True)
    for number, (step, created, position) in enumerate(steps):
        layer = layers[position] if position is not None else None
        yield (
            number,
            created,
            step.created_by,
            step.comment,
            bool(step.empty_layer),
            layer.digest if layer else None,
            layer.size if layer else None,
            sizes[position][0] if position is not None else None,
        )


def _config_rows(image: Image) -> Iterable[tuple[Any, ...]]:
    return settings(image.config) if image.config else ()


def _error_rows(records: Records) -> Iterable[tuple[Any, ...]]:
    for failure in records.failures:
        yield _error_row(failure.error, failure.repository, failure.tag, failure.digest)
    if records.failed_documents:
        for tag in records.tags:
            for digest, error in records.missing(tag.digest) if tag.digest else ():
                yield _error_row(error, tag.repository, tag.tag, digest)


def _error_place(order: Mapping[str, int], row: tuple[Any, ...]) -> tuple[Any, ...]:
    return *place(order, *row[:3]), row[3] or ""


def _error_row(error: RegframeError, repository: str | None, tag: str | None, digest: str | None) -> tuple[Any, ...]:
    return repository, tag, digest, error.operation, error.status, error.code, str(error), error.url
