"""Real layers: tar archives with files in them, the same bytes on every machine.

They are stored, not compressed, inside their gzip or zstd: compressors differ between versions of their libraries.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping
from datetime import datetime

_DEFLATE_BLOCK = 0xFFFF
_ZSTD_BLOCK = 0x1FFFF


def tar(files: Mapping[str, bytes | str], modified: datetime) -> bytes:
    """Return a tar archive of files by path.

    A path that ends in ``/`` is a folder; text is the target of a symbolic link; what stands in a ``bin`` folder can be
    executed; an empty file named ``.wh.NAME`` deletes ``NAME`` of the layers below (image-spec ``layer.md``).
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as writer:
        for path, content in files.items():
            member = tarfile.TarInfo(path.rstrip("/"))
            member.mtime = int(modified.timestamp())
            if path.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, content, 0o777
            else:
                member.size, member.mode = len(content), 0o755 if "bin/" in path else 0o644
            writer.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return archive.getvalue()


def gzip(data: bytes) -> bytes:
    """Return bytes as a gzip file (RFC 1952) of stored blocks (RFC 1951, section 3.2.4)."""
    blocks = [data[start : start + _DEFLATE_BLOCK] for start in range(0, len(data), _DEFLATE_BLOCK)] or [b""]
    body = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block for block in blocks
    )
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + struct.pack("<II", zlib.crc32(data), len(data))


def zstd(data: bytes) -> bytes:
    """Return bytes as a zstd frame (RFC 8878, section 3.1.1) of raw blocks."""
    blocks = [data[start : start + _ZSTD_BLOCK] for start in range(0, len(data), _ZSTD_BLOCK)] or [b""]
    body = b"".join((len(block) << 3 | (block is blocks[-1])).to_bytes(3, "little") + block for block in blocks)
    # A single segment whose size is given in four bytes, without checksum and dictionary.
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + body
