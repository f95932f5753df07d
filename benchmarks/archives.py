"""How much regframe reads of an archive of 2 GB: its documents, and no layer.

``python benchmarks/archives.py`` writes an image of four layers as an oci-archive and as a docker-archive (the layers
are holes in the file, so that they take no room on disk) and reads the frames of each. It ends with status 1 if they
are wrong, or if more than 1 MiB was read. What was read is what the kernel counts (``rchar`` in ``/proc/self/io``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from report import machine

import regframe as rf

_LAYERS = 4
_MOST_READ = 1024 * 1024
_CHUNK = bytes(1024 * 1024)


@dataclass(frozen=True)
class Layer:
    """A layer that begins with its number, and is a hole after that."""

    number: int
    size: int

    @property
    def start(self) -> bytes:
        """What stands before the hole."""
        return self.number.to_bytes(8, "big")

    def digest(self) -> str:
        """Return the digest of all of it."""
        found = hashlib.sha256(self.start)
        left = self.size - len(self.start)
        while left:
            found.update(_CHUNK[:left])
            left -= min(left, len(_CHUNK))
        return f"sha256:{found.hexdigest()}"


def main() -> int:
    """Run the benchmark, and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--bytes", type=int, default=2_000_000_000, help="bytes of all layers (default: %(default)s)")
    options = parser.parse_args()
    print(machine(), flush=True)
    layers = {layer.digest(): layer for layer in (Layer(number, options.bytes // _LAYERS) for number in range(_LAYERS))}
    with tempfile.TemporaryDirectory(prefix="regframe-benchmark-") as name:
        folder = Path(name)
        write_oci(folder / "oci.tar", layers)
        write_docker(folder / "docker.tar", layers)
        # What is loaded when anything is read is not what the archive costs.
        rf.Registry(f"oci-archive:{folder / 'oci.tar'}").inventory()
        good = [measure(f"{kind}-archive:{folder / kind}.tar", layers) for kind in ("oci", "docker")]
    return 0 if all(good) else 1


def measure(target: str, layers: dict[str, Layer]) -> bool:
    """Read an archive's frames, print what that took, and return whether they are right and little was read."""
    path = Path(target.partition(":")[2])
    before, start = bytes_read(), time.perf_counter()
    inventory = rf.Registry(target).inventory()
    seconds, read = time.perf_counter() - start, bytes_read() - before
    column = "size" if target.startswith("oci") else "uncompressed_size"
    is_right = list(inventory.layers[column]) == [layer.size for layer in layers.values()] and inventory.errors.empty
    print(
        f"{target.partition(':')[0]}: {path.stat().st_size / 1e9:.2f} GB, {len(inventory.layers)} layers; "
        f"{read:,} bytes read in {seconds * 1000:.0f} ms; frames {'right' if is_right else 'WRONG'}",
        flush=True,
    )
    return is_right and read <= _MOST_READ


def bytes_read() -> int:
    """Return how many bytes this process has read, from files and otherwise."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"])


def config_of(layers: Iterable[str]) -> bytes:
    """Return the config of an image with the layers, which are not compressed."""
    rootfs = {"type": "layers", "diff_ids": list(layers)}
    return json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode()


def write_oci(path: Path, layers: dict[str, Layer]) -> None:
    """Write the image as ``skopeo copy`` does."""
    config = config_of(layers)
    media_type = "application/vnd.oci.image.layer.v1.tar"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described(config) | {"mediaType": "application/vnd.oci.image.config.v1+json"},
            "layers": [
                {"mediaType": media_type, "digest": digest, "size": layer.size} for digest, layer in layers.items()
            ],
        }
    ).encode()
    named = {"annotations": {"org.opencontainers.image.ref.name": "2gb"}}
    index = json.dumps({"schemaVersion": 2, "manifests": [described(manifest) | named]}).encode()
    blobs = {f"blobs/{described(data)['digest'].replace(':', '/')}": data for data in (config, manifest)}
    holes = {f"blobs/{digest.replace(':', '/')}": layer for digest, layer in layers.items()}
    write(path, holes, blobs | {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index})


def write_docker(path: Path, layers: dict[str, Layer]) -> None:
    """Write the image as ``docker save`` did before 25."""
    config = config_of(layers)
    name = f"{described(config)['digest'].removeprefix('sha256:')}.json"
    holes = {f"{digest.removeprefix('sha256:')}/layer.tar": layer for digest, layer in layers.items()}
    manifest = json.dumps([{"Config": name, "RepoTags": ["localhost/app:2gb"], "Layers": list(holes)}]).encode()
    write(path, holes, {name: config, "manifest.json": manifest})


def described(data: bytes) -> dict[str, Any]:
    """Return the descriptor of a document."""
    return {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def write(path: Path, holes: dict[str, Layer], files: dict[str, bytes]) -> None:
    """Write a tar: first the layers, of which only the start takes room, then the documents."""
    with path.open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name, layer in holes.items():
            member = tarfile.TarInfo(name)
            member.size = layer.size
            content = file.tell() + file.write(member.tobuf())
            file.write(layer.start)
            tar.offset = content + -(-layer.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            file.seek(tar.offset)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))


if __name__ == "__main__":
    sys.exit(main())
