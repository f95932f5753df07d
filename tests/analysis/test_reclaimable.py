import pandas as pd
import pytest

import regframe as rf
from regframe.analysis import aliases, reclaimable, releases
from regframe.frames import frame
from tests.analysis.made import CONFIG_SIZE, EMPTY, INDEX_SIZE, MANIFEST_SIZE, TAKEN, Made, digest, inventory

ONE, TWO, WEB = (
    Made("app", "1", ("base 100", "one 10")),
    Made("app", "2", ("base 100", "two 20")),
    Made("web", "1", ("base 100", "two 20", "web 3")),
)


def by_kind(frame: pd.DataFrame) -> dict[str, int]:
    return {str(kind): int(size) for kind, size in frame.groupby("kind", observed=True)["size"].sum().items()}


def test_only_what_no_other_tag_holds_is_freed() -> None:
    found = reclaimable(inventory(ONE, TWO, WEB), "app:1")
    assert found.to_dict("list") == {
        "digest": [ONE.config_digest, ONE.digest, digest("one 10")],
        "kind": ["config", "manifest", "layer"],
        "size": [CONFIG_SIZE, MANIFEST_SIZE, 10],
        "repositories": ["app", "app", "app"],
    }
    assert found.dtypes.astype(str).to_dict() == {
        "digest": "str",
        "kind": "category",
        "size": "Int64",
        "repositories": "str",
    }


def test_a_layer_goes_when_its_last_holder_in_any_repository_goes() -> None:
    assert by_kind(reclaimable(inventory(ONE, TWO, WEB), "app:2")) == {"config": CONFIG_SIZE, "manifest": MANIFEST_SIZE}
    everything = reclaimable(inventory(ONE, TWO, WEB), ["app", "web"])
    assert by_kind(everything) == {"config": 3 * CONFIG_SIZE, "manifest": 3 * MANIFEST_SIZE, "layer": 133}
    shared = everything.set_index("digest")["repositories"]
    assert shared[digest("base 100")] == shared[digest("two 20")] == "app, web"


def test_an_alias_that_stays_keeps_everything() -> None:
    made = inventory(ONE, Made("app", "latest", ONE.layers))
    assert reclaimable(made, "app:1").empty
    assert len(reclaimable(made, ["app:1", "app:latest"])) == 4


def test_a_release_goes_with_all_its_tags() -> None:
    made = inventory(ONE, Made("app", "latest", ONE.layers), WEB)
    for frame_of_releases in (releases(made.images), aliases(made.images)):
        going = frame_of_releases[frame_of_releases["repository"] == "app"]
        assert by_kind(reclaimable(made, going)) == {"config": CONFIG_SIZE, "manifest": MANIFEST_SIZE, "layer": 10}


def test_a_tag_goes_with_all_its_platforms_and_its_index() -> None:
    arm = Made("app", "1", ("arm 7",), platform="linux/arm64", index="index")
    made = inventory(Made("app", "1", ("base 100",), index="index"), arm, Made("app", "2", ("base 100", "two 20")))
    found = reclaimable(made, made.images["platform"] == "linux/arm64")
    assert by_kind(found) == {
        "index": INDEX_SIZE,
        "manifest": 2 * MANIFEST_SIZE,
        "config": 2 * CONFIG_SIZE,
        "layer": 7,
    }


def test_an_index_holds_the_images_in_it() -> None:
    image = Made("app", "amd64", ("base 100",))
    made = inventory(image, Made("app", "1", ("base 100",), index="index"))
    assert reclaimable(made, "app:amd64").empty
    assert by_kind(reclaimable(made, "app:1")) == {"index": INDEX_SIZE}


def test_what_is_not_stored_here_is_not_freed() -> None:
    assert by_kind(reclaimable(inventory(Made("app", "1", ("foreign 1000", "own 5"))), "app")) == {
        "config": CONFIG_SIZE,
        "manifest": MANIFEST_SIZE,
        "layer": 5,
    }


def test_a_digest_that_is_config_and_layer_is_freed_once() -> None:
    found = reclaimable(inventory(Made("app", "1", (EMPTY,), config=EMPTY, kind="artifact", platform=None)), "app")
    assert by_kind(found) == {"config": len(EMPTY), "manifest": MANIFEST_SIZE}


def test_an_unknown_size_is_missing() -> None:
    found = reclaimable(inventory(Made("old", "1", ("base ?",), config=None)), "old").set_index("kind")["size"]
    assert found["manifest"] == MANIFEST_SIZE
    assert found.isna()["layer"]


@pytest.mark.parametrize("which", ["mask", "function", "tags", "repositories", "digests", "text", "glob"])
def test_tags_are_named_in_every_way_that_selects(which: str) -> None:
    made = inventory(ONE, TWO, WEB)
    ways = {
        "mask": made.images["repository"].eq("app"),
        "function": lambda images: images["repository"].eq("app"),
        "tags": made.tags[made.tags["repository"] == "app"],
        "repositories": made.repositories.head(1),
        "digests": pd.DataFrame({"repository": ["app", "app"], "digest": [ONE.digest, TWO.digest]}),
        "text": ["app:1", "localhost:5000/app:2"],
        "glob": "a*:*",
    }
    assert by_kind(reclaimable(made, ways[which])) == {
        "config": 2 * CONFIG_SIZE,
        "manifest": 2 * MANIFEST_SIZE,
        "layer": 10,
    }


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ("nosuch", "The inventory has no image “nosuch”"),
        ([True], "The mask has 1 values, but the images frame 3 rows"),
        (pd.Series([True, True, True], index=[7, 8, 9]), "The mask has another index than the images frame"),
        ([1, 0, 1], "Images are selected by a mask of True and False"),
        (pd.DataFrame({"tag": ["1"]}), "A frame that selects images needs a column “repository”"),
    ],
)
def test_what_selects_nothing_is_one_sentence(which: object, sentence: str) -> None:
    with pytest.raises(rf.InvalidReference, match=sentence):
        reclaimable(inventory(ONE, TWO, WEB), which)  # type: ignore[arg-type]


def test_an_incomplete_inventory_warns() -> None:
    errors = frame("errors", [("app", "3", None, "manifest", 500, None, "It failed.", None)])
    with pytest.warns(rf.RegframeWarning, match="1 thing could not be read"):
        reclaimable(inventory(ONE, errors=errors), "app")
    with pytest.warns(rf.RegframeWarning, match="it was interrupted, and it has only some of the images"):
        reclaimable(inventory(ONE, complete=False, covers="linux/amd64", taken_at=TAKEN), "app")
