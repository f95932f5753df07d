"""Frames to pictures: functions that take a frame and return matplotlib Axes.

They draw on ``ax`` if it is given, and on a new figure of a fitting size if not; they change nothing global and do not
call ``show``. Frames may come as they are, filtered, or empty.
"""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from regframe.analysis.releases import releases as release_table
from regframe.version import Version, parse_version, tag_order

# Okabe and Ito's palette, which colour-blind people can tell apart.
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
_DARK = ("#0072B2", "#009E73", "#D55E00")
_OWN = "#D9D9D9"
_INK = "#333333"
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def human_size(size: float) -> str:
    """Return bytes for people, in decimal units as docker writes them.

    >>> human_size(52_300_000)
    '52.3 MB'
    """
    for unit, name in _UNITS:
        if abs(size) >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"


def layer_sizes(layers: pd.DataFrame, *, ax: Axes | None = None, largest: int = 25, **kwargs: Any) -> Axes:
    """Draw a bar for each image, made of its layers.

    Layers that several of the images share have the same colour in all of them; the rest is grey. The step that made
    an image's largest layer stands in it, where there is room. Tags of one image are one bar.

    Parameters
    ----------
    layers : pandas.DataFrame
        A layers frame: ``repository``, ``tag``, ``digest``, ``platform``, ``position``, ``layer_digest``, ``size``
        (bytes), ``created_by``. Rows without a platform (attestations, artifacts) are left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    largest : int
        How many images to show at most; the others are counted.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> plot.layer_sizes(registry.layers("httpd"))  # doctest: +SKIP
    """
    layers = layers[layers["platform"].notna() & layers["size"].notna()]
    images = _images_of(layers)
    shown = images.head(largest)
    ax = _axes(ax, height=1.3 + 0.34 * max(len(shown), 3))
    if shown.empty:
        return _nothing(ax, "no layers")
    bars = layers.merge(shown[["repository", "tag", "digest", "platform", "row"]]).sort_values(["row", "position"])
    bars["left"] = bars.groupby("row")["size"].cumsum() - bars["size"]
    colours = _shared_colours(bars)
    ax.barh(
        bars["row"],
        bars["size"].astype(float),
        left=bars["left"].astype(float),
        **{
            "color": [colours.get(digest, _OWN) for digest in bars["layer_digest"]],
            "edgecolor": "white",
            "linewidth": 0.6,
            **kwargs,
        },
    )
    ax.set_yticks(shown["row"], [_shortened(name, 44) for name in shown["name"]])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, float(shown["size"].max()) * 1.12)
    for row, size in zip(shown["row"], shown["size"], strict=True):
        ax.annotate(
            human_size(size), (size, row), (4, 0), textcoords="offset points", va="center", fontsize=8, color=_INK
        )
    _name_largest_steps(ax, bars, colours)
    _bytes_axis(ax)
    hidden = len(images) - len(shown)
    title = f"Layer sizes of {len(images):,} images" if not hidden else f"The {len(shown)} largest images"
    ax.set_title(title + (f", and {hidden:,} others not shown" if hidden else ""), loc="left", fontsize=11)
    ax.set_xlabel("bytes as stored and transferred; a colour is a layer that several of these images share")
    return ax


