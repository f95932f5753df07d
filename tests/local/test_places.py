"""The same image has the same frames wherever it is, but for what a place cannot know."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import regframe as rf
from tests.local import tars
from tests.local.places import NAME, TAG, Places
from tests.parts import RegistryServer, needs, run, start_podman

# In which columns a place says otherwise than a registry that has the image in the same format, or nothing.
_NAMES = "repository tag "
_SAME = dict.fromkeys(("images", "layers", "history", "config"), _NAMES)
_OTHER_FORMAT = {
    "images": "tag digest media_type manifest_size base_digest",
    "layers": "tag digest media_type",
    "history": "tag digest",
    "config": "tag digest",
}
# Both sizes of a layer are known.
_PULLED = {
    "images": _NAMES + "uncompressed_size",
    "layers": _NAMES + "uncompressed_size uncompressed_estimated",
    "history": _NAMES + "uncompressed_size",
    "config": _NAMES,
}
# Layers that are not compressed have other digests, and so has their manifest.
_UNPACKED = {
    "images": _NAMES + "digest size uncompressed_size manifest_size",
    "layers": _NAMES + "digest layer_digest media_type compression size uncompressed_size uncompressed_estimated",
    "history": _NAMES + "digest layer_digest size uncompressed_size",
    "config": _NAMES + "digest",
}
_ENGINE = {**_UNPACKED, "images": f"{_UNPACKED['images']} config_size"}
DIFFERENT = {
    "registry v2s2": _OTHER_FORMAT,
    "oci": _SAME,
    "oci-archive": _SAME,
    "dir gzip": _SAME,
    "dir": _UNPACKED,
    "docker-archive": _UNPACKED,
    "containers-storage": _UNPACKED,
    "containers-storage pulled": _PULLED,
    "podman": _ENGINE,
    "podman loaded": _ENGINE,
}
PLACES = tuple(DIFFERENT)
COMPRESSED = ("registry v2s2", "registry oci", "oci", "oci-archive", "dir gzip")
# What came by a docker-archive has Docker's format.
BY_DOCKER_ARCHIVE = ("docker-archive", "podman loaded")
# How the rows of the README begin that say it.
_UNPACKED_ROW = "layers unpacked:"
IN_README = {
    "podman": (_UNPACKED_ROW, "engines"),
    "docker-archive": (_UNPACKED_ROW, "docker-archives"),
    "containers-storage": (_UNPACKED_ROW,),
    "containers-storage pulled": ("`containers-storage:` | of what was pulled",),
    "dir": (_UNPACKED_ROW, "`dir:`, layouts"),
    "oci": ("`dir:`, layouts",),
    "registry v2s2": ("Docker's format",),
}


@pytest.fixture(scope="session")
def targets(places: Places, registry: RegistryServer, podman: Path) -> dict[str, str]:
    """Give the image's place of each kind, as a target; the engine into which it was loaded is found otherwise."""
    folder = places.folder
    pulled = f"containers-storage:[vfs@{folder / 'pulled-root'}+{folder / 'pulled-run'}]{NAME}:{TAG}"
    there = f"docker://{registry.address}/team/app:oci"
    run(needs("skopeo"), "copy", "--quiet", "--src-tls-verify=false", there, pulled)
    return {
        "registry v2s2": f"{registry.address}/team/app:v2s2",
        "registry oci": f"{registry.address}/team/app:oci",
        "oci": places.copy(f"oci:{folder / 'layout'}:{TAG}"),
        "oci-archive": places.copy(f"oci-archive:{folder / 'layout.tar'}:{TAG}"),
        "docker-archive": places.copy(f"docker-archive:{folder / 'docker.tar'}:{NAME}:{TAG}"),
        "dir": places.copy(f"dir:{folder / 'directory'}"),
        "containers-storage": places.stored,
        "containers-storage pulled": pulled,
        "podman": f"podman:{NAME}:{TAG}",
        "dir gzip": places.copy(f"dir:{folder / 'compressed'}", "--dest-compress"),
    }


