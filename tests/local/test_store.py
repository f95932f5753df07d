"""``containers-storage:`` says what skopeo and podman say of the same store."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import regframe as rf
from tests.local.places import NAME, TAG, Places
from tests.parts import needs, run

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP = "quay.io/team/app"


@pytest.fixture(scope="module")
def places(places: Places) -> Places:
    """Give the store where the image was built, and one for each format into which it was pulled compressed."""
    (places.folder / "pulled").mkdir()
    for kind in ("oci", "v2s2"):
        copy = places.copy(f"dir:{places.folder / 'pulled' / kind}", f"--format={kind}", "--dest-compress")
        run(needs("skopeo"), "copy", "--quiet", copy, in_store(places.folder / "pulled" / kind, f"{GZIP}:{kind}"))
    return places


def in_store(folder: Path, image: str = "") -> str:
    """Return a store below a folder, and perhaps an image in it, as skopeo and regframe name it."""
    return f"containers-storage:[vfs@{folder / 'root'}+{folder / 'run'}]{image}"


def inspect(target: str, *flags: str) -> Any:
    return json.loads(run(needs("skopeo"), "inspect", *flags, target))


def podman(places: Places, *command: str) -> str:
    return run(needs("podman"), *places.store, *command)


def copied(places: Places, folder: Path, root: str = "root") -> Path:
    """Copy what the store says of its images, so that a test may damage it, and return the copy's root."""
    for part in ("vfs-images", "vfs-layers"):
        shutil.copytree(places.folder / "root" / part, folder / root / part)
    return folder / root


def edit(path: Path, change: Any) -> None:
    records = json.loads(path.read_text())
    change(records)
    path.write_text(json.dumps(records))


