"""Archives that would take all memory, or all time, are refused within bounds."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
import tarfile
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard

import regframe as rf
from tests.local.tars import END, MIB, blob, descriptor, entry, layout, lazily, nothing_is_written, tar
from tests.parts import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


INDEX = "application/vnd.oci.image.index.v1+json"


def bomb(compress: Callable[[bytes], bytes], members: int) -> bytes:
    """Return an entry of more than 1 GiB of zeros, compressed in as many members or frames."""
    return compress(entry("a", raw={124: b"77777777777\0"})) + compress(b"\0" * 64 * MIB) * members


def with_a_large_dictionary(data: bytes) -> bytes:
    """Return an xz file that asks for a dictionary of 3 GiB (xz-file-format.txt, 3.1 and 5.3.1)."""
    packed = bytearray(lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    header = slice(12, 12 + (packed[12] + 1) * 4)
    block = packed[header]
    block[4] = 39
    block[-4:] = zlib.crc32(block[:-4]).to_bytes(4, "little")
    packed[header] = block
    return bytes(packed)


def image(history: int = 0, layers: int = 0, tags: int = 1) -> dict[str, bytes]:
    """Return a layout's files, with an image of so many steps and layers under so many tags."""
    config = b'{"os":"linux","architecture":"amd64","history":[' + b",".join([b"{}"] * history) + b"]}"
    manifest = json.dumps({"config": descriptor(config), "layers": [descriptor(b"")] * layers}).encode()
    entries = [
        descriptor(manifest, annotations={"org.opencontainers.image.ref.name": f"{number}"}) for number in range(tags)
    ]
    index = json.dumps({"manifests": entries}).encode()
    return {"index.json": index, blob(config): config, blob(manifest): manifest}


def links_to_one_large_file(count: int) -> bytes:
    """Return an archive in which all of the manifests are the same 8 MiB, which none of their digests is of."""
    names = [descriptor(b"%d" % number) for number in range(count)]
    links = [
        entry(f"blobs/{name['digest'].replace(':', '/')}", type=tarfile.LNKTYPE, linkname="large") for name in names
    ]
    return tar({"index.json": json.dumps({"manifests": names}).encode(), "large": b"{" + b" " * (8 * MIB - 1)}, *links)


# What would take all memory: how the file is made, and what is said.
GREEDY: dict[str, tuple[Callable[[Path], object], str]] = {
    "gzip-bomb": (lambda path: path.write_bytes(bomb(gzip.compress, 20)), "more than 100 times its size"),
    "zstd-bomb": (lambda path: path.write_bytes(bomb(zstandard.compress, 20)), "more than 100 times its size"),
    "xz-dictionary": (
        lambda path: path.write_bytes(with_a_large_dictionary(b"\0" * MIB)),
        "cannot be unpacked: Memory",
    ),
    "attributes": (
        lambda path: lazily(path, entry("a", type=tarfile.XHDTYPE, raw={124: b"07000000000\0"}), 2**30),
        "header of more than",
    ),
    "a long name": (
        lambda path: lazily(path, entry("a", type=tarfile.GNUTYPE_LONGNAME, raw={124: b"07000000000\0"}), 2**30),
        "header of more than",
    ),
    "attributes of attributes": (
        lambda path: lazily(path, entry("a", type=tarfile.XHDTYPE) * 5000, 2**20),
        "nested too deeply",
    ),
    "names": (
        lambda path: path.write_bytes(gzip.compress(b"".join(entry(f"{n}{'a' * 900_000}") for n in range(40)))),
        "names of more than",
    ),
    "a sparse map": (
        lambda path: path.write_bytes(
            entry(
                "a", b"9999999999\n" + b"1\n" * 10 * MIB, pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
            )
        ),
        "header of more than",
    ),
    "an old sparse map": (
        lambda path: path.write_bytes(
            entry("a", raw={156: b"S", 482: b"\1"}) + (b"1" * 504 + b"\1" + b"1" * 7) * 10_000
        ),
        "header of more than",
    ),
    "folders": (lambda path: path.write_bytes(entry("a", type=tarfile.DIRTYPE) * 100_001), "more than 100,000 entries"),
    "a large index": (
        lambda path: lazily(path, entry("index.json", raw={124: b"07000000000\0"}) + b"{", 2**30, END),
        "reads at most 8,388,608",
    ),
    "documents": (
        lambda path: path.write_bytes(gzip.compress(tar({f"{n}": b"[" * 8 * MIB for n in range(9)}))),
        "bytes of documents",
    ),
    "steps": (lambda path: path.write_bytes(tar(image(history=2_000_000))), "of length <= 10000 - at `$.history`"),
    "layers": (lambda path: path.write_bytes(tar(image(layers=50_000))), "of length <= 10000 - at `$.layers`"),
    "layers of tags": (
        lambda path: path.write_bytes(tar(image(layers=5_000, tags=1_001))),
        "comes to 5,006,001 layers, steps and settings",
    ),
    "errors that keep what they are about": (
        lambda path: path.write_bytes(links_to_one_large_file(60)),
        "The bytes have the digest",
    ),
}

