"""What the plots have in common: axes, colours, labels that fit, and sizes with their unit."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from regframe.errors import ConfigurationError
from regframe.text import human_size, shortened

# Okabe and Ito's palette, which colour-blind people can tell apart: https://jfly.uni-koeln.de/color/
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
BLUE, ORANGE, _, _, SKY, VERMILION, _ = PALETTE
DARK = ("#0072B2", "#009E73", "#D55E00")
GREY = "#D9D9D9"
FAINT = "#EEEEEE"
FADED = "#999999"
INK = "#333333"

LARGE = 11
SMALL = 8
TINY = 7
# How wide a letter of matplotlib's own font is, of its height; a little more than most.
_LETTER = 0.62
_POINTS = 72
_ROW = 0.34
_LEAST_ROW = 0.19
_TALLEST = 120.0


def needed(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Say in one sentence which columns a frame lacks for a plot.

    Raises
    ------
    ConfigurationError
        If it lacks one.
    """
    if missing := [column for column in columns if column not in frame]:
        raise ConfigurationError(f"This plot needs {what}, and the frame has no column {', '.join(missing)}.")


def sizes_of(frame: pd.DataFrame) -> tuple[pd.Series[Any], str]:
    """Return the sizes of a frame as floats, and what they are; uncompressed ones if no other is known."""
    size, kind = frame["size"], "compressed"
    if "uncompressed_size" in frame and size.isna().all() and frame["uncompressed_size"].notna().any():
        size, kind = frame["uncompressed_size"], "uncompressed"
    return size.astype("Float64").astype("float64"), kind


def axes(ax: Axes | Figure | None, height: float) -> Axes:
    """Return the given axes, those of the given figure, or those of a new one, which a notebook then shows."""
    if isinstance(ax, Axes):
        return ax
    height = min(height, _TALLEST)
    if ax is not None:
        ax.set_figheight(height)
        return ax.add_subplot()
    # Not loaded for who brings axes: pyplot chooses a backend and keeps its figures.
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(10, height), layout="constrained")[1]


def room(ax: Axes | Figure | None, rows: int, least: float = _LEAST_ROW) -> int:
    """Return how many rows can be read: as many as were asked for, unless the given axes are too low for them."""
    height = ax.get_window_extent().height / ax.figure.dpi if isinstance(ax, Axes) else _TALLEST
    return max(min(rows, int(height / least)), 1)


def axes_for_rows(ax: Axes | Figure | None, rows: int, row: float = _ROW) -> Axes:
    """Return axes with room for so many rows."""
    return axes(ax, 1.3 + row * max(rows, 3))


def nothing(ax: Axes, text: str) -> Axes:
    """Say why there is nothing to see."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def title(ax: Axes, text: str, hidden: int = 0, of: str = "") -> None:
    """Write the title, and how many others are not shown."""
    others = f", and {hidden:,} other{'s' * (hidden != 1)} not shown" if hidden and not of else ""
    others = f", and {hidden:,} other {of} not shown" if hidden and of else others
    ax.set_title(_folded(text + others, width_in_points(ax), LARGE), loc="left", fontsize=LARGE, parse_math=False)


def name_rows(ax: Axes, names: Sequence[str], longest: int = 44, share: float = 0.4) -> None:
    """Write a name beside each row, the first on top, no longer than a share of the figure is wide."""
    longest = min(longest, max(int(_width_of_figure(ax) * share / letters(1, SMALL + 2)), 8))
    ax.set_yticks(range(len(names)), [shortened(name, longest) for name in names], parse_math=False)
    tight = ax.get_window_extent().height / ax.figure.dpi / max(len(names), 1) < 0.24
    ax.tick_params(axis="y", length=0, labelsize=SMALL if tight else SMALL + 1)
    ax.set_ylim(len(names) - 0.4, -0.6)


def note_sizes(ax: Axes, ends: Iterable[float], texts: Iterable[str]) -> None:
    """Write a text behind the end of each row's bar, and leave room for it."""
    ends, texts = list(ends), list(texts)
    longest = letters(max(map(len, texts)) + 2, SMALL)
    width = ax.get_window_extent().width / ax.figure.dpi * _POINTS
    share = min(longest / max(width, 1.0), 0.6)
    ax.set_xlim(0, max(*ends, 1.0) / (1 - share))
    for row, (end, text) in enumerate(zip(ends, texts, strict=True)):
        ax.annotate(
            text, (end, row), (4, 0), textcoords="offset points", va="center", fontsize=SMALL, color=INK,
            parse_math=False,
        )  # fmt: skip


def bytes_axis(ax: Axes, label: str, *, of_y: bool = False) -> None:
    """Give an axis sizes as its numbers."""
    axis = ax.yaxis if of_y else ax.xaxis
    width = ax.get_window_extent().width / ax.figure.dpi
    axis.set_major_locator(MaxNLocator(6 if of_y else int(np.clip(width / 0.9, 2, 6)), min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda size, position: human_size(size) if size else "0"))
    length = (ax.get_window_extent().height if of_y else ax.get_window_extent().width) / ax.figure.dpi * _POINTS
    axis.set_label_text(_folded(label, length, SMALL + 2))
    _bare(ax)


def dates_axis(ax: Axes) -> None:
    """Give the horizontal axis dates, as few as can be read."""
    width = ax.get_window_extent().width / ax.figure.dpi
    # With one alone, nobody could tell how much time there is between two marks.
    locator = mdates.AutoDateLocator(  # type: ignore[no-untyped-call]
        minticks=3, maxticks=int(np.clip(width / 0.7, 3, 10))
    )
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.margins(x=0.04)
    _bare(ax)


def settle(ax: Axes) -> None:
    """Let the layout find its place: only then is it known how much room there is."""
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.draw_without_rendering()


def letters(count: int, points: float) -> float:
    """Return how wide so many letters are, in points."""
    return count * points * _LETTER


def width_in_points(ax: Axes) -> float:
    """Return how wide axes are now."""
    return ax.get_window_extent().width / ax.figure.dpi * _POINTS


def _folded(text: str, width: float, points: float) -> str:
    return "\n".join(textwrap.wrap(text, max(int(width / letters(1, points)), 20)))


def _width_of_figure(ax: Axes) -> float:
    return ax.figure.bbox.width / ax.figure.dpi * _POINTS


def _bare(ax: Axes) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