def timeline(images: pd.DataFrame, *, ax: Axes | None = None, lanes: int = 20, **kwargs: Any) -> Axes:
    """Draw when images were released: a lane for each repository, or for each version line of a single one.

    Aliases and platforms of a release are one mark. Major and minor releases are large and named, patch releases small.
    Dates that are only known as “seen” are left out and counted.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame, or what ``rf.releases(images)`` returns: ``repository``, ``tag``, ``digest``, ``released_at``,
        ``released_source``, and of an images frame also ``index_digest`` and ``kind``.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    lanes : int
        How many lanes to show at most, those with the newest releases first.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.scatter`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> plot.timeline(registry.images("httpd"))  # doctest: +SKIP
    """
    releases, undated = _releases_of(images)
    newest = releases.groupby("lane", sort=False)["released_at"].max().sort_values(ascending=False, kind="stable")
    shown = list(newest.index[:lanes])
    ax = _axes(ax, height=1.5 + 0.42 * max(len(shown), 3))
    if not shown:
        return _nothing(ax, "no release with a date")
    releases = releases[releases["lane"].isin(shown)].assign(row=lambda frame: frame["lane"].map(shown.index))
    for level, (size, colour) in {0: (70, _PALETTE[5]), 1: (34, _PALETTE[0]), 2: (12, _PALETTE[4])}.items():
        some = releases[releases["level"] == level]
        label = ("major", "minor", "patch and other")[level]
        style = {
            "s": size,
            "color": colour,
            "zorder": 4 - level,
            "linewidth": 0,
            "alpha": 0.9,
            "label": label,
            **kwargs,
        }
        ax.scatter(some["released_at"], some["row"], **style)
    _name_releases(ax, releases)
    ax.set_yticks(range(len(shown)), [_shortened(lane, 32) for lane in shown])
    ax.set_ylim(len(shown) - 0.4, -0.8)
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="#EEEEEE")
    _dates_axis(ax)
    notes = [f"{len(newest) - len(shown):,} lanes not shown"] if len(newest) > len(shown) else []
    notes += [f"{undated:,} without a date"] if undated else []
    ax.set_title(f"{len(releases):,} releases" + (f" ({', '.join(notes)})" if notes else ""), loc="left", fontsize=11)
    ax.legend(loc="lower left", bbox_to_anchor=(0.45, 1.0), ncols=3, frameon=False, fontsize=8, borderaxespad=0.2)
    return ax


def storage(stored: pd.DataFrame, *, ax: Axes | None = None, largest: int = 25, **kwargs: Any) -> Axes:
    """Draw where a registry's bytes are: a bar for each group, of what it holds alone and what it shares.

    Parameters
    ----------
    stored : pandas.DataFrame
        What ``rf.storage(inventory, by=…)`` returns: the groups first, then ``exclusive`` and ``shared`` (bytes).
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    largest : int
        How many groups to show at most; the others are counted.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> plot.storage(rf.storage(inventory))  # doctest: +SKIP
    """
    keys = list(stored.columns[: stored.columns.get_loc("images")])
    ordered = stored.sort_values(["stored", *keys], ascending=[False, *[True] * len(keys)], kind="stable")
    shown = ordered.head(largest)
    ax = _axes(ax, height=1.3 + 0.34 * max(len(shown), 3))
    if shown.empty:
        return _nothing(ax, "nothing stored")
    rows = range(len(shown))
    exclusive, shared = shown["exclusive"].astype(float), shown["shared"].astype(float)
    ax.barh(rows, exclusive, **{"color": _PALETTE[0], "label": "held by it alone", **kwargs})
    ax.barh(rows, shared, left=exclusive, **{"color": _PALETTE[4], "label": "shared with others", **kwargs})
    names = shown[keys].astype("str").agg(":".join, axis=1)
    ax.set_yticks(rows, [_shortened(name, 44) for name in names])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, max(float(shown["stored"].max()), 1.0) * 1.12)
    for row, size in zip(rows, shown["stored"], strict=True):
        ax.annotate(
            human_size(size), (size, row), (4, 0), textcoords="offset points", va="center", fontsize=8, color=_INK
        )
    _bytes_axis(ax)
    hidden = len(ordered) - len(shown)
    ax.set_title(
        f"Storage by {', '.join(keys)}" + (f", {hidden:,} others not shown" if hidden else ""), loc="left", fontsize=11
    )
    ax.legend(loc="lower right", frameon=False, fontsize=8)
    return ax