@pytest.fixture(scope="session")
def inventories(targets: dict[str, str], places: Places) -> dict[str, rf.Inventory]:
    found = {place: rf.Registry(target, progress=False).inventory() for place, target in targets.items()}
    with (
        tempfile.TemporaryDirectory(prefix="store-") as name,
        start_podman([f"--root={name}/root", f"--runroot={name}/run", "--storage-driver=vfs"]) as socket,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        run(needs("podman"), f"--url=unix://{socket}", "load", f"--input={places.folder / 'docker.tar'}")
        monkeypatch.setenv("CONTAINER_HOST", f"unix://{socket}")
        found["podman loaded"] = rf.Registry(targets["podman"], progress=False).inventory()
    return found


@pytest.mark.parametrize("name", _SAME)
@pytest.mark.parametrize("place", PLACES)
def test_the_frames_are_the_same_everywhere(inventories: dict[str, rf.Inventory], place: str, name: str) -> None:
    like = "registry v2s2" if place in BY_DOCKER_ARCHIVE else "registry oci"
    expected, found = (getattr(inventories[one], name) for one in (like, place))
    assert len(found) == {"images": 1, "layers": 3, "history": 12}.get(name, len(found)) > 0
    different = DIFFERENT[place][name].split()
    pd.testing.assert_frame_equal(found.drop(columns=different), expected.drop(columns=different))
    assert not [column for column in different if found[column].equals(expected[column])]
    assert inventories[place].errors.empty


@pytest.mark.parametrize("place", IN_README)
def test_the_readme_names_what_a_place_says_otherwise(place: str) -> None:
    lines = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8").splitlines()
    said = [next(line for line in lines if line.startswith(f"| {start}")) for start in IN_README[place]]
    columns = {column for columns in DIFFERENT[place].values() for column in columns.split()} - set(_NAMES.split())
    assert not {column for column in columns if f"`{column}`" not in " ".join(said)}


def test_the_image_is_the_one_that_was_built(inventories: dict[str, rf.Inventory], places: Places) -> None:
    built = json.loads(run(needs("podman"), *places.store, "image", "inspect", f"{NAME}:{TAG}"))[0]
    for inventory in inventories.values():
        assert inventory.images["config_digest"].item() == f"sha256:{built['Id']}"
        assert list(inventory.layers["diff_id"]) == built["RootFS"]["Layers"]
        run_config = inventory.config.set_index(["section", "name"])["value"]
        assert run_config["label", "org.opencontainers.image.title"] == "app"
        assert run_config[("user", float("nan"))] == "1000:1000" or "1000:1000" in set(run_config)
        assert {("port", "8080/tcp"), ("port", "9090/udp"), ("volume", "/data")} <= set(run_config.index)
        assert inventory.history["empty_layer"].sum() == 9


@pytest.mark.parametrize("place", COMPRESSED)
def test_where_layers_are_compressed_only_their_size_is_known(inventories: dict[str, rf.Inventory], place: str) -> None:
    layers = inventories[place].layers
    assert set(layers["compression"]) == {"gzip"}
    assert layers["size"].notna().all()
    assert layers["uncompressed_size"].isna().all()


def test_a_docker_archive_knows_uncompressed_sizes_only(inventories: dict[str, rf.Inventory]) -> None:
    inventory = inventories["docker-archive"]
    assert inventory.layers["size"].isna().all()
    assert inventory.images["size"].isna().all()
    assert inventory.images["uncompressed_size"].item() == inventory.layers["uncompressed_size"].sum()
    assert not inventory.layers["uncompressed_estimated"].any()
    expected = inventories["dir"].layers
    assert list(inventory.layers["uncompressed_size"]) == list(expected["uncompressed_size"])
    # There the tar is what is stored.
    assert list(expected["uncompressed_size"]) == list(expected["size"])


@pytest.mark.parametrize("place", ["podman", "docker-archive"])
def test_storage_counts_what_is_stored_unpacked(inventories: dict[str, rf.Inventory], place: str) -> None:
    inventory = inventories[place]
    assert rf.storage(inventory)["stored"].item() == inventory.images["uncompressed_size"].item()


@pytest.mark.parametrize("place", ["registry v2s2", "oci", "oci-archive"])
def test_uncompressed_sizes_are_estimated_from_the_end_of_a_layer(
    targets: dict[str, str], inventories: dict[str, rf.Inventory], place: str
) -> None:
    layers = rf.Registry(targets[place], progress=False).layers(uncompressed=True)
    assert list(layers["uncompressed_size"]) == list(inventories["dir"].layers["uncompressed_size"])
    assert layers["uncompressed_estimated"].all()
    command = (sys.executable, "-m", "regframe", "layers", targets[place], "--format=table")
    assert run(*command, "--uncompressed").endswith("; uncompressed sizes are estimates\n")
    assert "estimate" not in run(*command)


@pytest.mark.parametrize("place", [place for place in PLACES if not place.startswith(("registry", "podman"))])
def test_inspect_is_what_skopeo_shows(targets: dict[str, str], place: str) -> None:
    witness = json.loads(run(needs("skopeo"), "inspect", targets[place]))
    found = dict(rf.Registry(targets[place], progress=False).inspect())
    if "LayersData" not in witness:
        del found["LayersData"]
    # Newer versions of skopeo name the image of a docker-archive.
    found["Name"] = witness.get("Name", found.get("Name"))
    assert found == {"Name": found["Name"], **witness}


@pytest.mark.parametrize("place", ["oci", "oci-archive", "dir"])
def test_manifest_is_the_document(targets: dict[str, str], place: str) -> None:
    witness = json.loads(run(needs("skopeo"), "inspect", "--raw", targets[place]))
    assert rf.Registry(targets[place], progress=False).manifest() == witness


def test_a_layout_lists_what_it_holds(places: Places, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path / 'Many Images'}"
    for reference in ("1.0", "2.0", "localhost/team/other:3.0"):
        places.copy(f"{layout}:{reference}")
    registry = rf.Registry(layout, progress=False)
    assert list(registry.repositories()["repository"]) == ["many-images", "localhost/team/other"]
    assert list(registry.tags("many-images")["tag"]) == ["1.0", "2.0"]
    assert list(registry.images("many-*:2.*")["tag"]) == ["2.0"]
    assert list(rf.Registry(f"{layout}:localhost/team/other:3.0", progress=False).images()["tag"]) == ["3.0"]
    images = registry.images()
    assert len(registry.layers(images[images["tag"] == "1.0"])) == 3
    with pytest.raises(rf.NotFound, match=r"no many-images:4\.0"):
        registry.images("many-images:4.0")
    with pytest.raises(rf.InvalidReference, match=r"There are 3 images; name one of them, such as many-images:1\.0"):
        registry.inspect()


def test_a_name_without_a_tag_is_a_repository(places: Places, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path / 'layout'}"
    for name in ("team/app", "quay.io/team/app", "1.0"):
        places.copy(f"{layout}:{name}")
        found = rf.Registry(f"{layout}:{name}", progress=False).images()
        digest = json.loads(run(needs("skopeo"), "inspect", f"{layout}:{name}"))["Digest"]
        assert list(found["digest"]) == [digest]
    images = rf.Registry(layout, progress=False).images().fillna({"tag": ""})
    named = [["team/app", ""], ["quay.io/team/app", ""], ["layout", "1.0"]]
    assert images[["repository", "tag"]].to_numpy().tolist() == named


def test_of_two_images_with_one_name_both_are_listed(tmp_path: Path) -> None:
    files = tars.layout("1", "2")
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data.replace(b': "2"', b': "1"'))
    first, second = (entry["digest"] for entry in json.loads(files["index.json"])["manifests"])
    images = rf.Registry(f"oci:{tmp_path}", progress=False).images().set_index("digest")["tag"]
    assert images[second] == "1"
    assert pd.isna(images[first])


