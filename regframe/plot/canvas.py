"""What the plots have in common: axes, colours, labels that fit, and sizes with their unit."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter, MaxNLocator

from regframe.errors import ConfigurationError
from regframe.text import human_size, shortened

# Okabe and Ito's palette, which colour-blind people can tell apart: https://jfly.uni-koeln.de/color/
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
BLUE, ORANGE, _, _, SKY, VERMILION, _ = PALETTE
GREY = "#D9D9D9"
DARK_GREY = "#A6A6A6"
_INK = "#333333"
_TEXTS = frozenset({"repository", "tag", "digest", "index_digest", "layer_digest", "platform", "kind"})
_BRIGHT = 0.55

LARGE = 11
SMALL = 8
TINY = 7
# How wide a letter of matplotlib's own font is, of its height; a little more than most.
_LETTER = 0.62
_POINTS = 72
# In a legend: a line of it, the space above it, and how wide a mark is beside its words.
_ENTRY, _SPACE, _MARK = 13, 6, 8
# And of all of it, in inches.
KEY = 0.4
_ROW = 0.34
_LEAST_ROW = 0.19
_TALLEST = 120.0
_DAYS_AROUND = 3.5


def needed(frame: pd.DataFrame, columns: Iterable[str], what: str) -> pd.DataFrame:
    """Return a frame with a plain index, whose names no column has too, and with names and digests that are text.

    Raises
    ------
    ConfigurationError
        If it is no frame or lacks a column, in one sentence.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ConfigurationError(f"This plot needs {what}, and was given {type(frame).__name__}.")
    if missing := [column for column in columns if column not in frame]:
        raise ConfigurationError(f"This plot needs {what}, and the frame has no column {', '.join(missing)}.")
    return frame.reset_index(drop=True).astype(dict.fromkeys(_TEXTS.intersection(frame.columns), "str"))


def styled(given: dict[str, Any], kind: type[Artist], **own: Any) -> dict[str, Any]:
    """Return keyword arguments for matplotlib: the given ones, under whichever of their names, before our own."""
    return {**own, **normalize_kwargs(given, kind)}


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
        if not isinstance(ax, Figure):
            raise ConfigurationError(f"A plot is drawn on one Axes or an empty Figure; ax is {type(ax).__name__}.")
        ax.set_figheight(height)
        return ax.add_subplot()
    # Not loaded for who brings axes: pyplot chooses a backend and keeps its figures.
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(10, height), layout="constrained")[1]


def room(ax: Axes | Figure | None, rows: int, least: float = _LEAST_ROW, head: float = 0.0) -> int:
    """Return how many rows can be read: as many as were asked for, unless the given axes are too low for them.

    ``least`` is what a row needs, ``head`` what will be written above them, in inches.
    """
    height = ax.get_window_extent().height / ax.figure.dpi if isinstance(ax, Axes) else _TALLEST
    return max(min(rows, int((height - head) / least)), 1)


def axes_for_rows(ax: Axes | Figure | None, rows: int, row: float = _ROW) -> Axes:
    """Return axes with room for so many rows."""
    return axes(ax, 1.3 + row * max(rows, 3))


def foreground(ax: Axes) -> Any:
    """Return the colour of words on axes, whatever the style that they were made with."""
    return ax.xaxis.label.get_color()


def ink_on(colour: Any) -> str:
    """Return the colour of words that can be read on a colour."""
    red, green, blue, alpha = to_rgba(colour)
    return "white" if (0.299 * red + 0.587 * green + 0.114 * blue) * alpha + 1 - alpha < _BRIGHT else _INK


def nothing(ax: Axes, text: str) -> Axes:
    """Say why there is nothing to see."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=foreground(ax))
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def title(ax: Axes, text: str, hidden: int = 0, of: str = "", *, key: bool = False) -> None:
    """Write the title, and how many others are not shown; between it and the axes, what the colours mean."""
    others = f", and {hidden:,} other{'s' * (hidden != 1)} not shown" if hidden and not of else ""
    others = f", and {hidden:,} other {of} not shown" if hidden and of else others
    pad = _SPACE + _ENTRY * _key(ax) if key else None
    ax.set_title(
        _folded(text + others, width_in_points(ax), LARGE), loc="left", fontsize=LARGE, pad=pad, parse_math=False
    )


def _key(ax: Axes) -> int:
    """Say above the axes, where no mark is, what the colours mean; return how many lines that takes."""
    handles, names = ax.get_legend_handles_labels()
    if not handles:
        return 0
    columns = int(width_in_points(ax) / letters(max(map(len, names)) + _MARK, SMALL))
    columns = min(max(columns, 1), len(names))
    ax.legend(handles, names, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, borderpad=0.2,
              frameon=False, fontsize=SMALL)  # fmt: skip
    return math.ceil(len(names) / columns)


def name_rows(ax: Axes, names: Sequence[str], longest: int = 44, share: float = 0.4) -> None:
    """Write a name beside each row, the first on top, no longer than a share of the axes' part of the figure."""
    longest = min(longest, max(int(_width_of_part(ax) * share / letters(1, SMALL + 2)), 8))
    ax.set_yticks(range(len(names)), [shortened(name, longest) for name in names], parse_math=False)
    tight = ax.get_window_extent().height / ax.figure.dpi / max(len(names), 1) < 0.24
    ax.tick_params(axis="y", length=0, labelsize=SMALL if tight else SMALL + 1)
    ax.set_ylim(len(names) - 0.4, -0.6)


