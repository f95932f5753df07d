"""Archives and folders that somebody made to do harm, or that are broken: one sentence or one row, and nothing more."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

import regframe as rf
from tests.local.tars import BLOCK, END, MIB, entry, layout, nothing_is_written, saved, tar

if TYPE_CHECKING:
    from collections.abc import Callable

# What a whole archive is refused for: how its bytes are made, as what it is read, and what is said.
REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a name that leads out": (
        lambda: tar(layout(), entry("../../evil")),
        "oci-archive",
        "holds “../../evil”, a name that leads out",
    ),
    "a name that leads out of a folder": (
        lambda: tar(layout(), entry("blobs/../../evil")),
        "oci-archive",
        "a name that leads out",
    ),
    "an absolute name": (
        lambda: tar(saved(), entry("/etc/passwd", b"root")),
        "docker-archive",
        "holds “/etc/passwd”, a name that leads out",
    ),
    "a folder that leads out": (
        lambda: tar(saved(), entry("../out", type=tarfile.DIRTYPE)),
        "docker-archive",
        "leads out of it",
    ),
    "a name twice": (lambda: tar(layout(), entry("index.json", b"{}")), "oci-archive", "holds “index.json” twice"),
    "a name twice, written otherwise": (
        lambda: tar(layout(), entry("./blobs/..//index.json", b"{}")),
        "oci-archive",
        "holds “index.json” twice",
    ),
    "a link that leads out": (
        lambda: tar({}, entry("index.json", type=tarfile.SYMTYPE, linkname="../../../etc/hostname")),
        "oci-archive",
        "a link that leads out",
    ),
    "an absolute link": (
        lambda: tar({}, entry("manifest.json", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "docker-archive",
        "a link that leads out",
    ),
    "a hard link that leads out": (
        lambda: tar({}, entry("index.json", type=tarfile.LNKTYPE, linkname="../etc/passwd")),
        "oci-archive",
        "a link that leads out",
    ),
    "a link to itself": (
        lambda: tar({}, entry("index.json", type=tarfile.SYMTYPE, linkname="index.json")),
        "oci-archive",
        "There is no file index.json",
    ),
    "a pipe for a document": (
        lambda: tar({}, entry("index.json", type=tarfile.FIFOTYPE)),
        "oci-archive",
        "There is no file index.json",
    ),
    "a device for a document": (
        lambda: tar({}, entry("manifest.json", type=tarfile.CHRTYPE, devmajor=1, devminor=5)),
        "docker-archive",
        "There is no file manifest.json",
    ),
    "a sparse document": (
        lambda: tar(
            {}, entry("index.json", b"{}", raw={156: b"S", 386: b"%011o\0%011o\0" % (0, 2), 483: b"%011o\0" % 9})
        ),
        "oci-archive",
        "is a sparse file",
    ),
    "not a tar": (lambda: b"not a tar at all, " * 100, "oci-archive", "is not a whole tar"),
    "nothing": (lambda: b"", "docker-archive", "is not a whole tar"),
    "an end within a file": (lambda: tar(layout())[: -2 * BLOCK - 100], "oci-archive", "ends in the middle of a file"),
    "an end within a header": (lambda: tar(layout())[: 2 * BLOCK + 100], "oci-archive", "There is no file index.json"),
    "an end within gzip": (lambda: gzip.compress(tar(layout()))[:-100], "oci-archive", "cannot be unpacked"),
    "an end within xz": (lambda: lzma.compress(tar(layout()))[:-100], "oci-archive", "cannot be unpacked"),
    "an end within zstd": (
        lambda: zstandard.compress(tar(layout()))[:-100],
        "oci-archive",
        "is not a whole tar|cannot be unpacked|There is no file",
    ),
    "damaged gzip": (lambda: gzip.compress(tar(layout()))[:20] + b"\xff" * 500, "oci-archive", "cannot be unpacked"),
    "damaged zstd": (
        lambda: zstandard.compress(tar(layout()))[:12] + b"\xff" * 500,
        "oci-archive",
        "not a whole tar|cannot be unpacked",
    ),
    "a negative size": (
        # It would lead back to the second entry.
        lambda: entry("first") + entry("a", b"x" * 5000) + entry("b", raw={124: b"\xff" * 10 + b"\xe8\x00"}) + END,
        "oci-archive",
        "an entry of a negative size",
    ),
    "an endless size": (
        lambda: entry("a", raw={124: b"\x80" + b"\x7f" * 11}) + END,
        "oci-archive",
        "ends in the middle of a file",
    ),
    "a size in an attribute": (
        lambda: entry("a", b"x", pax_headers={"size": str(2**70)}) + END,
        "oci-archive",
        "ends in the middle of a file",
    ),
    "no JSON": (lambda: tar(layout() | {"index.json": b"<html>"}), "oci-archive", "The manifest is not JSON"),
    "a list for an index": (
        lambda: tar(layout() | {"index.json": b"[]"}),
        "oci-archive",
        "not as the specification has it",
    ),
    "a manifest for an index": (
        lambda: tar(layout() | {"index.json": b'{"config": {"digest": "sha256:' + b"0" * 64 + b'", "size": 1}}'}),
        "oci-archive",
        "is no image index",
    ),
    "a deep index": (
        lambda: tar(layout() | {"index.json": b'{"manifests": ' + b"[" * 100_000}),
        "oci-archive",
        "not as the specification|not JSON|too deeply",
    ),
    "a deep annotation": (
        lambda: tar(layout() | {"index.json": b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"}),
        "oci-archive",
        "too deeply",
    ),
    "a digest that leads out": (
        lambda: tar(layout() | {"index.json": b'{"manifests": [{"digest": "sha256:../../etc/passwd", "size": 1}]}'}),
        "oci-archive",
        "is not a digest",
    ),
    "an object for a list of images": (
        lambda: tar(saved() | {"manifest.json": b"{}"}),
        "docker-archive",
        "not as the specification has it",
    ),
    "a docker-archive as a layout": (
        lambda: tar(saved()),
        "oci-archive",
        "It has a manifest.json: try docker-archive:",
    ),
    "a layout as a docker-archive": (lambda: tar(layout()), "docker-archive", "It has an index.json: try oci-archive:"),
    "docker save before 1.10": (lambda: tar({"repositories": b"{}", "1/json": b"{}"}), "docker-archive", "before 1.10"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_archive_is_one_sentence(tmp_path: Path, case: str) -> None:
    make, transport, sentence = REFUSED[case]
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "archive.tar").write_bytes(make())
    with nothing_is_written(folder), pytest.raises(rf.InvalidDocument, match=sentence) as raised:
        rf.Registry(f"{transport}:{folder / 'archive.tar'}").images()
    assert "\n" not in str(raised.value)


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if path != name}


def edited(files: dict[str, bytes], name: str, change: Callable[[Any], None]) -> dict[str, bytes]:
    document = json.loads(files[name])
    change(document)
    return files | {name: json.dumps(document).encode()}


def first(files: dict[str, bytes], index: str = "index.json") -> str:
    """Return the path of what belongs to the first image: its manifest, or its config in a docker-archive."""
    document = json.loads(files[index])
    return document[0]["Config"] if index == "manifest.json" else digest_path(document["manifests"][0]["digest"])


def digest_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def config_of(files: dict[str, bytes]) -> str:
    return digest_path(json.loads(files[first(files)])["config"]["digest"])


TWO = ("broken", "whole")
# What costs one image of two: the files, as what they are read, the error and what it says.
ROWS: dict[str, tuple[Callable[[], dict[str, bytes]], str, str]] = {
    "no manifest": (
        lambda: without(layout(*TWO), first(layout(*TWO))),
        "oci-archive",
        "There is no file blobs/sha256/",
    ),
    "another manifest": (
        lambda: layout(*TWO) | {first(layout(*TWO)): b"{}"},
        "oci-archive",
        "The bytes have the digest",
    ),
    "no config": (
        lambda: without(layout(*TWO), config_of(layout(*TWO))),
        "oci-archive",
        "There is no file blobs/sha256/",
    ),
    "another config": (
        lambda: layout(*TWO) | {config_of(layout(*TWO)): b"{}"},
        "oci-archive",
        "The bytes have the digest",
    ),
    "a config too large": (
        lambda: layout(*TWO) | {config_of(layout(*TWO)): b" " * 9 * MIB},
        "oci-archive",
        "reads at most",
    ),
    "no saved config": (
        lambda: without(saved(*TWO), first(saved(*TWO), "manifest.json")),
        "docker-archive",
        "lacks a part of the image: There is no file",
    ),
    "another saved config": (
        lambda: saved(*TWO) | {first(saved(*TWO), "manifest.json"): b"{}"},
        "docker-archive",
        "The bytes have the digest",
    ),
    "a saved config outside": (
        lambda: edited(saved(*TWO), "manifest.json", lambda images: images[0].update(Config="../../etc/passwd")),
        "docker-archive",
        "There is no file",
    ),
    "too few layers": (
        lambda: edited(saved(*TWO), "manifest.json", lambda images: images[0].update(Layers=[])),
        "docker-archive",
        "names 1 layers, and the archive has 0",
    ),
    "too many layers": (
        lambda: edited(saved(*TWO), "manifest.json", lambda images: images[0].update(Layers=images[0]["Layers"] * 3)),
        "docker-archive",
        "names 1 layers, and the archive has 3",
    ),
    "no saved layer": (
        lambda: edited(saved(*TWO), "manifest.json", lambda images: images[0].update(Layers=["gone.tar"])),
        "docker-archive",
        "There is no file gone.tar",
    ),
}


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("case", ROWS)
@pytest.mark.filterwarnings("ignore::regframe.RegframeWarning")
def test_a_broken_image_is_one_row_and_the_other_is_read(
    tmp_path: Path, case: str, compress: Callable[[bytes], bytes]
) -> None:
    make, transport, sentence = ROWS[case]
    (tmp_path / "archive.tar").write_bytes(compress(tar(make())))
    with nothing_is_written(tmp_path):
        read = rf.Registry(f"{transport}:{tmp_path / 'archive.tar'}").inventory()
    [error] = read.errors.to_dict("records")
    assert error["tag"] == "broken"
    assert sentence in error["message"]
    whole = read.images.set_index("tag").loc["whole"]
    assert (whole["os"], whole["layers"]) == ("linux", 1)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def replaced_by_a_link(folder: Path, path: Path) -> None:
    """Put a file, or a folder, outside and a link in its place."""
    path.rename(folder.parent / "outside")
    path.symlink_to(folder.parent / "outside")


def replaced_by_a_pipe(_: Path, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("damage", "name", "reason"),
    [
        (replaced_by_a_link, "index.json", "leads out of it"),
        (replaced_by_a_pipe, "index.json", "There is no file"),
        (replaced_by_a_link, "blobs", "leads out of it"),
        (replaced_by_a_link, first(layout()), "leads out of it"),
        (replaced_by_a_pipe, first(layout()), "There is no file"),
        (replaced_by_a_link, config_of(layout()), "leads out of it"),
    ],
)
def test_links_of_a_folder_do_not_lead_out_and_pipes_are_not_waited_for(
    tmp_path: Path, damage: Callable[[Path, Path], None], name: str, reason: str
) -> None:
    folder = tmp_path / "layout"
    write(folder, layout())
    damage(folder, folder / name)
    with nothing_is_written(folder), pytest.raises(rf.RegframeError, match=reason):
        rf.Registry(f"oci:{folder}", strict=True).images()


def test_a_pipe_a_device_or_a_folder_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "layout", layout())
    (tmp_path / "archive").write_bytes(tar(layout()))
    for place in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / "nowhere", tmp_path / "archive" / "in-a-file"):
        with pytest.raises(rf.ConfigurationError, match="There is no archive at"):
            rf.Registry(f"oci-archive:{place}").images()
    with pytest.raises(rf.ConfigurationError, match="this is a folder: oci: and dir: read those"):
        rf.Registry(f"docker-archive:{tmp_path / 'layout'}").images()
    with pytest.raises(rf.ConfigurationError, match="this is a file: oci-archive: and docker-archive: read those"):
        rf.Registry(f"oci:{tmp_path / 'archive'}").images()
    with pytest.raises(rf.ConfigurationError, match=r"it must be a folder\.$"):
        rf.Registry(f"dir:{tmp_path / 'pipe'}").images()
