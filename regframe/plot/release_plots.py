"""Releases over time: when they came, and how large they were."""

from __future__ import annotations

from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regframe.analysis.releases import releases as release_table
from regframe.oci.release import EARLIEST
from regframe.plot.canvas import (
    BLUE,
    KEY,
    PALETTE,
    SKY,
    SMALL,
    TINY,
    VERMILION,
    axes,
    axes_for_rows,
    bytes_axis,
    dates_axis,
    foreground,
    letters,
    name_rows,
    needed,
    nothing,
    room,
    settle,
    sizes_of,
    styled,
    title,
    width_in_points,
)
from regframe.text import shortened
from regframe.version import tag_order

_NEEDED = ("repository", "tag", "digest", "released_at", "released_source", "size")
_OF_IMAGES = ("index_digest", "kind", "platform")
_OF_RELEASES = ("version_line", "prefix", "major", "minor", "patch", "prerelease", "variant")
# What programs write for no date is older than what is believed, or as late as a date can be.
_LAST_YEAR = 9000
_NAMES_SHOWN = 400
# In inches: a lane has a line of names above it; a line of a legend.
_LEAST_LANE = 0.3
_ENTRY = 0.2
_FAINT = 0.08
_NO_VERSION = "other"
_WHAT = "an images frame or what rf.releases returns"
_USUAL = "linux/amd64"
_LEVELS = {0: ("major", 70, VERMILION), 1: ("minor", 34, BLUE), 2: ("patch and other", 12, SKY)}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def timeline(images: pd.DataFrame, *, ax: Axes | Figure | None = None, lanes: int = 20, **kwargs: Any) -> Axes:
    """Draw when images were released: a lane for each repository, or for each version line of a single one.

    Aliases and platforms of a release are one mark. Major and minor releases are large and named, patch releases small;
    variants of a version, such as ``-alpine``, are in its lane. Dates that are only known as “seen” are left out and
    counted.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame: ``repository``, ``tag``, ``digest``, ``index_digest``, ``platform``, ``kind``, ``size``,
        ``released_at``, ``released_source``; or what ``rf.releases(images)`` returns.
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    lanes : int
        How many lanes to show at most, those with the newest releases first, fewer where the axes are too low.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.scatter`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigurationError
        If the frame lacks one of these columns, or is no frame; or ``ax`` is neither.

    Examples
    --------
    >>> plot.timeline(registry.images("httpd"))  # doctest: +SKIP
    """
    releases, undated = _dated(_releases(images))
    releases = releases.assign(lane=_lanes(releases), level=_levels(releases))
    newest = releases.groupby("lane", sort=False)["released_at"].max().sort_index()
    shown = list(newest.sort_values(ascending=False, kind="stable").index[: room(ax, lanes, _LEAST_LANE, head=KEY)])
    if releases["repository"].nunique() == 1:
        shown.sort(key=_lane_order, reverse=True)
    ax = axes_for_rows(ax, len(shown), 0.42)
    if not shown:
        return nothing(ax, "no release with a date")
    releases = releases[releases["lane"].isin(shown)].sort_values(["released_at", "repository", "tag"], kind="stable")
    releases = releases.assign(row=releases["lane"].map(shown.index).astype(int))
    for level, (label, size, colour) in _LEVELS.items():
        some = releases[releases["level"] == level]
        style = styled(kwargs, Collection, s=size, color=colour, zorder=4 - level, linewidth=0, alpha=0.9, label=label)
        if "c" in kwargs:
            del style["color"]
        ax.scatter(some["released_at"], some["row"], **style)
    name_rows(ax, shown, longest=32)
    ax.set_ylim(len(shown) - 0.4, -0.8)
    ax.set_axisbelow(True)
    ax.grid(axis="y", color=foreground(ax), alpha=_FAINT)
    dates_axis(ax)
    count = len(newest) - len(shown)
    notes = [f"{count:,} other {'lane' if count == 1 else 'lanes'} not shown"] if count else []
    notes += [f"{undated:,} without a date"] if undated else []
    count = len(releases)
    text = f"{count:,} {'release' if count == 1 else 'releases'}" + (f" ({', '.join(notes)})" if notes else "")
    settle(ax)
    title(ax, text, key=True)
    settle(ax)
    _name_releases(ax, releases)
    return ax