def named(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the record of the one image with a name."""
    return next(record for record in records if record.get("names"))


@pytest.mark.parametrize("kind", ["oci", "v2s2"])
def test_a_pulled_image_has_its_manifest_and_both_sizes_of_each_layer(places: Places, kind: str) -> None:
    target = in_store(places.folder / "pulled" / kind, f"{GZIP}:{kind}")
    registry = rf.Registry(target)
    manifest, shown = inspect(target, "--raw"), inspect(target)
    [image] = registry.images().to_dict("records")
    assert (image["repository"], image["tag"], image["digest"]) == (GZIP, kind, shown["Digest"])
    assert image["config_digest"] == manifest["config"]["digest"]
    assert image["media_type"] == manifest["mediaType"]
    layers = registry.layers()
    assert layers["layer_digest"].to_list() == shown["Layers"]
    assert layers["size"].to_list() == [layer["size"] for layer in manifest["layers"]]
    assert set(layers["compression"]) == {"gzip"}
    blobs = [
        (places.folder / "pulled" / kind / digest.removeprefix("sha256:")).read_bytes() for digest in shown["Layers"]
    ]
    assert layers["uncompressed_size"].to_list() == [len(gzip.decompress(blob)) for blob in blobs]
    assert not layers["uncompressed_estimated"].any()
    assert layers["diff_id"].to_list() == inspect(target, "--config")["rootfs"]["diff_ids"]
    assert image["uncompressed_size"] == layers["uncompressed_size"].sum()


def test_an_image_that_was_built_here_has_no_compressed_size(places: Places) -> None:
    registry = rf.Registry(places.stored)
    manifest = inspect(places.stored, "--raw")
    [image] = registry.images().to_dict("records")
    assert image["digest"] == inspect(places.stored)["Digest"]
    assert image["size"] is None
    layers = registry.layers()
    assert layers["size"].isna().all()
    assert set(layers["compression"]) == {"none"}
    assert layers["uncompressed_size"].to_list() == [layer["size"] for layer in manifest["layers"]]
    history = inspect(places.stored, "--config")["history"]
    assert registry.history()["created_by"].fillna("").to_list() == [step.get("created_by", "") for step in history]


def test_what_came_from_a_docker_archive_is_not_called_compressed(places: Places, tmp_path: Path) -> None:
    archive = places.copy(f"docker-archive:{tmp_path / 'app.tar'}:{NAME}:{TAG}")
    target = in_store(tmp_path, f"{NAME}:{TAG}")
    run(needs("skopeo"), "copy", "--quiet", archive, target)
    assert inspect(target, "--raw")["layers"][0]["mediaType"].endswith("gzip")
    layers = rf.Registry(target).layers()
    assert set(layers["compression"]) == {"none"}
    assert layers["size"].isna().all()
    assert layers["layer_digest"].to_list() == layers["diff_id"].to_list()


def test_images_are_listed_as_podman_lists_them(places: Places) -> None:
    registry = rf.Registry(in_store(places.folder))
    images = registry.images()
    listed = {record["Id"]: record for record in json.loads(podman(places, "images", "--format=json"))}
    assert {digest.removeprefix("sha256:") for digest in images["config_digest"]} == set(listed)
    assert {f"{row.repository}:{row.tag}" for row in images.itertuples() if row.repository != "<none>"} == {
        name for record in listed.values() for name in record.get("Names", [])
    }
    for row in images.itertuples():
        assert row.digest == listed[row.config_digest.removeprefix("sha256:")]["Digest"]
    # What a build left between its steps can be asked for.
    between = {record["Id"] for record in json.loads(podman(places, "images", "--all", "--format=json"))} - set(listed)
    assert between
    for image_id in between:
        assert registry.images(image_id)["config_digest"].to_list() == [f"sha256:{image_id}"]


def test_an_image_is_named_as_podman_takes_it(places: Places) -> None:
    [whole] = rf.Registry(places.stored).images().to_dict("records")
    image_id = whole["config_digest"].removeprefix("sha256:")
    registry = rf.Registry(in_store(places.folder))
    for name in (f"{NAME}:{TAG}", f"{NAME}@{whole['digest']}", image_id, f"sha256:{image_id}"):
        assert registry.images(name)["digest"].to_list() == [whole["digest"]]
    assert registry.tags(NAME)["tag"].to_list() == [TAG]
    with pytest.raises(rf.NotFound, match=r"has no localhost/team/app:2\.0"):
        rf.Registry(in_store(places.folder), strict=True).images(f"{NAME}:2.0")


def test_each_manifest_of_an_image_is_found_by_its_digest(places: Places, tmp_path: Path) -> None:
    for kind in ("oci", "v2s2"):
        run(
            needs("skopeo"),
            "copy",
            "--quiet",
            f"dir:{places.folder / 'pulled' / kind}",
            in_store(tmp_path, f"{GZIP}:{kind}"),
        )
    registry = rf.Registry(in_store(tmp_path))
    for kind in ("oci", "v2s2"):
        digest = inspect(in_store(places.folder / "pulled" / kind, f"{GZIP}:{kind}"))["Digest"]
        assert registry.images(f"{GZIP}@{digest}")["digest"].to_list() == [digest]
    # Both names are those of one image, and it has one manifest for all of them: the one that came last.
    assert registry.images()["digest"].to_list() == [inspect(in_store(tmp_path, f"{GZIP}:oci"))["Digest"]] * 2


def test_manifest_lists_stand_beside_images(places: Places, tmp_path: Path) -> None:
    copy = tmp_path / "list"
    options = [f"--root={tmp_path / 'root'}", f"--runroot={tmp_path / 'run'}", "--storage-driver=vfs"]
    buildah = needs("buildah")
    run(needs("skopeo"), "copy", "--quiet", f"dir:{places.folder / 'pulled' / 'oci'}", in_store(tmp_path, f"{GZIP}:1"))
    run(buildah, *options, "manifest", "create", "localhost/list:1", in_store(tmp_path, f"{GZIP}:1"))
    run(buildah, *options, "manifest", "push", "--quiet", "--all", "localhost/list:1", f"dir:{copy}")
    run(needs("skopeo"), "copy", "--quiet", f"dir:{copy}", in_store(tmp_path, f"{GZIP}:from-list"))
    registry = rf.Registry(in_store(tmp_path))
    images = registry.images().set_index(["repository", "tag"])
    assert registry.errors.empty
    assert images.loc[(GZIP, "from-list"), "digest"] == inspect(in_store(tmp_path, f"{GZIP}:from-list"))["Digest"]
    assert images["config_digest"].nunique() == 1
    index = run(needs("skopeo"), "inspect", "--raw", in_store(tmp_path, "localhost/list:1"))
    listed = images.loc[("localhost/list", "1")]
    assert listed["index_digest"] == f"sha256:{hashlib.sha256(index.encode()).hexdigest()}"
    assert [listed["digest"]] == [entry["digest"] for entry in json.loads(index)["manifests"]]
    assert images["index_digest"].notna().sum() == 1


def test_a_store_is_found_as_podman_finds_it(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = tmp_path / "storage.conf"
    other = places.folder / "pulled" / "oci" / "root"
    configuration.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{places.folder / "root"}"\nrunroot = "{places.folder / "run"}"\n'
        f'[storage.options]\nadditionalimagestores = ["{other}"]\n'
    )
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(configuration))
    images = rf.Registry("containers-storage:").images()
    listed = json.loads(run(needs("podman"), "images", "--all", "--format=json"))
    names = {name for record in listed for name in record.get("Names", [])}
    assert names == {f"{NAME}:{TAG}", f"{GZIP}:oci"}
    assert {f"{row.repository}:{row.tag}" for row in images.itertuples() if row.repository != "<none>"} == names
    assert rf.Registry(f"containers-storage:{NAME}:{TAG}").images()["tag"].to_list() == [TAG]


NOBODY = 65534


@pytest.fixture
def others_folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that another user can come into, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="store-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_user(home: Path, target: str) -> str:
    """Return the names of the images that a user who is not root sees, or the error."""
    program = """
import os, sys
import regframe as rf

def say():
    try:
        images = rf.Registry(sys.argv[1]).images()
        return " ".join((images["repository"] + ":" + images["tag"]).dropna())
    except rf.RegframeError as error:
        return str(error)

say()  # what is imported late may be where the other user cannot read it
if os.geteuid() == 0:
    os.seteuid(int(sys.argv[2]))
print(say())
"""
    unset = {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "CONTAINERS_STORAGE_CONF"}
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"HOME": str(home)}
    command = [sys.executable, "-W", "ignore::regframe.RegframeWarning", "-c", program, target, str(NOBODY)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    return done.stdout.strip()


def give(folder: Path) -> None:
    """Let the other user own what is below a folder."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


def test_a_users_store_is_in_the_home_folder(places: Places, others_folder: Path) -> None:
    copied(places, others_folder / ".local/share/containers", "storage")
    give(others_folder / ".local")
    assert as_user(others_folder, "containers-storage:") == f"{NAME}:{TAG}"


def test_a_user_may_name_another_store(places: Places, others_folder: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    copied(places, others_folder / "images", str(user))
    configuration = others_folder / ".config/containers/storage.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text('[storage]\ndriver = "vfs"\nrootless_storage_path = "$HOME/images/$UID"\n')
    give(others_folder)
    assert as_user(others_folder, "containers-storage:") == f"{NAME}:{TAG}"
    configuration.write_text("[storage\n")
    assert "storage.conf is not TOML" in as_user(others_folder, "containers-storage:")


def test_the_store_of_another_user_is_one_sentence(places: Places, others_folder: Path) -> None:
    root = copied(places, others_folder)
    for folder in root.iterdir():
        folder.chmod(0)
    said = as_user(others_folder, f"containers-storage:[vfs@{root}]")
    assert said.endswith("cannot be read: Permission denied; its owner can read it.")
    root.chmod(0)
    for specifier in (root, f"vfs@{root}"):
        assert as_user(others_folder, f"containers-storage:[{specifier}]").endswith("its owner can read it.")


@pytest.mark.parametrize(
    ("specifier", "sentence"),
    [
        ("[vfs@]", "names no store"),
        ("[@/srv]", "names no store"),
        ("[]", "names no store"),
        ("[/nowhere/at/all]", "There is no store of podman, buildah or CRI-O at /nowhere/at/all"),
        ("[vfs@/nowhere/at/all]", "There is no store of podman, buildah or CRI-O at /nowhere/at/all"),
        ("[/usr/share]", "/usr/share is no store of podman, buildah or CRI-O"),
    ],
)
def test_a_store_that_is_not_there_is_one_sentence(specifier: str, sentence: str) -> None:
    with pytest.raises(rf.ConfigurationError, match=re.escape(sentence)):
        rf.Registry(f"containers-storage:{specifier}").images()


def test_a_damaged_image_is_one_error_and_the_others_are_read(places: Places, tmp_path: Path) -> None:
    images = copied(places, tmp_path) / "vfs-images"

    def name_all(records: list[dict[str, Any]]) -> None:
        for number, record in enumerate(records):
            record["names"] = [f"localhost/app:{number}"]

    edit(images / "images.json", name_all)
    records = json.loads((images / "images.json").read_text())
    altered, gone, waiting, leading_out = (record["id"] for record in records[:4])
    (images / altered / "manifest").write_text("{}")
    shutil.rmtree(images / gone)
    (images / waiting / "manifest").unlink()
    os.mkfifo(images / waiting / "manifest")
    shutil.move(images / leading_out, tmp_path / "outside")
    (images / leading_out).symlink_to(tmp_path / "outside")
    registry = rf.Registry(in_store(tmp_path))
    with pytest.warns(rf.RegframeWarning):
        read = registry.images()
    errors = registry.errors.set_index("tag")["message"]
    assert set(errors.index) == {"0", "1", "2", "3"}
    assert "neither a manifest" in errors["0"]
    assert all("There is no file" in errors[tag] for tag in ("1", "2"))
    assert "leads out of it" in errors["3"]
    assert set(read["tag"]) == {str(number) for number in range(4, len(records))}


def test_a_manifest_with_other_bytes_is_not_believed(places: Places, tmp_path: Path) -> None:
    images = copied(places, tmp_path) / "vfs-images"
    record = named(json.loads((images / "images.json").read_text()))
    manifest = images / record["id"] / "manifest"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(rf.DigestMismatch):
        rf.Registry(in_store(tmp_path, f"{NAME}:{TAG}"), strict=True).images()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (b"[{", "images.json of the store is not JSON"),
        (b"{}", "images.json of the store is not as the specification has it"),
        (b"[" * 100_000, "images.json of the store is"),
    ],
)
def test_damaged_records_are_one_sentence(places: Places, tmp_path: Path, damage: bytes, sentence: str) -> None:
    (copied(places, tmp_path) / "vfs-images" / "images.json").write_bytes(damage)
    with pytest.raises(rf.InvalidDocument, match=re.escape(sentence)):
        rf.Registry(in_store(tmp_path)).images()