def test_nested_indexes_of_a_layout(places: Places, registry: RegistryServer, tmp_path: Path) -> None:
    """An index in an index, as containerd and buildx write when there are several platforms."""
    layout = tmp_path / "layout"
    places.copy(f"oci:{layout}:1.0")
    index = json.loads((layout / "index.json").read_text())
    inner = write_blob(layout, {"schemaVersion": 2, "manifests": index["manifests"]})
    outer = write_blob(layout, {"schemaVersion": 2, "manifests": [inner]})
    names = {"io.containerd.image.name": "docker.io/team/app:2.0", "org.opencontainers.image.ref.name": "2.0"}
    index["manifests"] = [{**outer, "annotations": names}]
    (layout / "index.json").write_text(json.dumps(index))
    images = rf.Registry(f"oci:{layout}", progress=False).images()
    assert (images["repository"].item(), images["tag"].item()) == ("docker.io/team/app", "2.0")
    assert images["index_digest"].item() == outer["digest"]
    assert (
        images["config_digest"].item() == rf.Registry(f"{registry.address}/team/app:oci").images()["config_digest"][0]
    )


def write_blob(layout: Path, document: dict[str, Any]) -> dict[str, Any]:
    import hashlib

    data = json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", **document}).encode()
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(data)
    return {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": f"sha256:{digest}", "size": len(data)}


def test_the_same_image_is_found_in_both_formats(targets: dict[str, str], registry: RegistryServer) -> None:
    here = rf.Registry(targets["docker-archive"], progress=False)
    there = rf.Registry(f"{registry.address}/team/app", progress=False)
    found = rf.compare(here.images().assign(tag="oci"), there.images().assign(repository=NAME)).set_index("tag")
    assert found["state"].to_dict() == {"oci": "same", "v2s2": "only there"}
    found = rf.compare(here, there.inventory()).set_index("tag")
    assert found["state"].to_dict() == {TAG: "only here", "oci": "only there", "v2s2": "only there"}
    assert set(found["repository"]) == {"team/app"}
    pd.testing.assert_frame_equal(rf.compare(targets["docker-archive"], there).set_index("tag"), found)


def test_what_differs_says_which_is_newer(inventories: dict[str, rf.Inventory]) -> None:
    images = inventories["oci"].images
    older = images.assign(config_digest=f"sha256:{64 * '0'}", created=images["created"] - pd.Timedelta(days=1))
    assert rf.compare(images, older)["newer"].item() == "here"
    assert rf.compare(older, images)[["state", "newer"]].to_dict("records") == [
        {"state": "different", "newer": "there"}
    ]
    assert rf.compare(images, older.assign(created=images["created"]))["newer"].isna().all()


@pytest.mark.parametrize("place", ["docker-archive", "containers-storage", "podman"])
def test_the_layers_of_one_image_are_the_same_however_they_are_compressed(
    inventories: dict[str, rf.Inventory], place: str
) -> None:
    found = rf.diff(inventories["registry oci"], inventories[place])
    assert set(found["change"]) == {"kept"}
    layers = found[found["part"] == "layer"]
    assert list(layers["size_before"]) == list(inventories["registry oci"].layers["size"])
    assert not (layers["before"] == layers["after"]).any()
    # Of which one size is not known, there is no difference of sizes.
    assert found["size_change"].isna().all()


@pytest.mark.parametrize("nonsense", [None, 3, []])
def test_what_is_no_place_is_one_sentence(inventories: dict[str, rf.Inventory], nonsense: Any) -> None:
    with pytest.raises(rf.InvalidReference, match="is no place to compare; registries, targets such as"):
        rf.compare(inventories["oci"], nonsense)
    if nonsense is not None:
        with pytest.raises(rf.InvalidReference, match="pulled takes a place such as"):
            rf.Registry("localhost:1", progress=False).pulled(nonsense)


def test_pulled_says_which_tags_are_out_of_date(inventories: dict[str, rf.Inventory], registry: RegistryServer) -> None:
    own = inventories["docker-archive"].images.assign(repository=f"{registry.address}/team/app")
    day = pd.Timedelta(days=1)
    other = own.assign(config_digest=f"sha256:{64 * '0'}")
    here = pd.concat(
        [
            own.assign(tag="v2s2"),
            other.assign(tag="oci", created=own["created"] - day),
            own.assign(tag="gone"),
            own.assign(repository="quay.io/team/app", tag="elsewhere"),
        ]
    )
    there = rf.Registry(registry.address, progress=False)
    found = there.pulled(here)
    assert found.set_index("tag")["state"].to_dict() == {"gone": "gone", "oci": "out of date", "v2s2": "current"}
    assert there.errors.empty
    ahead = there.pulled(other.assign(tag="oci", created=own["created"] + day))
    assert list(ahead["state"]) == ["ahead"]
    assert there.pulled(here.head(0)).empty
    # Of other platforms than those that are read, nothing is known.
    one = rf.Registry(registry.address, platform="linux/arm64", progress=False)
    other = own.assign(tag="v2s2", platform="linux/s390x")
    assert list(there.pulled(other.assign(config_digest="other"))["state"]) == ["gone"]
    assert one.pulled(other.assign(config_digest="other")).empty
    assert one.pulled(own.assign(tag="v2s2")).empty


def test_pulled_looks_into_a_place(places: Places, registry: RegistryServer, tmp_path: Path) -> None:
    layout = places.copy(f"oci:{tmp_path / 'layout'}:{registry.address}/team/app:oci")
    there = rf.Registry(registry.address, progress=False)
    for local in (layout, rf.Registry(layout, progress=False)):
        assert there.pulled(local)[["repository", "tag", "state"]].values.tolist() == [["team/app", "oci", "current"]]
    with pytest.raises(rf.InvalidReference, match="no place on this machine"):
        there.pulled("quay.io")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("oci:", "goes with a path"),
        ("oci:/nowhere/at/all", "There is no image layout at /nowhere/at/all"),
        ("oci-archive:/nowhere.tar", "There is no archive at /nowhere.tar"),
        ("dir:/nowhere", "There is no folder that skopeo wrote at /nowhere"),
        ("containers-storage:[vfs@/nowhere", "lacks the “]”"),
    ],
)
def test_a_place_that_is_not_there_is_one_sentence(target: str, said: str) -> None:
    with pytest.raises(rf.RegframeError, match=said):
        rf.Registry(target, progress=False).images()


def test_a_place_is_no_registry(targets: dict[str, str]) -> None:
    place = rf.Registry(targets["oci"], progress=False)
    assert place.ping()["registry"] == place.name
    for ask in (place.plan, place.doctor, place.limits, place.referrers):
        with pytest.raises(rf.Unsupported, match="is no registry"):
            ask()
    with pytest.raises(rf.ConfigurationError, match="takes no credentials"):
        rf.Registry(targets["oci"], username="me", password="secret")
