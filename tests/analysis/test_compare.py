import pandas as pd
import pytest

import regframe as rf
from regframe.analysis import diff, select
from tests.analysis.made import Made, digest, inventory

OLD = Made(
    "app",
    "1.0",
    ("base 100", "tools 50", "old 7"),
    steps=(("ADD base", "base 100"), ("RUN install", "tools 50"), ("ENV A=1", None), ("COPY old /", "old 7")),
    settings=(
        ("env", "A", "1"),
        ("env", "PATH", "/bin"),
        ("label", "gone", "x"),
        ("port", "80/tcp", None),
        ("entrypoint", None, '["run"]'),
        ("onbuild", None, "RUN a"),
        ("onbuild", None, "RUN b"),
    ),
)
NEW = Made(
    "app",
    "1.1",
    ("base 100", "newer tools 60", "new 9"),
    steps=(("ADD base", "base 100"), ("RUN install", "newer tools 60"), ("ENV A=2", None), ("RUN new", "new 9")),
    settings=(
        ("env", "A", "2"),
        ("env", "PATH", "/bin"),
        ("port", "80/tcp", None),
        ("entrypoint", None, '["run"]'),
        ("user", None, "1000"),
        ("onbuild", None, "RUN a"),
    ),
)


def rows(frame: pd.DataFrame, part: str, *columns: str) -> list[list[object]]:
    shown = frame.loc[frame["part"] == part, list(columns)].astype(object)
    return shown.where(shown.notna(), None).to_numpy().tolist()


def test_layers_kept_replaced_added_and_removed() -> None:
    found = diff(inventory(OLD), inventory(NEW))
    assert rows(found, "layer", "change", "name", "before", "after", "size_before", "size_after", "size_change") == [
        ["kept", "ADD base", digest("base 100"), digest("base 100"), 100, 100, 0],
        ["replaced", "RUN install", digest("tools 50"), digest("newer tools 60"), 50, 60, 10],
        ["removed", "COPY old /", digest("old 7"), None, 7, None, -7],
        ["added", "RUN new", None, digest("new 9"), None, 9, 9],
    ]


def test_steps_kept_changed_added_and_removed() -> None:
    found = diff(inventory(OLD), inventory(NEW))
    assert rows(found, "step", "change", "before", "after", "size_change") == [
        ["kept", "ADD base", "ADD base", 0],
        ["changed", "RUN install", "RUN install", 10],
        ["changed", "ENV A=1", "ENV A=2", None],
        ["removed", "COPY old /", None, -7],
        ["added", None, "RUN new", 9],
    ]


def test_config_drift() -> None:
    found = diff(inventory(OLD), inventory(NEW))
    settings = found[~found["part"].isin(["layer", "step"])]
    shown = settings[["part", "change", "name", "before", "after"]].astype(object)
    assert shown.where(shown.notna(), None).to_numpy().tolist() == [
        ["env", "changed", "A", "1", "2"],
        ["env", "kept", "PATH", "/bin", "/bin"],
        ["label", "removed", "gone", "x", None],
        ["port", "kept", "80/tcp", None, None],
        ["entrypoint", "kept", None, '["run"]', '["run"]'],
        ["onbuild", "kept", None, "RUN a", "RUN a"],
        ["onbuild", "removed", None, "RUN b", None],
        ["user", "added", None, None, "1000"],
    ]


def test_images_of_one_inventory_are_selected() -> None:
    made = inventory(OLD, NEW, Made("app", "latest", NEW.layers, steps=NEW.steps, settings=NEW.settings))
    old, new = select(made, "app:1.0"), select(made, ["app:1.1", "app:latest"])
    pd.testing.assert_frame_equal(diff(old, new), diff(inventory(OLD), inventory(NEW)))
    assert set(diff(new, new)["change"]) == {"kept"}


def test_one_platform_of_an_index() -> None:
    both = [
        inventory(
            Made("app", tag, (f"{tag} amd 1",), platform="linux/amd64", index=tag),
            Made("app", tag, (f"{tag} arm 2",), platform="linux/arm64", index=tag),
            Made("app", tag, ("provenance 3",), platform=None, index=tag, kind="attestation"),
        )
        for tag in ("1.0", "1.1")
    ]
    assert rows(diff(*both, platform="linux/arm64"), "layer", "before") == [[digest("1.0 arm 2")]]
    with pytest.raises(rf.InvalidReference, match=r"name one with platform=: linux/amd64, linux/arm64\."):
        diff(*both)
    single = inventory(Made("app", "2.0", ("single 5",), platform="linux/arm64"))
    assert rows(diff(both[0], single), "layer", "size_change") == [[3]]
    with pytest.raises(rf.InvalidReference, match="The first inventory has no image for linux/s390x"):
        diff(*both, platform="linux/s390x")


def test_several_images_are_one_sentence() -> None:
    with pytest.raises(
        rf.InvalidReference, match=r"several images \(app:1.0, app:1.1\); narrow it down with rf.select"
    ):
        diff(inventory(OLD, NEW), inventory(NEW))
    with pytest.raises(rf.InvalidReference, match="The second inventory has no image"):
        diff(inventory(OLD), inventory())


def test_an_image_without_anything_has_no_rows() -> None:
    nothing = inventory(Made("app", "1.0"))
    assert diff(nothing, nothing).empty
    full = diff(inventory(OLD), inventory(NEW))
    assert {**diff(nothing, nothing).dtypes.astype(str)} == {**full.dtypes.astype(str)}
