"""Random registries, by brute force: sets of digests and plain sums."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from regframe.analysis import reclaimable, retention, storage
from tests.analysis.made import CONFIG_SIZE, EMPTY, INDEX_SIZE, MANIFEST_SIZE, Made, digest, inventory, layer_size

LAYERS = ["a 1", "b 20", "c 300", "d 4000", "e 50000", "foreign 600000", "g ?"]
PLATFORMS = ["linux/amd64", "linux/arm64"]


@st.composite
def tags(draw: st.DrawFn) -> list[Made]:
    """Draw a tag: an image, an artifact, or an index of images and an attestation."""
    name = draw(st.sampled_from(["app", "web", "team/app"])), draw(st.sampled_from(["1.0", "1.1", "2.0", "latest"]))
    layers = st.lists(st.sampled_from(LAYERS), max_size=4).map(tuple)
    config = st.sampled_from(["", "other"])
    shape = draw(st.sampled_from(["image", "artifact", "index"]))
    if shape == "image":
        return [Made(*name, draw(layers), draw(config))]
    if shape == "artifact":
        return [Made(*name, (EMPTY,), config=EMPTY, platform=None, kind="artifact")]
    platforms = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, unique=True))
    rows = [(draw(layers), draw(config), platform, "image") for platform in platforms]
    if draw(st.booleans()):
        rows.append((("provenance 7",), "", None, "attestation"))
    index = f"index of {rows}"
    return [Made(*name, *row[:3], index=index, kind=row[3]) for row in rows]


def one_of_each_name(drawn: list[list[Made]]) -> list[Made]:
    """Keep the first of several tags of one name."""
    by_name: dict[tuple[str, str | None], list[Made]] = {}
    for rows in drawn:
        by_name.setdefault((rows[0].repository, rows[0].tag), rows)
    return [row for rows in by_name.values() for row in rows]


REGISTRIES = st.lists(tags(), min_size=1, max_size=8).map(one_of_each_name)


def documents(images: Iterable[Made]) -> dict[str, int]:
    held: dict[str, int] = {}
    for image in images:
        held[image.digest] = MANIFEST_SIZE
        if image.config_digest:
            held[image.config_digest] = len(EMPTY) if image.config == EMPTY else CONFIG_SIZE
        if image.index:
            held[image.target] = INDEX_SIZE
    return held


def layers(images: Iterable[Made]) -> dict[str, int]:
    names = {name for image in images for name in image.layers}
    return {digest(name): layer_size(name) or 0 for name in names if not name.startswith("foreign")}


def everything(images: Iterable[Made]) -> dict[str, int]:
    images = list(images)
    return layers(images) | documents(images)


@settings(max_examples=60, deadline=None)
@given(REGISTRIES, st.sampled_from(["repository", "tag", "platform", "registry"]))
def test_storage_is_what_sets_of_digests_come_to(images: list[Made], by: str) -> None:
    keys = {
        "repository": lambda image: (image.repository,),
        "tag": lambda image: (image.repository, image.tag),
        "platform": lambda image: (image.platform,),
        "registry": lambda image: ("localhost:5000",),
    }
    groups: dict[tuple[str | None, ...], list[Made]] = {}
    for image in images:
        groups.setdefault(keys[by](image), []).append(image)
    found = storage(inventory(*images), by=by)
    assert len(found) == len(groups)
    for row in found.astype(object).where(found.notna(), None).to_dict("records"):
        key = tuple(row[name] for name in found.columns[: list(found.columns).index("images")])
        own = groups[key]
        others = {one for other, rows in groups.items() if other != key for one in layers(rows)}
        of_images = [image for image in own if image.kind == "image"]
        stored = layers(of_images)
        held = documents(own)
        assert row["images"] == len({image.digest for image in of_images})
        assert row["layers"] == len(stored)
        assert row["logical"] == sum(
            sum(layers([image]).values()) for image in {image.digest: image for image in of_images}.values()
        )
        assert row["stored"] == sum(stored.values())
        assert row["exclusive"] == sum(size for one, size in stored.items() if one not in others)
        assert row["shared"] + row["exclusive"] == row["stored"] <= row["logical"]
        assert row["documents"] == len(held)
        assert row["documents_size"] == sum(held.values())
        assert row["artifacts"] == len({image.digest for image in own} - {image.digest for image in of_images})
        assert row["artifacts_size"] == sum(
            size for one, size in layers(own).items() if one not in stored and one not in held
        )


@settings(max_examples=60, deadline=None)
@given(REGISTRIES, st.data())
def test_what_is_reclaimed_is_what_was_held_less_what_is_still_held(images: list[Made], data: st.DataObject) -> None:
    made = inventory(*images)
    mask = data.draw(st.lists(st.booleans(), min_size=len(images), max_size=len(images)))
    going = {(image.repository, image.tag) for image, is_marked in zip(images, mask, strict=True) if is_marked}
    kept = [image for image in images if (image.repository, image.tag) not in going]
    gone = {one: size for one, size in everything(images).items() if one not in everything(kept)}

    found = reclaimable(made, mask)
    assert dict(zip(found["digest"], found["size"].fillna(0), strict=True)) == gone
    for one, names in zip(found["digest"], found["repositories"], strict=True):
        assert set(names.split(", ")) == {image.repository for image in images if one in everything([image])}

    def stored(images: list[Made]) -> int:
        whole = storage(inventory(*images), by="registry")
        return int(whole[["stored", "artifacts_size", "documents_size"]].to_numpy().sum())

    assert found["size"].sum() == stored(images) - stored(kept)


@settings(max_examples=60, deadline=None)
@given(REGISTRIES, st.integers(0, 3), st.sampled_from(["version_line", "repository"]))
def test_retention_keeps_releases_whole_and_so_many_of_each_group(images: list[Made], count: int, by: str) -> None:
    made = inventory(*images)
    kept = retention(made.images, keep_last=count, by=by)
    assert kept.index.equals(made.images.index)
    # By release: a digest that tags of one repository point to.
    for _, rows in pd.DataFrame(
        {
            "repository": [image.repository for image in images],
            "target": [image.target for image in images],
            "kept": kept,
        }
    ).groupby(["repository", "target"]):
        assert rows["kept"].nunique() == 1
    if by == "repository":
        for name in {image.repository for image in images}:
            of_images = {image.target for image in images if image.repository == name and image.kind == "image"}
            still = {
                image.target
                for image, is_kept in zip(images, kept, strict=True)
                if is_kept and image.repository == name and image.kind == "image"
            }
            assert len(still) == min(count, len(of_images))
