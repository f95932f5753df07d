from datetime import UTC, datetime, timedelta

import pytest

import regframe as rf
from regframe.analysis import retention
from tests.analysis.made import Made, inventory

NOW = datetime(2024, 7, 1, tzinfo=UTC)


def kept(made: rf.Inventory, **policy: object) -> list[str]:
    mask = retention(made.images, **policy)  # type: ignore[arg-type]
    assert mask.dtype == bool
    return made.images.loc[mask, "tag"].fillna("").tolist()


def patches(*tags: str, start: str = "2024-01-01") -> list[Made]:
    first = datetime.fromisoformat(start)
    return [
        Made("app", tag, (f"{tag} 1",), released=str((first + timedelta(days=30 * number)).date()))
        for number, tag in enumerate(tags)
    ]


def test_the_last_releases_of_each_version_line() -> None:
    made = inventory(*patches("1.0.0", "1.0.1", "1.0.2", "1.1.0", "1.1.1"))
    assert kept(made, keep_last=2) == ["1.0.1", "1.0.2", "1.1.0", "1.1.1"]
    assert kept(made, keep_last=0) == []


def test_the_last_releases_of_a_repository_are_those_released_last() -> None:
    made = inventory(*patches("2.0.0", "2.0.1"), *patches("1.9.5", "1.9.6", start="2024-05-01"))
    assert kept(made, keep_last=2, by="repository") == ["1.9.5", "1.9.6"]
    assert kept(made, keep_last=1, by=lambda images: images["tag"].str[0].rename("major")) == ["2.0.1", "1.9.6"]


def test_a_rebuilt_old_release_does_not_drive_out_a_newer_version_of_its_line() -> None:
    rebuilt = Made("app", "1.0.0", ("rebuilt 1",), released="2024-06-01")
    made = inventory(rebuilt, *patches("1.0.1", "1.0.2"))
    assert kept(made, keep_last=1) == ["1.0.2"]


def test_releases_stay_whole_with_all_tags_and_platforms() -> None:
    made = inventory(
        Made("app", "1.0.0", ("amd 1",), platform="linux/amd64", index="first"),
        Made("app", "1.0.0", ("arm 1",), platform="linux/arm64", index="first"),
        Made("app", "1.0.0", ("provenance 1",), platform=None, index="first", kind="attestation"),
        Made("app", "stable", ("amd 1",), platform="linux/amd64", index="first"),
        Made("app", "1.0.1", ("amd 2",), platform="linux/amd64", index="second"),
        Made("app", "latest", ("amd 2",), platform="linux/amd64", index="second"),
    )
    assert kept(made, keep_last=1) == ["1.0.1", "latest"]
    assert kept(made, keep="stable") == ["1.0.0", "1.0.0", "1.0.0", "stable"]
    assert kept(made, keep=["sta*", "1.0.1"]) == made.images["tag"].tolist()


@pytest.mark.parametrize("since", ["60D", timedelta(days=60), datetime(2024, 5, 2), datetime(2024, 5, 2, tzinfo=UTC)])
def test_what_was_released_since(since: object) -> None:
    unknown = [
        Made("app", "3.0.0", ("undated 1",), released=None),
        Made("app", "4.0.0", ("only seen 1",), released="2024-01-01", source="seen"),
    ]
    made = inventory(*patches("1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"), *unknown)
    assert kept(made, keep_newer_than=since, now=NOW) == ["1.0.5", "3.0.0", "4.0.0"]


def test_any_rule_keeps() -> None:
    made = inventory(*patches("1.0.0", "1.0.1", "1.0.2", "1.1.0"))
    assert kept(made, keep_last=1, keep="1.0.0") == ["1.0.0", "1.0.2", "1.1.0"]


def test_signatures_stay_as_long_as_what_they_are_about() -> None:
    old, new = patches("1.0.0", "1.0.1")
    made = inventory(
        old,
        new,
        Made("app", "of-old.sig", ("1 1",), kind="signature", platform=None, subject=old.digest),
        Made("app", "of-new.sig", ("2 1",), kind="signature", platform=None, subject=new.digest),
        Made("app", "of-unknown.sig", ("3 1",), kind="signature", platform=None, subject=f"sha256:{'0' * 64}"),
        Made("charts", "1.0.0", ("chart 1",), kind="artifact", platform=None),
        Made("app", None, ("by digest 1",)),
    )
    assert kept(made, keep_last=1) == ["1.0.1", "of-new.sig", "of-unknown.sig", "1.0.0", ""]


def test_the_mask_has_the_index_of_the_frame() -> None:
    images = inventory(*patches("1.0.0", "1.0.1")).images.set_axis([7, 3])
    assert retention(images, keep_last=1).to_dict() == {7: False, 3: True}


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({}, "A retention policy needs a rule"),
        ({"keep_last": -1}, "keep_last is how many releases to keep"),
        ({"keep_newer_than": "soon"}, "keep_newer_than is a datetime, or how long ago"),
        ({"keep_last": 1, "by": "nothing"}, "“nothing” is nothing to group by"),
    ],
)
def test_a_policy_that_cannot_be_understood_is_one_sentence(policy: dict[str, object], sentence: str) -> None:
    with pytest.raises(rf.InvalidReference, match=sentence):
        retention(inventory(*patches("1.0.0")).images, **policy)  # type: ignore[arg-type]
