"""Tars and image layouts made by hand, so that they can be made wrong."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
BLOCK = 512
END = b"\0" * 2 * BLOCK


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(data: bytes) -> str:
    return f"blobs/{digest_of(data).replace(':', '/')}"


def descriptor(data: bytes, **more: Any) -> dict[str, Any]:
    return {"digest": digest_of(data), "size": len(data), **more}


def layout(*tags: str) -> dict[str, bytes]:
    """Return the files of an image layout with an image of one layer for each tag."""
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    entries = []
    for tag in tags or ("1.0",):
        layer = f"the layer of {tag}".encode()
        config = json.dumps(
            {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest_of(layer)]}}
        ).encode()
        manifest = json.dumps(
            {"schemaVersion": 2, "config": descriptor(config), "layers": [descriptor(layer)]}
        ).encode()
        entries.append(descriptor(manifest, annotations={"org.opencontainers.image.ref.name": tag}))
        files |= {blob(data): data for data in (layer, config, manifest)}
    return files | {"index.json": json.dumps({"schemaVersion": 2, "manifests": entries}).encode()}


def saved(*tags: str) -> dict[str, bytes]:
    """Return the files of a docker-archive with an image of one layer for each tag."""
    files: dict[str, bytes] = {}
    entries = []
    for tag in tags or ("1.0",):
        layer = f"the layer of {tag}".encode()
        config = json.dumps(
            {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest_of(layer)]}}
        ).encode()
        names = [
            f"{digest_of(data).removeprefix('sha256:')}{end}" for data, end in ((config, ".json"), (layer, ".tar"))
        ]
        entries.append({"Config": names[0], "RepoTags": [f"localhost/app:{tag}"], "Layers": names[1:]})
        files |= dict(zip(names, (config, layer), strict=True))
    return files | {"manifest.json": json.dumps(entries).encode()}


def entry(name: str, data: bytes = b"", **fields: Any) -> bytes:
    """Return one entry of a tar; fields are those of ``tarfile.TarInfo``, and ``raw`` bytes to change in its header."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    raw = fields.pop("raw", {})
    for field, value in fields.items():
        setattr(member, field, value)
    header = bytearray(member.tobuf(tarfile.PAX_FORMAT))
    start = len(header) - BLOCK
    for position, value in raw.items():
        header[start + position : start + position + len(value)] = value
    header[start + 148 : start + 156] = b" " * 8
    header[start + 148 : start + 156] = b"%06o\0 " % sum(header[start:])
    return bytes(header) + data + b"\0" * (-len(data) % BLOCK)


def tar(files: dict[str, bytes], *more: bytes) -> bytes:
    """Return a tar of files, and entries that stand before them."""
    return b"".join([*more, *(entry(name, data) for name, data in files.items()), END])


def lazily(path: Path, *parts: bytes | int) -> None:
    """Write a file of bytes and of holes, which take no room on disk."""
    with path.open("wb") as file:
        for part in parts:
            if isinstance(part, int):
                file.seek(part, os.SEEK_CUR)
            else:
                file.write(part)
        file.truncate()


@contextmanager
def nothing_is_written(folder: Path) -> Iterator[None]:
    """Demand that reading leaves a folder, where it also runs and keeps its temporary files, as it was."""

    def seen() -> dict[Path, tuple[int, int]]:
        stats = {path: path.lstat() for path in [folder, folder.parent, *folder.rglob("*")]}
        return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}

    before = seen()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("TMPDIR", str(folder))
        yield
    assert seen() == before