def note_sizes(ax: Axes, ends: Iterable[float], texts: Iterable[str]) -> None:
    """Write a text behind the end of each row's bar, and leave room for it."""
    ends, texts = np.array([*ends]), list(texts)
    longest = letters(max(map(len, texts)) + 2, SMALL)
    width = ax.get_window_extent().width / ax.figure.dpi * _POINTS
    share = min(longest / max(width, 1.0), 0.6)
    largest = max(float(ends.max()), 1.0)
    if ax.get_xscale() == "linear":
        ax.set_xlim(0, largest / (1 - share))
    else:
        least = float(ends.min(initial=largest, where=ends > 0)) / 2
        ax.set_xlim(least, least * (largest / least) ** (1 / (1 - share)))
        ends = ends.clip(least)
    for row, (end, text) in enumerate(zip(ends, texts, strict=True)):
        ax.annotate(
            text, (end, row), (4, 0), textcoords="offset points", va="center", fontsize=SMALL, color=foreground(ax),
            parse_math=False,
        )  # fmt: skip


def bytes_axis(ax: Axes, label: str, *, of_y: bool = False) -> None:
    """Give an axis sizes as its numbers."""
    axis = ax.yaxis if of_y else ax.xaxis
    width = ax.get_window_extent().width / ax.figure.dpi
    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(6 if of_y else int(np.clip(width / 0.9, 2, 6)), min_n_ticks=1))
        axis.set_major_formatter(FuncFormatter(lambda size, position: human_size(size) if size else "0"))
    else:
        axis.set_major_formatter(_LogSizes())
        axis.set_minor_formatter(_LogSizes())
    length = (ax.get_window_extent().height if of_y else ax.get_window_extent().width) / ax.figure.dpi * _POINTS
    axis.set_label_text(_folded(label, length, SMALL + 2))
    _bare(ax)


class _LogSizes(LogFormatter):
    """Sizes on a logarithmic axis, which says itself which marks have room for one."""

    def __call__(self, size: float, position: int | None = None) -> str:
        return human_size(size) if super().__call__(size, position) else ""


class _Dates(mdates.AutoDateLocator):
    """Dates of which one alone has its days around it, where matplotlib shows years."""

    def nonsingular(self, low: float, high: float) -> tuple[float, float]:
        if low == high:
            return low - _DAYS_AROUND, high + _DAYS_AROUND
        around: tuple[float, float] = super().nonsingular(low, high)  # type: ignore[no-untyped-call]
        return around


def dates_axis(ax: Axes) -> None:
    """Give the horizontal axis dates, as few as can be read."""
    width = ax.get_window_extent().width / ax.figure.dpi
    # With one alone, nobody could tell how much time there is between two marks.
    locator = _Dates(minticks=3, maxticks=int(np.clip(width / 0.7, 3, 10)))  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.margins(x=0.04)
    _bare(ax)


def settle(ax: Axes) -> None:
    """Let the layout find its place: only then is it known how much room there is."""
    ax.figure.figure.draw_without_rendering()  # The whole figure's, which a subfigure calls so.


def letters(count: int, points: float) -> float:
    """Return how wide so many letters are, in points."""
    return count * points * _LETTER


def width_in_points(ax: Axes) -> float:
    """Return how wide axes are now."""
    return ax.get_window_extent().width / ax.figure.dpi * _POINTS


def _folded(text: str, width: float, points: float) -> str:
    return "\n".join(textwrap.wrap(text, max(int(width / letters(1, points)), 20)))


def _width_of_part(ax: Axes) -> float:
    """Return how wide the columns of subplots are that axes stand in; without others, the figure."""
    part, spec = 1.0, ax.get_subplotspec()
    if spec is not None:
        ratios = np.array(spec.get_gridspec().get_width_ratios(), dtype=float)
        part = float(ratios[spec.colspan.start : spec.colspan.stop].sum() / ratios.sum())
    return ax.figure.bbox.width / ax.figure.dpi * _POINTS * part


def _bare(ax: Axes) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
