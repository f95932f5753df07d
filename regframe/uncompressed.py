"""How large layers are once unpacked, estimated without reading them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import anyio

from regframe.errors import RegframeError
from regframe.oci.descriptor import Descriptor
from regframe.oci.manifest import Manifest
from regframe.oci.media_types import compression, is_stored
from regframe.records import Failure, Records
from regframe.sources import Source

# stargz-snapshotter, docs/estargz.md, "Annotations".
_ESTARGZ_ANNOTATION = "io.containers.estargz.uncompressed-size"
# RFC 1952, section 2.3.1: ISIZE, the size of the original input modulo 2**32, little endian, at the very end.
_ISIZE_BYTES = 4
# What gzip adds at most to what cannot be compressed, besides a thousandth (RFC 1951, section 3.2.4).
_GZIP_OVERHEAD = 64
# What a column can hold.
_COUNT = re.compile(r"[0-9]{1,18}")


async def estimate(source: Source, records: Records, concurrency: int) -> None:
    """Add to records how large each gzip layer is once unpacked, as far as that can be told from its last four bytes.

    An annotation of the eStargz format says it without a request. The last four bytes are the size of the last gzip
    member, modulo 4 GiB: a result that is smaller than the compressed layer (but for what gzip adds) is not believed.
    What could not be asked is a failure.

    Parameters
    ----------
    source : Source
        Where the layers are.
    records : Records
        What was read; its ``estimates`` and ``failures`` are added to.
    concurrency : int
        How many requests to have under way at once.
    """
    waiting = list(_layers_to_ask_for(records))

    async def work() -> None:
        while waiting:
            repository, tag, layer = waiting.pop()
            try:
                end = await source.end_of_blob(repository, layer, _ISIZE_BYTES)
            except RegframeError as error:
                records.failures.append(Failure(error, repository, tag, layer.digest))
            else:
                size = int.from_bytes(end or b"", "little")
                if end is not None and layer.size is not None and layer.size <= size + size // 1000 + _GZIP_OVERHEAD:
                    records.estimates[layer.digest] = size

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, len(waiting))):
            group.start_soon(work)


def _layers_to_ask_for(records: Records) -> Iterator[tuple[str, str | None, Descriptor]]:
    """Yield each gzip layer once that has no estimate; what an annotation says is noted instead."""
    seen = set(records.estimates)
    for tag in records.tags:
        for image in records.images(tag.digest) if tag.digest else ():
            if image.kind != "image":
                continue
            for layer in _unknown(image.manifest):
                if layer.digest in seen:
                    continue
                seen.add(layer.digest)
                announced = layer.annotation(_ESTARGZ_ANNOTATION) or ""
                if _COUNT.fullmatch(announced):
                    records.estimates[layer.digest] = int(announced)
                elif compression(layer.media_type) == "gzip" and is_stored(layer.media_type):
                    yield tag.repository, tag.tag, layer


def _unknown(manifest: Manifest) -> Iterator[Descriptor]:
    for position, layer in enumerate(manifest.layers):
        known = manifest.uncompressed_sizes[position : position + 1]
        if known in {(), (None,)}:
            yield layer
