from datetime import UTC, datetime

import pandas as pd

import regframe as rf
from regframe.analysis import drift, tag_history
from regframe.frames import frame
from tests.analysis.made import Made, inventory


def rows(frame: pd.DataFrame, *columns: str) -> list[list[object]]:
    shown = frame[list(columns)].astype(object)
    return shown.where(shown.notna(), None).to_numpy().tolist()


def on(day: int, *images: Made, **about: object) -> rf.Inventory:
    return inventory(*images, taken_at=datetime(2024, 1, day, tzinfo=UTC), **about)


def test_tags_added_removed_and_moved() -> None:
    before = inventory(
        Made("app", "1.0", ("one 10",)), Made("app", "latest", ("one 10",)), Made("old", "1.0", ("old 1",))
    )
    after = inventory(
        Made("app", "1.0", ("one 10",)), Made("app", "1.1", ("two 15",)), Made("app", "latest", ("two 15",))
    )
    found = drift(before, after)
    columns = ["repository", "tag", "change", "size_before", "size_after", "size_change"]
    assert rows(found, *columns) == [
        ["app", "1.1", "added", None, 15, None],
        ["app", "latest", "moved", 10, 15, 5],
        ["old", "1.0", "removed", 1, None, None],
    ]
    moved = found[found["change"] == "moved"].iloc[0]
    assert moved["digest_before"] == before.tags["digest"][1]
    assert moved["digest_after"] == after.tags["digest"][2]


def test_nothing_has_changed() -> None:
    made = inventory(Made("app", "1.0", ("one 10",)))
    same = drift(made, made)
    assert same.empty
    assert same.dtypes.astype(str).to_dict() == drift(inventory(), made).dtypes.astype(str).to_dict()


def test_growth_is_that_of_the_platforms_of_both() -> None:
    before = inventory(
        Made("app", "1", ("amd 10",), platform="linux/amd64", index="before"),
        Made("app", "1", ("s390x 5",), platform="linux/s390x", index="before"),
    )
    after = inventory(
        Made("app", "1", ("amd 12",), platform="linux/amd64", index="after"),
        Made("app", "1", ("arm 90",), platform="linux/arm64", index="after"),
        Made("app", "1", ("provenance 1",), platform=None, index="after", kind="attestation"),
    )
    assert rows(drift(before, after), "change", "size_before", "size_after", "size_change") == [["moved", 15, 102, 2]]


def test_what_could_not_be_read_is_not_taken_for_a_change() -> None:
    made = inventory(Made("app", "1.0", ("one 10",)), Made("web", "1.0", ("web 1",)))
    tag_failed = inventory(Made("app", "1.0", ("one 10",)), Made("web", "1.0", ("web 1",)))
    tag_failed.tags.loc[0, "digest"] = None
    assert rows(drift(made, tag_failed), "tag", "change") == [["1.0", "unread"]]
    errors = frame("errors", [("web", None, None, "tags", 500, None, "It failed.", None)])
    list_failed = inventory(Made("app", "1.0", ("one 10",)), errors=errors)
    assert rows(drift(made, list_failed), "repository", "change") == [["web", "unread"]]
    assert rows(drift(list_failed, made), "repository", "change") == [["web", "unread"]]
    no_catalog = inventory(errors=frame("errors", [(None, None, None, "catalog", 500, None, "It failed.", None)]))
    assert set(drift(made, no_catalog)["change"]) == {"unread"}
    assert set(drift(made, inventory(complete=False))["change"]) == {"unread"}


def test_the_history_of_a_tag_over_inventories() -> None:
    one, two = Made("app", "latest", ("one 10",)), Made("app", "latest", ("two 15",))
    other = Made("web", "1.0", ("web 1",))
    taken = [on(1, one, other), on(2, one), on(3, two), on(4), on(5, two), on(6, one)]
    found = tag_history(reversed(taken))
    columns = ["repository", "tag", "size", "first_seen", "last_seen", "inventories", "ended"]
    days = {day: pd.Timestamp(2024, 1, day, tz="UTC") for day in range(1, 7)}
    assert rows(found, *columns) == [
        ["app", "latest", 10, days[1], days[2], 2, "moved"],
        ["app", "latest", 15, days[3], days[3], 1, "removed"],
        ["app", "latest", 15, days[5], days[5], 1, "moved"],
        ["app", "latest", 10, days[6], days[6], 1, None],
        ["web", "1.0", 1, days[1], days[1], 1, "removed"],
    ]
    assert found["digest"].tolist()[0] == taken[0].tags["digest"][0]


def test_an_inventory_that_could_not_read_a_tag_says_nothing_about_it() -> None:
    one = Made("app", "latest", ("one 10",))
    failed = on(2, one)
    failed.tags.loc[0, "digest"] = None
    found = tag_history([on(1, one), failed, on(3, one)])
    assert rows(found, "inventories", "ended") == [[2, None]]
    unlisted = on(2, errors=frame("errors", [("app", None, None, "tags", 500, None, "It failed.", None)]))
    assert rows(tag_history([on(1, one), unlisted]), "inventories", "ended") == [[1, None]]


def test_no_inventories_have_no_history() -> None:
    full = tag_history([on(1, Made("app", "1.0", ("one 10",)))])
    assert tag_history([]).empty
    assert tag_history([]).dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()
