"""Plots: what they show adds up to the frames, and can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes

import regframe as rf
from regframe.demo import serve
from regframe.frames import frame

mpl.use("agg")

Draw = Callable[..., Axes]


@pytest.fixture(scope="module")
def inventory() -> rf.Inventory:
    """Give the sample registry's inventory of one platform."""
    with serve() as sample:
        return rf.Registry(sample.address, platform="linux/amd64", progress=False).inventory()


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    """Let no figure live on, nor any setting change."""
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    plt.close("all")


def frame_for(draw: Draw, inventory: rf.Inventory) -> pd.DataFrame:
    return inventory.layers if draw is rf.plot.layer_sizes else inventory.images


DRAW = [rf.plot.layer_sizes, rf.plot.timeline]


@pytest.mark.parametrize("draw", DRAW)
def test_it_draws_where_it_is_told_and_leaves_the_frame_alone(draw: Draw, inventory: rf.Inventory) -> None:
    ax = plt.figure().add_subplot()
    figures = plt.get_fignums()
    drawn = frame_for(draw, inventory)
    before = drawn.copy(deep=True)
    assert draw(drawn, ax=ax) is ax
    assert plt.get_fignums() == figures
    pd.testing.assert_frame_equal(drawn, before)


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize("name", ["empty", "filtered to nothing", "one", "without an image"])
def test_odd_frames_are_drawn(draw: Draw, inventory: rf.Inventory, name: str) -> None:
    drawn = frame_for(draw, inventory)
    odd = {
        "empty": frame("layers" if draw is rf.plot.layer_sizes else "images"),
        "filtered to nothing": drawn[drawn["repository"] == "nothing"],
        "one": drawn[drawn["repository"] == "sample/reproducible"],
        "without an image": drawn[drawn["platform"].isna()],
    }
    draw(odd[name]).figure.canvas.draw()


def test_the_bars_add_up_to_the_frame(inventory: rf.Inventory) -> None:
    layers = inventory.layers[inventory.layers["repository"] == "team/api"]
    ax = rf.plot.layer_sizes(layers, largest=1000)
    images = layers[layers["platform"].notna()].drop_duplicates(["digest", "position"])
    assert sum(bar.get_width() for bar in ax.patches) == images["size"].sum()
    assert len(ax.get_yticks()) == images["digest"].nunique()


def test_a_layer_that_images_share_has_one_colour_and_others_are_grey(inventory: rf.Inventory) -> None:
    layers = inventory.layers[inventory.layers["repository"] == "team/api"]
    colours = {bar.get_facecolor() for bar in rf.plot.layer_sizes(layers).patches}
    assert len(colours) > 2


def test_many_images_are_the_largest_and_a_count(inventory: rf.Inventory) -> None:
    ax = rf.plot.layer_sizes(inventory.layers, largest=25)
    images = inventory.layers[inventory.layers["platform"].notna()][["repository", "digest"]].drop_duplicates()
    assert len(ax.get_yticks()) == 25
    assert f"{len(images) - 25:,} others" in ax.get_title(loc="left")


def test_a_release_is_one_mark_however_many_tags_and_platforms_it_has(inventory: rf.Inventory) -> None:
    images = inventory.images[inventory.images["repository"] == "httpd"]
    ax = rf.plot.timeline(images)
    marks = sum(len(collection.get_offsets()) for collection in ax.collections)
    assert marks == images["index_digest"].fillna(images["digest"]).nunique()


def test_a_timeline_of_releases_is_that_of_their_images(inventory: rf.Inventory) -> None:
    images = inventory.images[inventory.images["repository"] == "httpd"]
    marks = [
        sum(len(collection.get_offsets()) for collection in rf.plot.timeline(given).collections)
        for given in (images, rf.releases(images))
    ]
    assert marks[0] == marks[1]


def test_a_date_that_is_only_seen_is_counted_and_not_drawn(inventory: rf.Inventory) -> None:
    images = inventory.images[inventory.images["repository"].isin(["sample/reproducible", "httpd"])]
    ax = rf.plot.timeline(images)
    assert "1 without a date" in ax.get_title(loc="left")
    assert len(ax.get_yticks()) == 1


@pytest.mark.parametrize("draw", DRAW)
def test_no_name_is_written_over_another_or_outside(draw: Draw, inventory: rf.Inventory) -> None:
    ax = draw(frame_for(draw, inventory))
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    labels = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(box.x0 >= 0 and box.y0 >= 0 for box in labels)
    labels.sort(key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(labels))


def test_very_long_names_and_very_different_sizes() -> None:
    sizes = [32, 10_000_000_000]
    rows = [
        ("team/" + "very-long-name-" * 12 + str(number), "1.0", f"sha256:{number}", "linux/amd64", 0,
         f"sha256:{number}", None, None, "gzip", size, True, None, "RUN " + "$x " * 500)
        for number, size in enumerate(sizes)
    ]  # fmt: skip
    ax = rf.plot.layer_sizes(frame("layers", rows))
    ax.figure.canvas.draw()
    assert all(len(label.get_text()) < 50 for label in ax.get_yticklabels())
    assert {text.get_text() for text in ax.texts} >= {"32 B", "10 GB"}


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (52_300_000, "52.3 MB"), (1.5e9, "1.5 GB")]
)
def test_sizes_are_written_for_people(size: float, text: str) -> None:
    assert rf.plot.human_size(size) == text


def test_storage_bars_add_up_to_what_is_stored(inventory: rf.Inventory) -> None:
    stored = rf.storage(inventory)
    ax = rf.plot.storage(stored, largest=1000)
    assert sum(bar.get_width() for bar in ax.patches) == stored["stored"].sum()
    rf.plot.storage(stored.iloc[:0]).figure.canvas.draw()


def test_growth_has_a_line_for_each_version_line(inventory: rf.Inventory) -> None:
    images = inventory.images[inventory.images["repository"] == "team/api"]
    lines = rf.plot.growth(rf.releases(images)).get_lines()
    again = rf.plot.growth(images).get_lines()
    assert [line.get_label() for line in lines] == [line.get_label() for line in again]
    assert sum(len(line.get_xdata()) for line in lines) <= rf.releases(images)["size"].notna().sum()
    rf.plot.growth(images.iloc[:0]).figure.canvas.draw()
