"""Archives of other writers, and of other times, say the same as skopeo's."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
import tarfile
import tempfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import zstandard

import regframe as rf
from tests.local.places import NAME, TAG, Places
from tests.parts import needs, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FRAMES = ("images", "layers", "history", "config", "errors")


@pytest.fixture(scope="module")
def archive(places: Places) -> Path:
    """Give the image in a docker-archive as skopeo writes it."""
    path = places.folder / "odd.tar"
    places.copy(f"docker-archive:{path}:{NAME}:{TAG}")
    return path


def contents(path: Path) -> dict[str, bytes]:
    """Return the files of a tar, without links."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}  # type: ignore[union-attr]


def write(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None, **options: Any) -> None:
    with tarfile.open(path, "w", **options) as tar:
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))


def image_of(files: dict[str, bytes]) -> dict[str, Any]:
    [image] = json.loads(files["manifest.json"])
    return dict(image)


def assert_same(target: str, expected: str) -> None:
    found, known = rf.Registry(target).inventory(), rf.Registry(expected).inventory()
    assert found.errors.empty
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(known, name))


def test_the_layout_of_docker_save_before_25(archive: Path, tmp_path: Path) -> None:
    """A folder for each layer; a layer that was written before is a link to it."""
    files = contents(archive)
    image = image_of(files)
    old: dict[str, bytes] = {"repositories": b"{}"}
    names = [f"{number:064x}" for number in range(len(image["Layers"]))]
    for number, (name, layer) in enumerate(zip(names, image["Layers"], strict=True)):
        old |= {f"{name}/VERSION": b"1.0", f"{name}/json": b"{}"}
        if number != 1:
            old[f"{name}/layer.tar"] = files[layer]
    other = "f" * 64
    old |= {f"{other}/layer.tar": files[image["Layers"][1]], image["Config"]: files[image["Config"]]}
    old["manifest.json"] = json.dumps([image | {"Layers": [f"{name}/layer.tar" for name in names]}]).encode()
    write(tmp_path / "old.tar", old, {f"{names[1]}/layer.tar": f"../{other}/layer.tar"}, format=tarfile.USTAR_FORMAT)
    assert_same(f"docker-archive:{tmp_path / 'old.tar'}", f"docker-archive:{archive}")


