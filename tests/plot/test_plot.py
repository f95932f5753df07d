"""Plots: what they show adds up to the frames, and can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


OF_LAYERS = [rf.plot.layer_sizes, rf.plot.layers, rf.plot.sharing]
OF_IMAGES = [rf.plot.timeline, rf.plot.growth, rf.plot.platforms]
DRAW = [*OF_LAYERS, *OF_IMAGES]


def frame_for(draw: Draw, inventory: rf.Inventory) -> pd.DataFrame:
    return inventory.layers if draw in OF_LAYERS else inventory.images


def drawn_texts(ax: Axes) -> list[str]:
    """Return the words of a plot, as a reader sees them."""
    return [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)]


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
def test_several_axes_at_once_are_refused_in_a_sentence(draw: Draw, inventory: rf.Inventory) -> None:
    with pytest.raises(rf.ConfigurationError, match="one Axes or an empty Figure; ax is ndarray"):
        draw(frame_for(draw, inventory), ax=plt.figure().subplots(1, 2))


def test_axes_of_a_part_of_a_figure_are_drawn_on(inventory: rf.Inventory) -> None:
    parts = plt.figure(layout="constrained").subfigures(1, 2)
    for part, draw in zip(parts, (rf.plot.timeline, rf.plot.layers), strict=True):
        draw(frame_for(draw, inventory), ax=part.add_subplot())


@pytest.mark.parametrize("draw", DRAW)
def test_an_empty_figure_gets_the_height_that_is_needed(draw: Draw, inventory: rf.Inventory) -> None:
    drawn = frame_for(draw, inventory)
    figure = Figure(figsize=(10, 1))
    figures = plt.get_fignums()
    ax = draw(drawn, ax=figure)
    assert ax.figure is figure
    assert plt.get_fignums() == figures
    assert figure.get_figheight() == draw(drawn).figure.get_figheight() > 1


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize("name", ["empty", "filtered to nothing", "one", "without an image"])
def test_odd_frames_are_drawn(draw: Draw, inventory: rf.Inventory, name: str) -> None:
    drawn = frame_for(draw, inventory)
    odd = {
        "empty": frame("layers" if draw in OF_LAYERS else "images"),
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


def test_a_shared_layer_is_told_apart_when_colours_have_run_out() -> None:
    pairs = [layer_rows(f"app{number}", [9, 1]) for number in range(10) for _ in range(2)]
    for number, image in enumerate(pairs):
        image["digest"] = image["tag"] = f"{number}"
        image.loc[1, "layer_digest"] = f"of {number} alone"
    bars = rf.plot.layer_sizes(pd.concat(pairs)).patches
    colours = [{bar.get_facecolor() for bar in bars if bar.get_width() == size} for size in (9, 1)]
    assert len(colours[0]) == 8
    assert len(colours[1]) == 1
    assert not colours[0] & colours[1]


def test_a_step_is_cut_at_the_ends_of_its_bar(inventory: rf.Inventory) -> None:
    ax = rf.plot.layer_sizes(inventory.layers)
    steps = [text for text in ax.texts if text.get_position()[0] > 0 and not text.get_text().endswith("B")]
    bars = {tuple(bar.get_window_extent().extents.round(3)) for bar in ax.patches}
    assert steps
    assert all(tuple(step.get_clip_box().extents.round(3)) in bars for step in steps)


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


@pytest.mark.parametrize("size", [(10, 6), (5, 3), (4, 3), (16, 4)])
@pytest.mark.parametrize("draw", DRAW)
def test_no_name_is_written_over_another_or_outside(draw: Draw, inventory: rf.Inventory, size: tuple[int, int]) -> None:
    figure = Figure(figsize=size, layout="constrained")
    ax = draw(frame_for(draw, inventory), ax=figure.add_subplot())
    figure.draw_without_rendering()
    for axis in (ax.yaxis, ax.xaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        labels = [label for place, label in ticks if low <= place <= high and label.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        if axis is ax.xaxis and labels[0].get_rotation():
            continue
        assert all(box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
        boxes.sort(key=lambda box: box.y0 if axis is ax.yaxis else box.x0)
        assert all(box.y1 <= after.y0 + 1 or box.x1 <= after.x0 + 1 for box, after in pairwise(boxes))
    words = [*ax.texts, ax.xaxis.label, ax.yaxis.label, ax._left_title]  # type: ignore[attr-defined]
    boxes = [word.get_window_extent() for word in words if word.get_text()]
    assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
    names = [text.get_window_extent() for text in ax.texts if text.get_text() != "·"]
    assert not any(one.shrunk(0.95, 0.8).overlaps(other.shrunk(0.95, 0.8)) for one, other in combinations(names, 2))


ODD: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "an index named as a column": lambda drawn: drawn.set_index(["repository", "tag"], drop=False),
    "columns named as ours": lambda drawn: drawn.assign(name=1, row=2, left=3, lane=4, line=5, release=6),
    "object columns": lambda drawn: drawn.astype(object),
    "no tags": lambda drawn: drawn.assign(tag=None),
    "no repositories": lambda drawn: drawn.assign(repository=None),
    "no dates": lambda drawn: drawn.assign(released_at=pd.NaT),
    "dates that pandas read as text": lambda drawn: drawn.assign(released_at="2024-05-06 07:08:09+00:00"),
    "dates that stand for none": lambda drawn: drawn.assign(
        released_at=[
            pd.Timestamp(f"{9999 if row else 1:04}-01-01", tz="UTC").as_unit("us") for row in range(len(drawn))
        ]
    ),
}


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_what_users_do_to_a_frame_is_drawn(
    draw: Draw, inventory: rf.Inventory, make: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    drawn = frame_for(draw, inventory)
    draw(make(drawn[drawn["repository"].isin(["team/api", "busybox"])])).figure.canvas.draw()


@pytest.mark.parametrize("draw", DRAW)
def test_words_can_be_read_on_a_dark_background(draw: Draw, inventory: rf.Inventory) -> None:
    drawn = frame_for(draw, inventory)
    with plt.style.context("dark_background"):
        ax = draw(drawn[drawn["repository"] == "team/api"])
        ax.figure.canvas.draw()
    grounds = [patch for patch in ax.patches if patch.get_width()]
    for text in [*ax.texts, *ax.get_yticklabels(), ax.xaxis.label]:
        box = text.get_window_extent()
        on_mark = ax.collections and draw is rf.plot.platforms and text in ax.texts
        if not on_mark and not any(patch.get_window_extent().contains(*box.min) for patch in grounds):
            assert sum(mpl.colors.to_rgb(text.get_color())) > 1.5


@pytest.mark.parametrize("draw", [rf.plot.timeline, rf.plot.growth])
def test_a_single_date_has_its_days_around_it(draw: Draw, inventory: rf.Inventory) -> None:
    low, high = draw(inventory.images[inventory.images["repository"] == "sample/files"]).get_xlim()
    assert 1 < high - low < 30


def test_lanes_of_versions_stand_in_their_order(inventory: rf.Inventory) -> None:
    ax = rf.plot.timeline(inventory.images[inventory.images["repository"] == "postgres"])
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [*sorted(names[:-1], key=int, reverse=True), "other"]


def test_platforms_of_versions_come_before_those_of_names(inventory: rf.Inventory) -> None:
    ax = rf.plot.platforms(inventory.images[inventory.images["repository"] == "team/api"], newest=1000)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[0].startswith("1.10.0")
    assert [name.startswith("main-") for name in names] == sorted(name.startswith("main-") for name in names)


def test_of_lines_with_as_many_releases_growth_shows_the_newest(inventory: rf.Inventory) -> None:
    ax = rf.plot.growth(inventory.images[inventory.images["repository"] == "team/api"], lines=3)
    assert [line.get_label() for line in ax.get_lines()] == ["1.8", "1.9", "main"]


def test_many_version_lines_have_their_legend_in_the_figure(inventory: rf.Inventory) -> None:
    ax = rf.plot.growth(inventory.images, lines=60)
    ax.figure.draw_without_rendering()
    legend, whole = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert len(ax.get_legend().get_texts()) == 60
    assert legend.y0 >= 0
    assert legend.y1 <= whole.y1
    assert ax.get_window_extent().height > whole.height / 2


@pytest.mark.parametrize("rows", [1, 5, 25])
def test_what_colours_mean_stands_on_no_bar(inventory: rf.Inventory, rows: int) -> None:
    for ax in (rf.plot.storage(rf.storage(inventory, by="tag").head(rows)), rf.plot.sharing(inventory.layers)):
        ax.figure.draw_without_rendering()
        key = ax.get_legend().get_window_extent()
        title = ax._left_title.get_window_extent()  # type: ignore[attr-defined]
        assert not any(key.overlaps(patch.get_window_extent()) for patch in ax.patches)
        assert not key.shrunk(0.98, 0.9).overlaps(title)


def test_beside_other_plots_names_take_no_more_than_their_part(inventory: rf.Inventory) -> None:
    figure = Figure(figsize=(16, 4), layout="constrained")
    axes = figure.subplots(1, 4)
    for ax in axes:
        rf.plot.layers(inventory.layers[inventory.layers["repository"] == "team/api"], ax=ax)
    figure.draw_without_rendering()
    assert all(ax.get_window_extent().width > figure.bbox.width / 10 for ax in axes)
    for ax in axes:
        assert max(label.get_window_extent().width for label in ax.get_yticklabels()) < figure.bbox.width / 8


@pytest.mark.filterwarnings("error")
def test_sizes_of_any_order_are_told_apart_on_a_logarithmic_axis(inventory: rf.Inventory) -> None:
    sizes: list[int | None] = [32, 10_000_000_000]
    layers = pd.concat([layer_rows(f"app{size}", [size]) for size in sizes])
    stored = rf.storage(inventory)
    for draw, drawn in ((rf.plot.sharing, layers), (rf.plot.layer_sizes, layers), (rf.plot.storage, stored)):
        ax = Figure(figsize=(10, 5)).add_subplot()
        ax.set_xscale("log")
        draw(drawn, ax=ax).figure.draw_without_rendering()
        assert drawn is stored or min(bar.get_window_extent().width for bar in ax.patches) > 5
        assert any(label.get_text().endswith("B") for label in ax.get_xticklabels())
    ax = Figure(figsize=(10, 5)).add_subplot()
    ax.set_yscale("log")
    rf.plot.growth(inventory.images, ax=ax).figure.draw_without_rendering()
    assert ax.get_yscale() == "log"


def layer_rows(repository: str, sizes: list[int | None], **columns: object) -> pd.DataFrame:
    """Return a layers frame of one image."""
    return frame("layers").reindex(range(len(sizes))).assign(
        repository=repository, tag="1.0", digest=f"sha256:{repository}", platform="linux/amd64",
        position=pd.array(range(len(sizes)), dtype="Int64"), stored=True,
        layer_digest=[f"sha256:{repository}{number}" for number in range(len(sizes))],
        size=pd.array(sizes, dtype="Int64"), **columns,
    )  # fmt: skip


def test_very_long_names_and_very_different_sizes() -> None:
    names = ["team/" + "very-long-name-" * 12 + str(number) for number in range(2)]
    images = [layer_rows(name, [size], created_by="RUN " + "$x " * 500)
              for name, size in zip(names, [32, 10_000_000_000], strict=True)]  # fmt: skip
    for draw in (rf.plot.layer_sizes, rf.plot.sharing):
        ax = draw(pd.concat(images))
        ax.figure.canvas.draw()
        assert all(len(label.get_text()) < 50 for label in ax.get_yticklabels())
        assert {text.get_text() for text in ax.texts} >= {"32 B", "10 GB"}


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (52_300_000, "52.3 MB"), (-1.5e9, "-1.5 GB")],
)
def test_sizes_are_written_for_people(size: float, text: str) -> None:
    assert rf.plot.human_size(size) == text


def test_storage_bars_add_up_to_what_is_stored(inventory: rf.Inventory) -> None:
    stored = rf.storage(inventory)
    ax = rf.plot.storage(stored, largest=1000)
    assert sum(bar.get_width() for bar in ax.patches) == stored["stored"].sum()
    rf.plot.storage(stored.iloc[:0]).figure.canvas.draw()


@pytest.mark.parametrize("draw", [rf.plot.timeline, rf.plot.growth])
def test_dates_are_marked_so_that_the_time_between_them_can_be_told(draw: Draw, inventory: rf.Inventory) -> None:
    axes = draw(inventory.images[inventory.images["repository"] == "team/api"])
    axes.figure.canvas.draw()
    first, last = axes.get_xlim()
    assert sum(first <= mark <= last for mark in axes.get_xticks()) >= 3


def test_growth_has_a_line_for_each_version_line(inventory: rf.Inventory) -> None:
    images = inventory.images[inventory.images["repository"] == "team/api"]
    lines = rf.plot.growth(rf.releases(images)).get_lines()
    again = rf.plot.growth(images).get_lines()
    assert [line.get_label() for line in lines] == [line.get_label() for line in again]
    assert sum(len(line.get_xdata()) for line in lines) <= rf.releases(images)["size"].notna().sum()
    rf.plot.growth(images.iloc[:0]).figure.canvas.draw()


def test_a_waterfall_ends_at_the_size_of_the_image(inventory: rf.Inventory) -> None:
    layers = inventory.layers[(inventory.layers["repository"] == "team/api") & (inventory.layers["tag"] == "1.0.0")]
    ax = rf.plot.layers(layers)
    bars = list(ax.patches)
    assert [bar.get_width() for bar in bars] == layers.sort_values("position")["size"].tolist()
    assert all(bar.get_x() + bar.get_width() == after.get_x() for bar, after in pairwise(bars))
    assert any("RUN" in label.get_text() or "COPY" in label.get_text() for label in ax.get_yticklabels())


def test_of_many_layers_the_largest_are_where_they_belong() -> None:
    sizes: list[int | None] = [*range(100, 0, -1), 32]
    ax = rf.plot.layers(layer_rows("app", sizes), largest=10)
    assert "91 other layers" in ax.get_title(loc="left")
    assert [bar.get_width() for bar in ax.patches] == sizes[:10]


def test_of_several_images_a_waterfall_is_of_the_first_and_says_so() -> None:
    ax = rf.plot.layers(pd.concat([layer_rows("one", [5]), layer_rows("two", [7])]))
    assert ax.get_title(loc="left") == "one:1.0 (the first of 2 images): 5 B"


def test_a_layer_is_in_one_bar_of_sharing(inventory: rf.Inventory) -> None:
    layers = inventory.layers[inventory.layers["platform"].notna()]
    for some in (layers, layers[layers["repository"] == "team/api"]):
        ax = rf.plot.sharing(some, largest=1000)
        assert sum(bar.get_width() for bar in ax.patches) == some.drop_duplicates("layer_digest")["size"].sum()
        assert any(label.get_text().startswith("in several") for label in ax.get_yticklabels())


def test_platforms_has_a_cell_for_each_image(inventory: rf.Inventory) -> None:
    with serve() as sample:
        images = rf.Registry(sample.address, progress=False).images(["team/api", "httpd"])
    images = images[images["kind"] == "image"]
    ax = rf.plot.platforms(images, newest=500)
    cells = ax.collections[0].get_array()
    releases = images.assign(release=images["index_digest"].fillna(images["digest"]))
    assert cells is not None
    assert cells.count() == len(releases.drop_duplicates(["repository", "release", "platform"]))
    assert cells.shape == (len(rf.aliases(images)), images["platform"].nunique())


@pytest.mark.parametrize("draw", [*OF_LAYERS, rf.plot.growth, rf.plot.platforms])
def test_without_sizes_as_stored_uncompressed_ones_are_drawn_and_said(draw: Draw, inventory: rf.Inventory) -> None:
    given = frame_for(draw, inventory)
    given = given[given["repository"] == "team/api"]
    as_stored = draw(given)
    unknown = given.assign(size=pd.array([None] * len(given), dtype="Int64"), uncompressed_size=given["size"])
    uncompressed = draw(unknown)
    assert any(text.startswith("compressed") or " compressed" in text for text in drawn_texts(as_stored))
    assert any("uncompressed" in text for text in drawn_texts(uncompressed))
    assert [bar.get_width() for bar in as_stored.patches] == [bar.get_width() for bar in uncompressed.patches]
    draw(given.drop(columns="uncompressed_size")).figure.canvas.draw()
    draw(unknown.drop(columns="uncompressed_size")).figure.canvas.draw()


@pytest.mark.parametrize("draw", DRAW)
def test_the_order_of_rows_changes_nothing(draw: Draw, inventory: rf.Inventory) -> None:
    if draw is rf.plot.layers:
        pytest.skip("it draws the first image")
    given = frame_for(draw, inventory)
    given = given[given["repository"].isin(["team/api", "team/web", "alpine"])]
    ax, other = draw(given), draw(given.sample(frac=1, random_state=5))
    for drawn in (ax, other):
        drawn.figure.canvas.draw()
    assert drawn_texts(ax) == drawn_texts(other)
    assert [bar.get_facecolor() for bar in ax.patches] == [bar.get_facecolor() for bar in other.patches]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        label.get_text() for label in other.get_yticklabels()
    ]


@pytest.mark.parametrize("draw", DRAW)
def test_a_frame_without_what_a_plot_needs_is_said_in_a_sentence(draw: Draw, inventory: rf.Inventory) -> None:
    with pytest.raises(rf.ConfigurationError, match="has no column repository"):
        draw(pd.DataFrame({"size": [1]}))
    with pytest.raises(rf.ConfigurationError, match="was given Inventory"):
        draw(inventory)


def test_keyword_arguments_are_passed_on() -> None:
    ax = rf.plot.layers(layer_rows("app", [5, 6]), color="#123456", height=0.2)
    assert {bar.get_height() for bar in ax.patches} == {0.2}
    assert {mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches} == {"#123456"}


@pytest.mark.parametrize(
    ("draw", "given"),
    [
        (rf.plot.layer_sizes, {"ec": "black", "lw": 2}),
        (rf.plot.layers, {"fc": "#123456"}),
        (rf.plot.sharing, {"alpha": 0.5, "label": "bytes"}),
        (rf.plot.timeline, {"c": "black", "linewidths": 1}),
        (rf.plot.growth, {"c": "black", "ls": "--", "ms": 9}),
        (rf.plot.platforms, {"vmin": 1, "vmax": 1e9, "lw": 3, "ec": "black"}),
    ],
)
def test_keyword_arguments_have_all_of_their_names(
    draw: Draw, given: dict[str, object], inventory: rf.Inventory
) -> None:
    draw(frame_for(draw, inventory).head(200), **given).figure.canvas.draw()


def test_one_plot_is_one_figure_of_pyplot(inventory: rf.Inventory) -> None:
    for count, draw in enumerate(DRAW, 1):
        draw(frame_for(draw, inventory))
        assert len(plt.get_fignums()) == count


def test_two_thousand_tags_are_drawn_in_a_moment(inventory: rf.Inventory) -> None:
    one = inventory.images[inventory.images["repository"] == "sample/signed"].iloc[:1]
    many = pd.concat([one] * 2000, ignore_index=True)
    many["tag"] = [f"{number // 100}.{number // 10 % 10}.{number % 10}" for number in range(2000)]
    many["digest"] = many["index_digest"] = [f"sha256:{number}" for number in range(2000)]
    many["released_at"] = pd.date_range("2018-01-01", periods=2000, freq="36h", tz="UTC", unit="us")
    assert "180 other lanes not shown" in rf.plot.timeline(many).get_title(loc="left")
    assert "1,970 others" in rf.plot.platforms(many).get_title(loc="left")
    assert "193 other version lines" in rf.plot.growth(many).get_title(loc="left")