def growth(releases: pd.DataFrame, *, ax: Axes | None = None, lines: int = len(_PALETTE), **kwargs: Any) -> Axes:
    """Draw the size of releases over time, a line for each version line.

    Parameters
    ----------
    releases : pandas.DataFrame
        What ``rf.releases(images)`` returns, or an images frame: the sizes of one platform are best compared.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    lines : int
        How many version lines to show at most, those with the most releases.
    **kwargs
        Passed on to :meth:`matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> plot.growth(rf.releases(images[images["platform"] == "linux/amd64"]))  # doctest: +SKIP
    """
    if "version_line" not in releases:
        releases = release_table(releases)
    dated = releases[
        releases["released_at"].notna() & releases["size"].notna() & releases["released_source"].ne("seen")
    ]
    is_alone = dated["repository"].nunique() == 1
    line = dated["version_line"].fillna("other")
    dated = dated.assign(line=line if is_alone else dated["repository"] + " " + line)
    counts = dated["line"].value_counts(sort=False)
    shown = sorted(counts.sort_values(ascending=False, kind="stable").index[:lines], key=tag_order)
    ax = _axes(ax, height=4.5)
    if not shown:
        return _nothing(ax, "no release with a date and a size")
    for number, name in enumerate(shown):
        some = dated[dated["line"] == name].sort_values("released_at", kind="stable")
        style = {
            "color": _PALETTE[number % len(_PALETTE)],
            "marker": "o",
            "markersize": 3.5,
            "linewidth": 1.4,
            **kwargs,
        }
        ax.plot(some["released_at"], some["size"].astype(float), label=_shortened(name, 30), **style)
    ax.set_ylim(0, float(dated.loc[dated["line"].isin(shown), "size"].max()) * 1.12)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda size, position: human_size(size) if size else "0"))
    ax.grid(axis="y", color="#EEEEEE")
    _dates_axis(ax)
    hidden = len(counts) - len(shown)
    ax.set_title(
        "Size of releases" + (f", {hidden:,} other lines not shown" if hidden else ""), loc="left", fontsize=11
    )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    return ax


def _axes(ax: Axes | None, height: float) -> Axes:
    if ax is not None:
        return ax
    return plt.subplots(figsize=(10, min(height, 30)), layout="constrained")[1]