@pytest.mark.parametrize("empty", [None, b"", b"[]", b"null"])
def test_a_store_without_images_has_none(places: Places, tmp_path: Path, empty: bytes | None) -> None:
    records = copied(places, tmp_path) / "vfs-images" / "images.json"
    records.unlink() if empty is None else records.write_bytes(empty)
    assert rf.Registry(in_store(tmp_path)).images().empty


def test_what_the_store_does_not_say_is_missing(places: Places, tmp_path: Path) -> None:
    source = places.folder / "pulled" / "oci"
    shutil.copytree(source / "root", tmp_path / "root")
    layers = tmp_path / "root" / "vfs-layers" / "layers.json"

    def forget(records: list[dict[str, Any]]) -> None:
        records[0]["diff-size"] = -1
        del records[1]["diff-size"]

    edit(layers, forget)
    target = in_store(tmp_path, f"{GZIP}:oci")
    sizes = [layer["size"] for layer in inspect(in_store(source, f"{GZIP}:oci"), "--raw")["layers"]]
    read = rf.Registry(target).layers()
    assert read["size"].to_list() == sizes
    assert read["uncompressed_size"].isna().to_list() == [True, True, False]
    edit(layers, lambda records: records[0].update(parent=records[-1]["id"]))
    assert rf.Registry(target).layers()["size"].to_list() == sizes
    layers.unlink()
    assert rf.Registry(target).layers()["uncompressed_size"].isna().all()