READ = r"""
import json, re, sys, time, warnings
import regframe as rf

warnings.simplefilter("ignore", rf.RegframeWarning)

def peak():
    # ru_maxrss would begin with what the process took that started this one.
    return int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]) / 1024

for path in [None, *sys.argv[1:]]:
    before, start = peak(), time.monotonic()
    registry = rf.Registry(f"oci-archive:{path}")
    try:
        registry.images()
        said = registry.errors["message"].iloc[0]
    except rf.RegframeError as error:
        said = str(error)
    print(json.dumps([said, peak() - before, time.monotonic() - start]))
"""


def test_what_would_take_all_memory_is_refused_within_bounds(tmp_path: Path) -> None:
    for name, (make, _) in GREEDY.items():
        make(tmp_path / name)
    with nothing_is_written(tmp_path):
        lines = run(sys.executable, "-c", READ, *(tmp_path / name for name in GREEDY)).splitlines()
    # The first line is for what is loaded when anything is read.
    for (name, (_, sentence)), line in zip(GREEDY.items(), lines[1:], strict=True):
        said, mebibytes, seconds = json.loads(line)
        print(f"{name}: {mebibytes:.0f} MiB, {seconds:.1f} s: {said}")
        assert sentence in said, name
        assert mebibytes < 150, name


def test_indexes_that_name_each_other_many_times_are_followed_once(tmp_path: Path) -> None:
    """A hundred entries, four deep, would be a hundred million images."""
    files = layout()
    [named] = json.loads(files["index.json"])["manifests"]
    inner = {"digest": named["digest"], "size": named["size"]}
    for _ in range(4):
        index = json.dumps({"mediaType": INDEX, "manifests": [inner] * 100}).encode()
        files[blob(index)] = index
        inner = descriptor(index, mediaType=INDEX)
    (tmp_path / "archive").write_bytes(tar(files | {"index.json": json.dumps({"manifests": [inner]}).encode()}))
    images = rf.Registry(f"oci-archive:{tmp_path / 'archive'}").images()
    assert images["digest"].to_list() == [named["digest"]] * 100
    assert images["index_digest"].unique().tolist() == [inner["digest"]]


def test_what_is_written_to_files_may_have_more_rows_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "archive").write_bytes(tar(layout(*(f"{number}" for number in range(1200)))))
    monkeypatch.setattr("regframe.bounds._MOST_ROWS", 2100)
    monkeypatch.setattr("regframe.batches.BatchedScan.tags_in_a_batch", 500)
    place = rf.Registry(f"oci-archive:{tmp_path / 'archive'}")
    # Memory has to hold all of it, and of what was not asked for no more than a batch.
    with pytest.raises(rf.TooLarge, match="comes to 2,400 layers, steps and settings or more"):
        place.inventory()
    assert len(place.images()) == 1200
    place.inventory(output=tmp_path / "inventory", format="csv")
    assert len(rf.Inventory.read_csv(tmp_path / "inventory").images) == 1200
    assert place.errors.empty
    # So many different ones are refused before all of a batch are read.
    monkeypatch.undo()
    monkeypatch.setattr("regframe.bounds._MOST_ROWS", 1000)
    with pytest.raises(rf.TooLarge, match="comes to 1,001 layers"):
        rf.Registry(place.name, strict=True).images()
