"""Which images of two places belong together: by what they are, then by what they are called."""

from __future__ import annotations

import pandas as pd
import pytest

import regframe as rf


def images(*rows: tuple[str, str | None, str], repository: str = "app", tag: str = "1") -> pd.DataFrame:
    """Return a frame of images of one tag: platform, config digest and manifest digest of each."""
    frame = pd.DataFrame(list(rows), columns=["platform", "config_digest", "digest"], dtype="str")
    created = pd.to_datetime([f"2024-01-0{len(name)}" for name in frame["digest"]], utc=True).as_unit("us")
    more = {"repository": repository, "tag": tag, "index_digest": None, "kind": "image", "created": created}
    return frame.assign(**more).astype({"index_digest": "str", "platform": "category"})


def states(here: pd.DataFrame, there: pd.DataFrame) -> list[list[str]]:
    return rf.compare(here, there)[["platform", "state"]].to_numpy().tolist()


def test_one_image_is_the_same_whatever_its_platform_is_called() -> None:
    """Podman leaves the variant out, and so do older configs, of which an index says it."""
    here = images(("linux/arm", "c7", "m"))
    there = images(("linux/arm/v6", "c6", "m6"), ("linux/arm/v7", "c7", "m7"), ("linux/amd64", "ca", "ma"))
    assert states(here, there) == [
        ["linux/amd64", "only there"],
        ["linux/arm", "same"],
        ["linux/arm/v6", "only there"],
    ]
    assert ["linux/arm/v7", "same"] in states(there, here)
    # A platform that both places know stays what it is.
    twice = images(("linux/amd64", "c", "m"), ("linux/amd64/v2", "c", "m"))
    assert states(twice, twice) == [["linux/amd64", "same"], ["linux/amd64/v2", "same"]]


def test_an_image_without_a_variant_is_out_of_date_rather_than_gone() -> None:
    here = images(("linux/arm", "old", "m"))
    there = images(("linux/arm/v6", "c6", "m6"), ("linux/arm/v7", "c7", "m7"))
    assert states(here, there) == [["linux/arm", "different"], ["linux/arm/v7", "only there"]]
    assert states(there, here) == [["linux/arm/v6", "different"], ["linux/arm/v7", "only here"]]
    assert rf.compare(here, there)["newer"][0] == "there"
    # Two that both have one are for different machines.
    assert states(images(("linux/arm/v6", "a", "m")), images(("linux/arm/v7", "b", "m"))) == [
        ["linux/arm/v6", "only here"],
        ["linux/arm/v7", "only there"],
    ]


def test_images_for_versions_of_one_system_are_told_apart() -> None:
    """Docker's official images have two of windows/amd64 in one index, which differ by os.version."""
    both = images(("windows/amd64", "c1", "m1"), ("windows/amd64", "c2", "m2"))
    assert states(both, both) == [["windows/amd64", "same"]] * 2
    for one in (both.head(1), both.tail(1)):
        assert states(one, both) == [["windows/amd64", "same"], ["windows/amd64", "only there"]]
    other = images(("windows/amd64", "c3", "m3"), ("windows/amd64", "c1", "m1"))
    assert states(both, other) == [["windows/amd64", "same"], ["windows/amd64", "different"]]


@pytest.mark.parametrize("built_first", [True, False])
def test_what_was_pushed_counts_before_what_was_built_beside_it(built_first: bool) -> None:
    pushed = images(("linux/amd64", "c", "m"), repository="quay.io/app")
    built = images(("linux/amd64", "other", "n"), repository="localhost/app")
    here = pd.concat([built, pushed] if built_first else [pushed, built])
    there = images(("linux/amd64", "c", "m"), repository="quay.io/app")
    found = rf.compare(here, there)
    assert found[["repository", "state"]].to_numpy().tolist() == [["app", "only here"], ["quay.io/app", "same"]]
    by_registry = rf.comparison.compared(here, there.assign(repository="app"), ("quay.io",))
    assert by_registry[["repository", "state"]].to_numpy().tolist() == [["app", "same"]]


def test_artifacts_of_one_tag_are_the_same_by_their_manifests() -> None:
    here = images((None, "empty", "m1"), (None, "empty", "m2"))  # type: ignore[arg-type]
    assert states(here, here) == [[pytest.approx(float("nan"), nan_ok=True), "same"]] * 2
    assert rf.compare(here, here.tail(1))["state"].to_list() == ["same", "only here"]
    assert rf.compare(here.head(0), here.head(0)).empty
    assert rf.compare(here.head(0), here)["state"].to_list() == ["only there"] * 2
