"""Layers as bars: of many images beside each other, and of one image step by step."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from regframe.plot.canvas import (
    BLUE,
    DARK_GREY,
    GREY,
    PALETTE,
    TINY,
    VERMILION,
    axes_for_rows,
    bytes_axis,
    foreground,
    ink_on,
    letters,
    name_rows,
    note_sizes,
    nothing,
    room,
    settle,
    styled,
    title,
    width_in_points,
)
from regframe.plot.images import layers_of_images
from regframe.text import human_size, short_digest, shortened, step_text

_FEWEST_LETTERS = 12
# The share of the largest bar that is wide enough for its colour to be seen.
_SEEN = 0.005


def layer_sizes(layers: pd.DataFrame, *, ax: Axes | Figure | None = None, largest: int = 25, **kwargs: Any) -> Axes:
    """Draw a bar for each image, made of its layers.

    A layer that several of the images share has the same colour in all of them, dark grey where colours have run out;
    the rest is light grey. The step that made an image's largest layer stands in it, where there is room. Tags of one
    image are one bar.

    Parameters
    ----------
    layers : pandas.DataFrame
        A layers frame: ``repository``, ``tag``, ``digest``, ``platform``, ``position``, ``layer_digest``, ``size``
        (bytes), ``created_by``. Rows without a platform (attestations, artifacts) are left out.
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    largest : int
        How many images to show at most, fewer where the axes are too low; the others are counted.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigurationError
        If the frame lacks one of these columns, or is no frame; or ``ax`` is neither.

    Examples
    --------
    >>> plot.layer_sizes(registry.layers("httpd"))  # doctest: +SKIP
    """
    bars, kind = layers_of_images(layers)
    totals = bars.groupby(["repository", "digest", "name"], dropna=False)["size"].sum().reset_index()
    totals = totals.sort_values(["size", "name", "digest"], ascending=[False, True, True])
    shown = totals.head(room(ax, largest)).reset_index(drop=True)
    ax = axes_for_rows(ax, len(shown))
    if shown.empty:
        return nothing(ax, "no layers")
    shown = shown.assign(row=range(len(shown))).drop(columns=["size", "name"])
    bars = bars.merge(shown, on=["repository", "digest"]).sort_values(["row", "position"], ignore_index=True)
    bars["left"] = bars.groupby("row")["size"].cumsum() - bars["size"]
    colours = _shared_colours(bars)
    of_layers = [colours.get(digest, GREY) for digest in bars["layer_digest"]]
    style = styled(kwargs, Patch, color=of_layers, edgecolor=ax.get_facecolor(), linewidth=0.6)
    drawn = ax.barh(bars["row"], bars["size"], left=bars["left"], **style)
    name_rows(ax, list(bars.drop_duplicates("row")["name"]))
    settle(ax)
    dark = bars.loc[[colour == DARK_GREY for colour in of_layers], "size"]
    marked = "coloured and dark grey" if dark.max() > totals["size"].max() * _SEEN else "coloured"
    bytes_axis(ax, f"{kind} size; {marked}: layers that several of these images share")
    hidden = len(totals) - len(shown)
    of = "1 image" if len(totals) == 1 else f"{len(totals):,} images"
    those = "image" if len(shown) == 1 else f"{len(shown)} images"
    title(ax, f"The largest {those}" if hidden else f"Layer sizes of {of}", hidden)
    ends = totals["size"].head(len(shown))
    note_sizes(ax, ends, map(human_size, ends))
    if "created_by" in bars:
        _name_largest_steps(ax, bars, drawn)
    return ax


def layers(layers: pd.DataFrame, *, ax: Axes | Figure | None = None, largest: int = 40, **kwargs: Any) -> Axes:
    """Draw one image's layers as a waterfall: each begins where the one below it ends, beside the step that made it.

    Parameters
    ----------
    layers : pandas.DataFrame
        A layers frame: ``repository``, ``tag``, ``digest``, ``platform``, ``position``, ``layer_digest``, ``size``
        (bytes), ``created_by``. Of several images the first is drawn, and the title says so.
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    largest : int
        How many layers to show at most, fewer where the axes are too low; the others are counted.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigurationError
        If the frame lacks one of these columns, or is no frame; or ``ax`` is neither.

    Examples
    --------
    >>> plot.layers(registry.layers("httpd:2-alpine", platform="linux/amd64"))  # doctest: +SKIP
    """
    bars, kind = layers_of_images(layers)
    if bars.empty:
        return nothing(axes_for_rows(ax, 0), "no layers")
    count = bars["name"].nunique()
    bars = bars[bars["name"] == bars["name"].iloc[0]].sort_values("position")
    bars = bars.assign(left=bars["size"].cumsum() - bars["size"])
    shown = bars.nlargest(room(ax, largest), "size").sort_values("position").reset_index(drop=True)
    ax = axes_for_rows(ax, len(shown), 0.28)
    colours = [VERMILION if size == bars["size"].max() else BLUE for size in shown["size"]]
    ax.barh(shown.index, shown["size"], left=shown["left"], **styled(kwargs, Patch, color=colours, height=0.7))
    ends = shown["left"] + shown["size"]
    # A layer of a few bytes has no bar that could be seen: the line shows where it is.
    ax.vlines(ends, shown.index - 0.35, (shown.index + 1).where(shown.index < len(shown) - 1, shown.index) + 0.35,
              color=foreground(ax), linewidth=0.6)  # fmt: skip
    steps = shown["created_by"] if "created_by" in shown else pd.Series([None] * len(shown))
    names = [
        step_text(step) if isinstance(step, str) and step.strip() else short_digest(str(digest))
        for step, digest in zip(steps, shown["layer_digest"], strict=True)
    ]
    name_rows(ax, names, longest=64, share=0.5)
    settle(ax)
    bytes_axis(ax, f"{kind} size, added up from the first layer")
    of_many = f" (the first of {count:,} images)" if count > 1 else ""
    title(ax, f"{shortened(bars['name'].iloc[0], 60)}{of_many}: {human_size(bars['size'].sum())}",
          len(bars) - len(shown), "layers" if len(bars) - len(shown) != 1 else "layer")  # fmt: skip
    note_sizes(ax, ends, map(human_size, shown["size"]))
    return ax


def _shared_colours(bars: pd.DataFrame) -> dict[str, str]:
    """Give a colour to the layers that most bytes of several images come from, and dark grey to other shared ones."""
    totals = bars.groupby("layer_digest").agg(size=("size", "sum"), images=("row", "nunique")).reset_index()
    shared = totals[totals["images"] > 1].sort_values(["size", "layer_digest"], ascending=[False, True])
    return dict(zip_longest(shared["layer_digest"], PALETTE[: len(shared)], fillvalue=DARK_GREY))


def _name_largest_steps(ax: Axes, bars: pd.DataFrame, drawn: BarContainer) -> None:
    """Write the step that made the largest layer of each bar into it, as much of it as there is room for."""
    if ax.get_xscale() != "linear":
        return
    per_byte = width_in_points(ax) / ax.get_xlim()[1]
    largest = bars.groupby("row")["size"].idxmax()
    for place, bar in zip(largest, bars.loc[largest].to_dict("records"), strict=True):
        count = int((bar["size"] * per_byte - 4) / letters(1, TINY))
        if count >= _FEWEST_LETTERS and isinstance(bar["created_by"], str):
            patch = drawn.patches[place]
            text = shortened(step_text(bar["created_by"]), count)
            ax.text(
                bar["left"] + bar["size"] / 2, bar["row"], text, ha="center", va="center", fontsize=TINY,
                color=ink_on(patch.get_facecolor()), parse_math=False,
            ).set_clip_path(patch)  # fmt: skip