def test_names_that_are_no_references_leave_the_image_without_a_name(places: Places, tmp_path: Path) -> None:
    images = copied(places, tmp_path) / "vfs-images"
    edit(images / "images.json", lambda records: named(records).update(names=["../../etc", "\x1b[31m", f"{NAME}:ok"]))
    assert rf.Registry(in_store(tmp_path)).tags(NAME)["tag"].to_list() == ["ok"]
    edit(images / "images.json", lambda records: named(records).update(names=["../../etc"]))
    image_id = named(json.loads((images / "images.json").read_text()))["id"]
    assert f"sha256:{image_id}" in set(rf.Registry(in_store(tmp_path)).images("<none>")["config_digest"])


def test_an_id_that_leads_out_of_the_store_reads_nothing(places: Places, tmp_path: Path) -> None:
    images = copied(places, tmp_path) / "vfs-images"
    record = named(json.loads((images / "images.json").read_text()))
    shutil.copytree(images / record["id"], tmp_path / "outside")
    edit(images / "images.json", lambda records: named(records).update(id="../../outside"))
    with pytest.raises(rf.NotFound, match="There is no file"):
        rf.Registry(in_store(tmp_path, f"{NAME}:{TAG}"), strict=True).images()


def test_reading_writes_nothing_and_takes_no_lock(places: Places) -> None:
    root = places.folder / "root"
    before = {path: path.lstat().st_mtime_ns for path in [root, *root.rglob("*")]}
    with (root / "vfs-images" / "images.lock").open("rb+") as lock:
        # Whoever holds the lock may be pulling for minutes.
        fcntl.lockf(lock, fcntl.LOCK_EX)
        assert not rf.Registry(in_store(places.folder)).images().empty
    assert {path: path.lstat().st_mtime_ns for path in [root, *root.rglob("*")]} == before
