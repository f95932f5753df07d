"""Where a registry's bytes are: what each part of it holds alone, and what is shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from regframe.plot.canvas import (
    BLUE,
    KEY,
    ORANGE,
    SKY,
    axes_for_rows,
    bytes_axis,
    name_rows,
    needed,
    note_sizes,
    nothing,
    room,
    settle,
    styled,
    title,
)
from regframe.plot.images import layers_of_images
from regframe.text import human_size


def storage(stored: pd.DataFrame, *, ax: Axes | Figure | None = None, largest: int = 25, **kwargs: Any) -> Axes:
    """Draw where a registry's bytes are: a bar for each group, of what it holds alone and what it shares.

    Parameters
    ----------
    stored : pandas.DataFrame
        What ``rf.storage(inventory, by=…)`` returns: the groups first, then ``exclusive`` and ``shared`` (bytes).
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    largest : int
        How many groups to show at most, fewer where the axes are too low; the others are counted.
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
    >>> plot.storage(rf.storage(inventory))  # doctest: +SKIP
    """
    stored = needed(stored, ("images", "stored", "exclusive", "shared"), "what rf.storage returns")
    keys = [str(key) for key in stored.columns[: list(stored.columns).index("images")]]
    names = stored[keys].astype("str").fillna("none").agg(":".join, axis=1) if len(stored) else pd.Series(dtype="str")
    parts = pd.DataFrame({"name": names, "alone": stored["exclusive"], "shared": stored["shared"]})
    return _bars(
        parts,
        {"alone": ("held by it alone", BLUE), "shared": ("shared with others", SKY)},
        f"Storage by {', '.join(key.replace('_', ' ') for key in keys)}",
        "compressed size; a shared layer is in the bar of each that holds it",
        ax,
        largest,
        kwargs,
    )


def sharing(layers: pd.DataFrame, *, ax: Axes | Figure | None = None, largest: int = 25, **kwargs: Any) -> Axes:
    """Draw where the bytes of layers are, each layer once: in one image, in several of a repository, in several.

    A bar for each repository, and one for what several repositories hold, so that the bars add up to what is stored.
    Of a single repository there is a bar for each image, and one for what several images hold.

    Parameters
    ----------
    layers : pandas.DataFrame
        A layers frame: ``repository``, ``tag``, ``digest``, ``platform``, ``position``, ``layer_digest``, ``size``
        (bytes). Rows without a platform (attestations, artifacts) are left out; so are foreign layers, which are
        not ``stored``.
    ax : matplotlib.axes.Axes or Figure, optional
        Where to draw; an empty figure is given the height that the plot needs.
    largest : int
        How many bars to show at most, fewer where the axes are too low; the others are counted.
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
    >>> plot.sharing(inventory.layers)  # doctest: +SKIP
    """
    rows, kind = layers_of_images(layers)
    if "stored" in rows:
        rows = rows[rows["stored"].fillna(True).astype(bool)]
    by_image = rows["repository"].nunique() == 1
    once = rows.groupby("layer_digest").agg(
        size=("size", "max"),
        name=("name" if by_image else "repository", "first"),
        repositories=("repository", "nunique"),
        images=("digest", "nunique"),
    )
    things = "images" if by_image else "repositories"
    is_everywhere = (once["images"] > 1) if by_image else (once["repositories"] > 1)
    once["name"] = once["name"].astype("str").mask(is_everywhere, f"in several {things}")
    once["part"] = np.select([is_everywhere, once["images"] > 1], ["everywhere", "several"], "alone")
    parts = once.pivot_table(index="name", columns="part", values="size", aggfunc="sum", fill_value=0.0)
    parts = parts.reindex(columns=["alone", "several", "everywhere"], fill_value=0.0).reset_index()
    held = rows.drop_duplicates(["repository", "digest", "layer_digest"])["size"].sum()
    saved = f" ({human_size(held)} if nothing were shared)" if held > once["size"].sum() else ""
    labels = {
        "alone": ("in one image", BLUE),
        "several": ("in several images of the repository", SKY),
        "everywhere": (f"in several {things}", ORANGE),
    }
    text = f"{human_size(once['size'].sum())} of layers{saved}"
    return _bars(parts, labels, text, f"{kind} size, each layer once", ax, largest, kwargs)


def _bars(
    parts: pd.DataFrame,
    labels: dict[str, tuple[str, str]],
    text: str,
    label: str,
    ax: Axes | Figure | None,
    largest: int,
    kwargs: dict[str, Any],
) -> Axes:
    """Draw a bar for each row, the largest first, of the columns that have a label and a colour."""
    values = parts[list(labels)].astype("Float64").fillna(0).astype("float64")
    ordered = values.assign(name=parts["name"], total=values.sum(axis=1))
    # What is shared by all the bars is no bar among others.
    is_common = values["everywhere"].gt(0) if "everywhere" in values else False
    ordered = ordered.assign(is_common=is_common)
    ordered = ordered.sort_values(["is_common", "total", "name"], ascending=[False, False, True], kind="stable")
    shown = ordered.head(room(ax, largest, head=KEY)).reset_index(drop=True)
    ax = axes_for_rows(ax, len(shown))
    if shown.empty:
        return nothing(ax, "nothing stored")
    left = pd.Series(0.0, index=shown.index)
    for column, (meaning, colour) in labels.items():
        if shown[column].any():
            ax.barh(shown.index, shown[column], left=left, **styled(kwargs, Patch, color=colour, label=meaning))
        left += shown[column]
    name_rows(ax, list(shown["name"]))
    settle(ax)
    bytes_axis(ax, label)
    title(ax, text, len(ordered) - len(shown), key=True)
    note_sizes(ax, shown["total"], map(human_size, shown["total"]))
    return ax
