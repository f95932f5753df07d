"""Which platforms releases are for, and how large they are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from regframe.analysis.releases import aliases
from regframe.plot.canvas import (
    TINY,
    axes_for_rows,
    foreground,
    ink_on,
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
from regframe.text import human_size, short_digest, shortened
from regframe.version import tag_order

_NEEDED = ("repository", "tag", "digest", "index_digest", "platform", "kind", "size")
# One hue from light to dark, for eyes that see no colour too.
_COLOURS = "Blues"
# In inches: the names of platforms stand aslant above the rows.
_HEAD = 0.9


def platforms(images: pd.DataFrame, *, ax: Axes | Figure | None = None, newest: int = 30, **kwargs: Any) -> Axes:
    """Draw tags against platforms: a cell for each image that there is, with its size; the darker, the larger.

    Tags of one release are one row, under the most specific of them and how many others there are.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame: ``repository``, ``tag``, ``digest``, ``index_digest``, ``platform``, ``kind`` and ``size``
        (bytes). Attestations and artifacts are left out.
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    newest : int
        How many rows to show at most, the highest versions of each repository first, fewer where the axes are too low;
        the others are counted.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.pcolormesh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigurationError
        If the frame lacks one of these columns, or is no frame; or ``ax`` is neither.

    Examples
    --------
    >>> plot.platforms(registry.images("httpd"))  # doctest: +SKIP
    """
    images = needed(images, _NEEDED, "an images frame")
    sizes, kind = sizes_of(images)
    images = images[[*_NEEDED]].assign(size=sizes, release=images["index_digest"].fillna(images["digest"]))
    images = images[images["kind"].eq("image") & images["platform"].notna()]
    rows = _releases(images)
    # Of many repositories, the highest versions of each.
    rank = rows.groupby("repository", dropna=False).cumcount().to_numpy()
    shown = rows.take(np.sort(np.argsort(rank, kind="stable")[: room(ax, newest, head=_HEAD)])).reset_index(drop=True)
    ax = axes_for_rows(ax, len(shown), 0.28)
    if shown.empty:
        return nothing(ax, "no images")
    cells = images.merge(shown.assign(row=shown.index)[["repository", "release", "row"]], on=["repository", "release"])
    cells = cells.drop_duplicates(["row", "platform"])
    columns = sorted(cells["platform"].unique(), key=tag_order)
    grid = np.full((len(shown), len(columns)), np.nan)
    places = cells["row"].to_numpy(), cells["platform"].map(columns.index).to_numpy(dtype=int)
    # An image whose size is not known is there nevertheless.
    grid[places] = cells["size"].fillna(0).clip(lower=0)
    _draw_grid(ax, grid, kwargs)
    name_rows(ax, list(shown["name"]), longest=36)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), [shortened(name, 24) for name in columns], rotation=40, ha="left",
                  rotation_mode="anchor", parse_math=False)  # fmt: skip
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False, length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    settle(ax)
    counted = {"release": len(rows), "platform": len(columns)}
    counts = [f"{count:,} {thing}{'s' * (count != 1)}" for thing, count in counted.items()]
    are_written = width_in_points(ax) / len(columns) > letters(7, TINY)
    some = cells["size"][cells["size"].ge(0)]
    between = "" if are_written or some.empty else f" from {human_size(some.min())} to {human_size(some.max())} (dark)"
    title(ax, f"{' on '.join(counts)}, {kind} size{between}", len(rows) - len(shown))
    _write_sizes(ax, grid, are_written=are_written, some_unknown=bool(cells["size"].isna().any()))
    return ax


def _releases(images: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each release and its name: by repository the highest versions, other tags, then untagged."""
    tagged = aliases(images).rename(columns={"digest": "release"}).iloc[::-1]
    tagged = tagged.assign(is_other=tagged["version"].isna()).sort_values(["repository", "is_other"], kind="stable")
    releases = ["repository", "release"]
    found = pd.concat([tagged[[*releases, "tag", "tags"]], images[releases].drop_duplicates()])
    found = found.drop_duplicates(releases)
    name = found["tag"].fillna(found["release"].map(short_digest, na_action="ignore")).fillna("image").astype("str")
    if found["repository"].nunique() > 1:
        name = found["repository"].fillna("none") + ":" + name
    others = [f"  +{count - 1}" if count > 1 else "" for count in found["tags"].fillna(1)]
    return found.assign(name=name + pd.Series(others, index=found.index, dtype="str"))


def _draw_grid(ax: Axes, grid: np.ndarray[Any, np.dtype[np.float64]], kwargs: dict[str, Any]) -> None:
    present = np.ma.masked_invalid(grid)
    some = grid[grid > 0]
    least = max(float(some.min()), 1.0) if some.size else 1.0
    # A little room at both ends: a single size is in the middle.
    largest = max(float(np.nanmax(grid)), least)
    norm = LogNorm(least / 1.5, largest * 1.5, clip=True)
    style = styled(kwargs, Collection, cmap=_COLOURS, norm=norm, edgecolor=ax.get_facecolor(), linewidth=1.5)
    if not {"vmin", "vmax"}.isdisjoint(kwargs):
        del style["norm"]
    edges = [np.arange(count + 1) - 0.5 for count in (grid.shape[1], grid.shape[0])]
    ax.pcolormesh(*edges, np.ma.clip(present, least / 1.5, None), **style)


def _write_sizes(
    ax: Axes, grid: np.ndarray[Any, np.dtype[np.float64]], *, are_written: bool, some_unknown: bool
) -> None:
    """Write each size into its cell where cells are wide enough; and a dot where there is no image."""
    mesh = ax.collections[-1]
    for (row, column), size in np.ndenumerate(grid):
        text = human_size(size) if size or not some_unknown else "?"
        if np.isnan(size):
            ax.text(column, row, "·", ha="center", va="center", fontsize=TINY, color=foreground(ax), alpha=0.4)
        elif are_written:
            ink = ink_on(mesh.to_rgba(np.array([max(float(size), 1.0)]))[0])
            ax.text(column, row, text, ha="center", va="center", fontsize=TINY, color=ink)