def test_the_layout_of_docker_save_since_25(archive: Path, places: Places, tmp_path: Path) -> None:
    """It is an image layout and a docker-archive at once."""
    files = contents(archive)
    image = image_of(files)
    folder = places.folder / "odd"
    places.copy(f"dir:{folder}")
    manifest = (folder / "manifest.json").read_bytes()
    shown = json.loads(run(needs("skopeo"), "inspect", f"dir:{folder}"))["Digest"]
    paths = {name: f"blobs/sha256/{name.partition('.')[0]}" for name in (image["Config"], *image["Layers"])}
    sources = {
        layer["digest"]: layer | {"mediaType": "application/vnd.oci.image.layer.v1.tar"}
        for layer in json.loads(manifest)["layers"]
    }
    new = {path: files[name] for name, path in paths.items()}
    new[f"blobs/sha256/{shown.partition(':')[2]}"] = manifest
    new["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    annotations = {"io.containerd.image.name": f"{NAME}:{TAG}", "org.opencontainers.image.ref.name": TAG}
    entry = {"digest": shown, "size": len(manifest), "mediaType": json.loads(manifest)["mediaType"]}
    new["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry | {"annotations": annotations}]}).encode()
    layers = [paths[name] for name in image["Layers"]]
    new["manifest.json"] = json.dumps(
        [{"Config": paths[image["Config"]], "RepoTags": [f"{NAME}:{TAG}"], "Layers": layers, "LayerSources": sources}]
    ).encode()
    write(tmp_path / "new.tar", new)
    assert_same(f"docker-archive:{tmp_path / 'new.tar'}", f"docker-archive:{archive}")
    images = rf.Registry(f"oci-archive:{tmp_path / 'new.tar'}").images()
    assert images[["repository", "tag", "digest"]].to_numpy().tolist() == [[NAME, TAG, shown]]


@pytest.fixture
def short_folder() -> Iterator[str]:
    """Give a folder for podman's run root, which may have 50 characters."""
    with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as name:
        yield name


def test_an_archive_of_many_images_lists_them_all(places: Places, tmp_path: Path, short_folder: str) -> None:
    store = [f"--root={tmp_path / 'root'}", f"--runroot={short_folder}", "--storage-driver=vfs"]
    copy = f"containers-storage:[vfs@{tmp_path / 'root'}+{short_folder}]{NAME}:{TAG}"
    run(needs("skopeo"), "copy", "--quiet", places.stored, copy)
    container = run(needs("buildah"), *store, "from", f"{NAME}:{TAG}").strip()
    run(needs("buildah"), *store, "config", "--env=OTHER=1", container)
    run(needs("buildah"), *store, "commit", "--quiet", container, "quay.io/team/other:2")
    run(needs("podman"), *store, "tag", f"{NAME}:{TAG}", "quay.io/team/app:latest")
    names = [f"{NAME}:{TAG}", "quay.io/team/other:2", "quay.io/team/app:latest"]
    path = tmp_path / "many.tar"
    run(needs("podman"), *store, "save", "--quiet", "--multi-image-archive", f"--output={path}", *names)
    registry = rf.Registry(f"docker-archive:{path}")
    images = registry.images()
    assert set(images["repository"] + ":" + images["tag"]) == set(names)
    for row in images.itertuples():
        shown = json.loads(run(needs("skopeo"), "inspect", f"docker-archive:{path}:{row.repository}:{row.tag}"))
        assert row.digest == shown["Digest"]
    assert images["config_digest"].nunique() == 2
    assert registry.images("quay.io/team/*")["tag"].tolist() == ["latest", "2"]


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.compress],
    ids=["gzip", "bzip2", "xz", "zstd"],
)
@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_a_compressed_archive_says_what_the_plain_one_says(
    archive: Path, places: Places, tmp_path: Path, compress: Callable[[bytes], bytes], transport: str
) -> None:
    plain = archive if transport == "docker-archive" else places.folder / "odd-layout.tar"
    if not plain.exists():
        places.copy(f"{transport}:{plain}:{NAME}:{TAG}")
    data = plain.read_bytes()
    middle = len(data) // 2
    # Programs that compress in parallel write many members or frames.
    packed = tmp_path / plain.name
    packed.write_bytes(compress(data[:middle]) + compress(data[middle:]))
    assert_same(f"{transport}:{packed}", f"{transport}:{plain}")


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_may_begin_with_a_dot_and_a_slash(archive: Path, tmp_path: Path, layout: int) -> None:
    files = {f"./{name}": data for name, data in contents(archive).items()}
    write(tmp_path / "dots.tar", files, format=layout)
    assert_same(f"docker-archive:{tmp_path / 'dots.tar'}", f"docker-archive:{archive}")


def test_ten_thousand_other_entries_are_passed_over(archive: Path, tmp_path: Path) -> None:
    others = {f"others/{number}": b"" for number in range(10_000)}
    write(tmp_path / "many.tar", others | contents(archive))
    assert_same(f"docker-archive:{tmp_path / 'many.tar'}", f"docker-archive:{archive}")


def test_pipes_devices_and_other_links_in_an_archive_are_passed_over(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    path.write_bytes(archive.read_bytes())
    with tarfile.open(path, "a") as tar:
        for name, kind in (("pipe", tarfile.FIFOTYPE), ("null", tarfile.CHRTYPE), ("disk", tarfile.BLKTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member)
    assert_same(f"docker-archive:{path}", f"docker-archive:{archive}")


def test_zstd_without_its_library_says_what_to_install(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "packed.tar.zst"
    packed.write_bytes(zstandard.compress(archive.read_bytes()))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(rf.ConfigurationError, match=r"pip install 'regframe\[zstd\]'"):
        rf.Registry(f"docker-archive:{packed}").images()
