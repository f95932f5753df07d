from datetime import UTC, datetime

import pandas as pd
import pytest

from regframe.analysis import aliases, cadence, platforms, releases
from tests.analysis.made import Made, inventory


def images(*tags: str, repository: str = "app", **about: object) -> list[Made]:
    """Return tags of one image."""
    return [Made(repository, tag, (f"{tags[0]} 10",), **about) for tag in tags]  # type: ignore[arg-type]


def lines(*groups: tuple[str, ...]) -> dict[str, str]:
    made = inventory(*(image for tags in groups for image in images(*tags)))
    found = releases(made.images)
    return dict(zip(found["tag"], found["version_line"], strict=True))


def previous(*groups: tuple[str, ...]) -> dict[str, str | None]:
    made = inventory(*(image for tags in groups for image in images(*tags)))
    found = releases(made.images)
    before = found["previous_tag"].astype(object).where(found["previous_tag"].notna(), None)
    return dict(zip(found["tag"], before, strict=True))


def test_aliases_name_the_most_specific_tag_first() -> None:
    made = inventory(
        *images("latest", "1.25", "1.25.3", "1", "1.25.3-bookworm"),
        *images("1.25.3-alpine", "alpine", "1.25.3-alpine3.18"),
        Made("web", "edge", ("web 1",)),
        Made("app", "sha256-0.sig", ("signature 1",), kind="signature", platform=None),
        Made("app", None, ("by digest 1",)),
    )
    found = aliases(made.images)
    assert found[["repository", "tag", "version", "aliases", "tags"]].astype(object).to_numpy().tolist() == [
        ["app", "1.25.3-alpine3.18", "1.25.3", "1.25.3-alpine, alpine", 2 + 1],
        ["app", "1.25.3-bookworm", "1.25.3", "1.25.3, 1.25, 1, latest", 5],
        ["web", "edge", pytest.approx(float("nan"), nan_ok=True), "", 1],
    ]
    assert found["digest"].tolist() == [made.images["digest"][5], made.images["digest"][0], made.images["digest"][8]]


@pytest.mark.parametrize(
    ("tags", "best"),
    [
        (("latest", "stable"), "stable"),
        (("12.5", "bookworm-20240115", "12", "bookworm", "latest"), "bookworm-20240115"),
        (("1.2.3", "20240115", "latest"), "1.2.3"),
        (("main", "3f4a5b6", "latest"), "3f4a5b6"),
        (("1.2", "3f4a5b6"), "1.2"),
        (("1", "3f4a5b6"), "3f4a5b6"),
        (("v1.2.3", "1.2.3", "1.2"), "1.2.3"),
        (("2.0.0", "2.0.0-rc.1"), "2.0.0-rc.1"),
    ],
)
def test_the_most_specific_tag(tags: tuple[str, ...], best: str) -> None:
    assert aliases(inventory(*images(*tags)).images)["tag"].tolist() == [best]


def test_an_index_is_one_release_with_its_platforms() -> None:
    made = inventory(
        Made("app", "1.0", ("amd 100",), platform="linux/amd64", index="index", released="2024-01-01"),
        Made("app", "1.0", ("arm 10",), platform="linux/arm64", index="index", released="2024-01-03"),
        Made("app", "1.0", ("provenance 1",), platform=None, index="index", kind="attestation"),
        Made("app", "latest", ("amd 100",), platform="linux/amd64", index="index", released="2024-01-01"),
        Made("app", "latest", ("arm 10",), platform="linux/arm64", index="index", released="2024-01-03"),
    )
    found = releases(made.images)
    assert found[["tag", "aliases", "digest", "platforms", "size"]].to_numpy().tolist() == [
        ["1.0", "latest", made.images["index_digest"][0], 2, 110]
    ]
    assert found["released_at"].tolist() == [pd.Timestamp("2024-01-03", tz="UTC")]


def test_the_best_known_date_counts() -> None:
    made = inventory(
        Made("app", "1.0", ("amd 1",), platform="linux/amd64", index="i", released="2024-01-01", source="config"),
        Made("app", "1.0", ("arm 1",), platform="linux/arm64", index="i", released="2025-06-01", source="seen"),
    )
    found = releases(made.images)
    assert found[["released_at", "released_source"]].to_numpy().tolist() == [
        [pd.Timestamp("2024-01-01", tz="UTC"), "config"]
    ]


def test_version_lines_are_major_minor_and_variant() -> None:
    assert lines(("1.25.3-alpine3.18",), ("1.25.4-alpine3.18",), ("v2.0.0-rc.1",), ("8-jdk-slim-bullseye",)) == {
        "1.25.3-alpine3.18": "1.25-alpine3.18",
        "1.25.4-alpine3.18": "1.25-alpine3.18",
        "v2.0.0-rc.1": "2.0",
        "8-jdk-slim-bullseye": "8-jdk-slim-bullseye",
    }


def test_where_the_minor_number_counts_up_the_line_is_the_major() -> None:
    assert lines(("16.3",), ("16.4", "16"), ("9.6.24",), ("9.5",)) == {
        "9.5": "9.5",
        "9.6.24": "9.6",
        "16.3": "16",
        "16.4": "16",
    }


