import pandas as pd
import pytest

import regframe as rf
from regframe.analysis import releases, select
from tests.analysis.made import Made, inventory

IMAGES = (
    Made("team/app", "1.0", ("amd 1",), platform="linux/amd64", index="1.0"),
    Made("team/app", "1.0", ("arm 1",), platform="linux/arm64/v8", index="1.0"),
    Made("team/app", "latest", ("amd 1",), platform="linux/amd64", index="1.0"),
    Made("team/app", "latest", ("arm 1",), platform="linux/arm64/v8", index="1.0"),
    Made("web", "1.0", ("web 1",), settings=(("env", "A", "1"),)),
)


def test_every_frame_is_narrowed_down() -> None:
    made = inventory(*IMAGES)
    alone = inventory(IMAGES[4])
    found = select(made, "web")
    for (name, frame), (_, expected) in zip(found.frames(), alone.frames(), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_categorical=False, obj=name)
    assert (found.registry, found.taken_at) == (made.registry, made.taken_at)


@pytest.mark.parametrize(
    ("which", "platform", "expected"),
    [
        ("team/app:1.0", None, [0, 1]),
        ("team/*", "linux/arm64", [1, 3]),
        (["web", "team/app:late*"], None, [2, 3, 4]),
        ([], None, []),
        ([False, True, False, False, True], None, [1, 4]),
        (lambda images: images["platform"] == "linux/amd64", None, [0, 2, 4]),
    ],
)
def test_rows_that_are_meant(which: object, platform: str | None, expected: list[int]) -> None:
    made = inventory(*IMAGES)
    found = select(made, which, platform=platform)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(found.images, made.images.loc[expected].reset_index(drop=True))
    assert len(found.layers) == len(expected)


def test_frames_that_are_meant() -> None:
    made = inventory(*IMAGES)
    assert select(made, made.images.iloc[[1]]).images["platform"].tolist() == ["linux/arm64/v8"]
    assert len(select(made, releases(made.images).head(1)).images) == 4
    assert len(select(made, made.tags.head(1)).images) == 2
    assert select(made, made.images.head(0)).images.empty
    with pytest.raises(rf.InvalidReference):
        select(made, "Not a reference")