def _nothing(ax: Axes, text: str) -> Axes:
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=_INK)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def _images_of(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the images in a layers frame, the largest first: tags of one image as one, under its most telling name."""
    keys = ["repository", "tag", "digest", "platform"]
    sizes = layers.groupby(keys, observed=True, sort=False, dropna=False)["size"].sum().reset_index()
    if sizes.empty:
        return sizes.assign(name="", row=0)
    order = sizes["tag"].fillna("").map(lambda tag: (parse_version(tag) is not None, len(tag), tag))
    sizes = sizes.assign(order=order).sort_values("order", ascending=False, kind="stable")
    images = sizes.drop_duplicates(["repository", "digest"]).copy()
    name = images["repository"] + ":" + images["tag"].fillna(images["digest"].str[:19])
    if images["platform"].nunique() > 1:
        name = name + "  " + images["platform"].astype(str)
    images = images.assign(name=name).sort_values(["size", "name"], ascending=[False, True]).drop(columns="order")
    return images.assign(row=range(len(images)))


def _shared_colours(bars: pd.DataFrame) -> dict[str, str]:
    """Give a colour to the layers that most bytes of several images come from."""
    totals = bars.groupby("layer_digest")["size"].agg(["sum", "count"])
    shared = totals[totals["count"] > 1].sort_values("sum", ascending=False, kind="stable").index
    return dict(zip(shared, _PALETTE, strict=False))


def _name_largest_steps(ax: Axes, bars: pd.DataFrame, colours: dict[str, str]) -> None:
    """Write the step that made the largest layer of each bar into it, as much of it as there is room for."""
    width = ax.get_window_extent().width
    per_byte = width / ax.get_xlim()[1]
    for _, bar in bars.loc[bars.groupby("row")["size"].idxmax()].iterrows():
        ink = "white" if colours.get(bar["layer_digest"]) in _DARK else _INK
        letters = int(bar["size"] * per_byte / 5.2)
        if letters >= 12 and pd.notna(bar["created_by"]):
            text = _shortened(step_text(bar["created_by"]), letters)
            middle = bar["left"] + bar["size"] / 2
            ax.text(
                middle,
                bar["row"],
                text,
                ha="center",
                va="center",
                fontsize=7,
                color=ink,
                clip_on=True,
                parse_math=False,
            )


def step_text(created_by: str) -> str:
    """Return a step as its Dockerfile has it: without the shell and BuildKit's remark."""
    text = " ".join(created_by.replace("/bin/sh -c #(nop)", "").replace("/bin/sh -c", "RUN").split())
    return text.removesuffix("# buildkit").replace("RUN RUN", "RUN").strip()


def _shortened(text: str, length: int) -> str:
    return textwrap.shorten(text, length, placeholder="…") if " " in text else _cut(text, length)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(length // 2, 1)] + "…" + text[-max(length // 2 - 1, 1) :]


def _bytes_axis(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, position: human_size(size) if size else "0"))
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _dates_axis(ax: Axes) -> None:
    locator = mdates.AutoDateLocator(maxticks=10)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.margins(x=0.04)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _releases_of(images: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return one row for each release, with its lane, its name and its level; and how many have no date."""
    if "kind" not in images:
        # What rf.releases returns has a row for each release, of images only.
        images = images.assign(kind="image", index_digest=images["digest"])
    images = images[images["kind"] == "image"]
    release = images["index_digest"].fillna(images["digest"])
    images = images.assign(release=release)
    is_dated = images["released_at"].notna() & (images["released_source"] != "seen")
    undated = images.loc[~is_dated, "release"].nunique()
    dated = images[is_dated].copy()
    versions = dated["tag"].fillna("").map(parse_version)
    dated["level"] = [_level(version) for version in versions]
    # Of a release's tags the most specific version names it.
    dated["parts"] = [_parts(version) for version in versions]
    dated = dated.sort_values(["parts", "tag"], ascending=[False, True], kind="stable")
    releases = dated.drop_duplicates(["repository", "release"]).copy()
    if releases["repository"].nunique() == 1:
        releases["lane"] = [_line(tag) for tag in releases["tag"].fillna("")]
    else:
        releases["lane"] = releases["repository"]
    return releases.sort_values(["released_at", "tag"], kind="stable"), undated


def _parts(version: Version | None) -> int:
    """Return how telling a tag is as the name of a release: a whole version without a variant is the most."""
    if version is None:
        return -1
    numbers = sum(part is not None for part in (version.major, version.minor, version.patch))
    return numbers if version.variant or version.prerelease else numbers + 10


def _level(version: Version | None) -> int:
    """Return 0 for a major release (x.0.0), 1 for a minor one (x.y.0), 2 for the rest."""
    if version is None or version.prerelease or version.variant:
        return 2
    if version.patch or version.minor is None:
        return 2
    return 0 if version.minor == 0 else 1


def _line(tag: str) -> str:
    version = parse_version(tag)
    if version is None:
        return "other"
    minor = "" if version.minor is None else f".{version.minor}"
    return f"{version.major}{minor}"


def _name_releases(ax: Axes, releases: pd.DataFrame) -> None:
    """Write the names of releases above their marks, as far as none overlaps: the newest first, then the major ones."""
    first, last = releases["released_at"].min(), releases["released_at"].max()
    span = max((last - first) / pd.Timedelta(days=1), 1.0)
    newest = ~releases.duplicated("lane", keep="last")
    order = releases.assign(rank=releases["level"].where(~newest, -1)).sort_values(
        ["rank", "released_at"], ascending=[True, False], kind="stable"
    )
    taken: dict[int, list[tuple[float, float]]] = {}
    for _, release in order.iterrows():
        tag = _cut(str(release["tag"]), 18)
        centre = (release["released_at"] - first) / pd.Timedelta(days=1) / span
        half = (len(tag) + 2) * 0.0042
        spans = taken.setdefault(release["row"], [])
        if all(centre + half < left or centre - half > right for left, right in spans):
            spans.append((centre - half, centre + half))
            at = (mdates.date2num(release["released_at"]), release["row"])  # type: ignore[no-untyped-call]
            ax.annotate(
                tag, at, (0, 5), textcoords="offset points", ha="center", fontsize=7, color=_INK, parse_math=False
            )