def test_lines_of_tags_that_are_no_versions() -> None:
    assert lines(
        ("bookworm-20240115-slim",), ("20240115",), ("main-3f4a5b6",), ("0123abc",), ("latest",), ("1..2",)
    ) == {
        "bookworm-20240115-slim": "bookworm-slim",
        "20240115": "date",
        "main-3f4a5b6": "main",
        "0123abc": "commit",
        "latest": "latest",
        "1..2": "1..2",
    }
    assert set(lines(("build-143",), ("build-144",)).values()) == {"build"}
    assert set(lines(("143",), ("144", "latest")).values()) == {"number"}


def test_releases_follow_each_other_within_their_line() -> None:
    assert previous(("1.9.9",), ("1.10.0-rc1",), ("1.10.0", "1.10"), ("1.10.1",), ("1.10.1-alpine",), ("1.9.10",)) == {
        "1.9.9": None,
        "1.9.10": "1.9.9",
        "1.10.0-rc1": None,
        "1.10.0": "1.10.0-rc1",
        "1.10.1": "1.10.0",
        "1.10.1-alpine": None,
    }


def test_commits_follow_each_other_by_date() -> None:
    made = inventory(
        *images("b000001", released="2024-01-01"),
        *images("a000002", released="2024-02-01"),
        *images("c000003", released="2024-01-15"),
    )
    found = releases(made.images).set_index("tag")
    assert found["previous_tag"].dropna().to_dict() == {"c000003": "b000001", "a000002": "c000003"}
    assert found["days_since_previous"].dropna().to_dict() == {"c000003": 14, "a000002": 17}


def test_size_change_is_that_of_the_platforms_of_both() -> None:
    made = inventory(
        Made("app", "1.0.0", ("amd 100",), platform="linux/amd64", index="first"),
        Made("app", "1.0.0", ("arm 50",), platform="linux/arm64", index="first"),
        Made("app", "1.0.1", ("amd 105",), platform="linux/amd64", index="second", released="2024-01-11"),
        Made("app", "1.0.1", ("riscv 70",), platform="linux/riscv64", index="second", released="2024-01-11"),
    )
    found = releases(made.images).set_index("tag")
    assert found.loc["1.0.1", ["size", "size_change", "days_since_previous"]].tolist() == [175, 5, 10]
    assert found["size_change"].isna()["1.0.0"]


def test_an_empty_images_frame_gives_an_empty_frame_with_the_same_dtypes() -> None:
    full, empty = inventory(*images("1.0.0")).images, inventory().images
    for answer in (aliases, releases, lambda images: cadence(releases(images))):
        assert answer(empty).empty
        assert answer(empty).dtypes.astype(str).to_dict() == answer(full).dtypes.astype(str).to_dict()


def test_cadence_by_line() -> None:
    made = inventory(
        *images("1.0.0", released="2024-01-01"),
        *images("1.0.1", released="2024-01-11"),
        *images("1.0.2", released="2024-03-01"),
        *images("1.0.3", released="2026-01-01", source="seen"),
        *images("1.1.0", released="2024-02-01"),
    )
    found = cadence(releases(made.images), now=datetime(2024, 3, 11, tzinfo=UTC)).set_index("version_line")
    assert found.loc["1.0", ["releases", "last_tag", "days_since_last", "median_gap_days"]].tolist() == [
        4,
        "1.0.2",
        10,
        30,
    ]
    assert found.loc["1.0", "releases_per_month"] == pytest.approx(2 / (60 / 30.4375))
    assert found.loc["1.1", ["releases", "days_since_last"]].tolist() == [1, 39]
    assert found.loc["1.1", ["median_gap_days", "releases_per_month"]].isna().all()
    whole = cadence(releases(made.images), by="repository", now=datetime(2024, 3, 11))
    assert whole[["repository", "releases", "last_tag"]].to_numpy().tolist() == [["app", 5, "1.0.2"]]


def test_platforms_of_each_tag_and_what_a_release_lacks() -> None:
    made = inventory(
        Made("app", "1.0.0", ("amd 1",), platform="linux/amd64", index="first"),
        Made("app", "1.0.0", ("arm 1",), platform="linux/arm64", index="first"),
        Made("app", "1.0.1", ("amd 2",), platform="linux/amd64", index="second"),
        Made("app", "1.0.1", ("s390x 2",), platform="linux/s390x", index="second"),
        Made("app", "1.0.1", ("provenance 1",), platform=None, index="second", kind="attestation"),
        Made("app", "1.0", ("amd 2",), platform="linux/amd64", index="second"),
        Made("app", "1.0", ("s390x 2",), platform="linux/s390x", index="second"),
    )
    found = platforms(made.images)
    assert list(found.columns) == [
        *["repository", "tag", "version_line", "previous_tag", "lost", "gained"],
        *["linux/amd64", "linux/arm64", "linux/s390x"],
    ]
    assert found.drop(columns=["repository", "version_line"]).fillna("").to_numpy().tolist() == [
        ["1.0.0", "", "", "", True, True, False],
        ["1.0.1", "1.0.0", "linux/arm64", "linux/s390x", True, False, True],
        ["1.0", "1.0.0", "linux/arm64", "linux/s390x", True, False, True],
    ]
    assert found["lost"].isna().tolist() == [True, False, False]
    assert platforms(inventory().images).empty