def growth(
    releases: pd.DataFrame, *, ax: Axes | Figure | None = None, lines: int = len(PALETTE), **kwargs: Any
) -> Axes:
    """Draw the size of releases over time, a line for each version line.

    Parameters
    ----------
    releases : pandas.DataFrame
        An images frame, with the columns that :func:`timeline` needs, of which the platform with most images is drawn;
        or what ``rf.releases(images)`` returns, whose sizes are of all platforms together.
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    lines : int
        How many version lines to show at most, those with the most releases and of these the newest, fewer where the
        axes are too low.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigurationError
        If the frame lacks one of these columns, or is no frame; or ``ax`` is neither.

    Examples
    --------
    >>> plot.growth(registry.images("httpd"))  # doctest: +SKIP
    """
    releases = _needed(releases)
    sizes, kind = sizes_of(releases)
    releases = releases.assign(size=sizes.round().astype("Int64"))[sizes.ge(0)]
    platform = ""
    if "version_line" not in releases:
        counts = releases.loc[releases["kind"].eq("image"), "platform"].value_counts()
        platform = max(sorted(counts.index), key=lambda name: (counts[name], name == _USUAL), default="")
        releases = release_table(releases[releases["platform"].eq(platform)])
    dated, _ = _dated(releases)
    line = dated["version_line"].fillna(_NO_VERSION)
    dated = dated.assign(line=line if dated["repository"].nunique() == 1 else dated["repository"] + " " + line)
    of_lines = dated.groupby("line").agg(count=("tag", "size"), newest=("released_at", "max"))
    of_lines = of_lines.sort_values(["count", "newest"], ascending=False, kind="stable")
    shown = sorted(of_lines.index[: room(ax, lines, _ENTRY)], key=tag_order)
    given, ax = ax, axes(ax, height=max(4.5, 1 + _ENTRY * len(shown)))
    if not shown:
        return nothing(ax, "no release with a date and a size")
    for number, name in enumerate(shown):
        some = dated[dated["line"] == name].sort_values(["released_at", "tag"], kind="stable")
        colours = (*PALETTE[:-1], foreground(ax))  # A line in the palette's yellow is hard to see on white.
        style = styled(
            kwargs,
            Line2D,
            color=colours[number % len(colours)],
            marker=_MARKERS[number // len(colours) % len(_MARKERS)],
            markersize=3.5,
            linewidth=1.4,
            label=shortened(name, 30),
            zorder=2 + 1 / len(some),  # A long line hides no short one.
        )
        ax.plot(some["released_at"], some["size"].astype(float), **style)
    if ax.get_yscale() == "linear":
        ax.set_ylim(0, max(float(dated.loc[dated["line"].isin(shown), "size"].max()), 1.0) * 1.12)
    bytes_axis(ax, f"{kind} size", of_y=True)
    ax.grid(axis="y", color=foreground(ax), alpha=_FAINT)
    dates_axis(ax)
    hidden = len(of_lines) - len(shown)
    of = "version line" if hidden == 1 else "version lines"
    title(ax, f"Size of releases{', ' + platform if platform else ''}", hidden, of)
    # Beside the axes there is room for it only in a figure of our own.
    place = {"loc": "best"} if isinstance(given, Axes) else {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    ax.legend(frameon=False, fontsize=SMALL, **place)
    return ax


def _needed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return an images frame or what rf.releases returns, with times that are times, also if pandas read them alone."""
    needed(frame, (), _WHAT)
    frame = needed(frame, [*_NEEDED, *(_OF_RELEASES if "version_line" in frame else _OF_IMAGES)], _WHAT)
    return frame.assign(released_at=pd.to_datetime(frame["released_at"], utc=True, format="ISO8601"))


def _releases(images: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each release; what rf.releases returns has one."""
    images = _needed(images)
    return images if "version_line" in images else release_table(images)


def _dated(releases: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the releases whose date is known better than when they were first seen, and how many others there are."""
    is_dated = releases["released_at"].dt.year.between(EARLIEST.year, _LAST_YEAR) & releases["released_source"].ne(
        "seen"
    )
    return releases[is_dated], int((~is_dated).sum())


def _lanes(releases: pd.DataFrame) -> pd.Series[str]:
    """Return each release's lane: its repository, or of a single one its version line, whatever the variant."""
    if releases["repository"].nunique() != 1:
        return releases["repository"]
    major, minor = releases["major"].astype("str"), releases["minor"].astype("str")
    line = major.where(_counts_minor(releases) | releases["minor"].isna(), major + "." + minor)
    line = line.where(releases["prefix"].isna(), releases["prefix"] + "-" + line)
    return line.where(releases["major"].notna(), _NO_VERSION)


def _lane_order(lane: str) -> tuple[bool, tuple[object, ...]]:
    """Return a key that sorts version lines by version, after what has none."""
    return lane != _NO_VERSION, tag_order(lane)


def _levels(releases: pd.DataFrame) -> list[int]:
    """Return 0 for a major release (x.0.0, x.0 where the minor number counts up), 1 for a minor one, 2 for others."""
    is_plain = (releases["major"].notna() & releases["minor"].notna() & releases["prerelease"].isna()
                & releases["variant"].isna() & releases["patch"].fillna(0).eq(0))  # fmt: skip
    is_first = releases["minor"].fillna(1).eq(0)
    levels = np.where(is_first, 0, np.where(_counts_minor(releases), 2, 1))
    return [int(level) for level in np.where(is_plain, levels, 2)]


def _counts_minor(releases: pd.DataFrame) -> pd.Series[bool]:
    """Return where the minor number is what counts up: 16.3 and 16.4 are of the line 16."""
    whole = releases["major"].astype("str") + "." + releases["minor"].astype("str")
    pairs = zip(releases["version_line"].fillna("").astype("str"), whole.fillna(""), strict=True)
    return pd.Series([bool(number) and number not in line for line, number in pairs], index=releases.index, dtype=bool)


def _name_releases(ax: Axes, releases: pd.DataFrame) -> None:
    """Write the names of releases above their marks, as far as none overlaps: the newest first, then the major ones."""
    newest = ~releases.duplicated("lane", keep="last")
    rank = releases["level"].where(~newest, -1)
    order = releases.assign(rank=rank).sort_values(
        ["rank", "released_at", "tag"], ascending=[True, False, True], kind="stable"
    )
    x0, x1 = ax.get_xlim()
    wide = width_in_points(ax)
    taken: dict[int, list[tuple[float, float]]] = {}
    written, gap = 0, letters(2, TINY)
    dates = mdates.date2num(order["released_at"])  # type: ignore[no-untyped-call]
    for row, text, date in zip(order["row"], order["tag"].astype("str"), dates, strict=True):
        tag = shortened(text, 18)
        width = letters(len(tag) + 1, TINY)
        centre = (date - x0) / (x1 - x0) * wide
        left = min(max(centre - width / 2, 0.0), max(wide - width, 0.0))
        spans = taken.setdefault(row, [])
        if written < _NAMES_SHOWN and all(left + width + gap < start or left > end + gap for start, end in spans):
            spans.append((left, left + width))
            written += 1
            ax.annotate(
                tag, (date, row), (left + width / 2 - centre, 5), textcoords="offset points", ha="center",
                fontsize=TINY, color=foreground(ax), parse_math=False,
            ).set_in_layout(False)  # fmt: skip
