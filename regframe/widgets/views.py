"""What an explorer shows of an inventory, each tab drawn when it is first looked at."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import pandas as pd

from regframe import plot
from regframe.analysis import storage
from regframe.errors import RegframeError
from regframe.inventory import Inventory
from regframe.plot.picture import png
from regframe.presentation import style
from regframe.version import tag_order
from regframe.widgets.parts import named, row

_ROWS = 200
_COLUMNS = "repository tag platform kind layers size uncompressed_size released_at released_source digest"
_IMAGES_DRAWN = 20
_CELLS: Any = [{"selector": "th, td", "props": "padding: 0.1em 0.8em 0.1em 0; white-space: nowrap; line-height: 1.5"}]


class Table(widgets.VBox):  # type: ignore[misc]
    """A frame as a table, sorted by any of its columns.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame.
    name : str
        What its controls' classes begin with: ``regframe-<name>-sort`` and ``regframe-<name>-order``.
    """

    def __init__(self, frame: pd.DataFrame, name: str) -> None:
        self._frame = frame
        self.sort = named(
            widgets.Dropdown(description="Sort by", options=[("as read", ""), *((one, one) for one in frame.columns)]),
            f"{name}-sort",
        )
        orders = [("largest first", False), ("smallest first", True)]
        self.order = named(widgets.Dropdown(description="Order", options=orders), f"{name}-order")
        self.sort.layout.width = self.order.layout.width = "22em"
        self._shown = widgets.HTML()
        self._shown.add_class(f"regframe-{name}")
        super().__init__([row(self.sort, self.order), self._shown])
        self.sort.observe(lambda _: self._draw(), "value")
        self.order.observe(lambda _: self._draw(), "value")
        self._draw()

    def _draw(self) -> None:
        frame = self._frame
        if self.sort.value:
            key = _in_version_order if self.sort.value == "tag" else None
            frame = frame.sort_values(self.sort.value, ascending=self.order.value, kind="stable", key=key)
        table = style(frame.reset_index(drop=True), rows=_ROWS).set_table_styles(_CELLS, overwrite=False).to_html()
        self._shown.value = f'<div style="overflow-x: auto; max-height: 32em">{table}</div>'


def _in_version_order(tags: pd.Series[Any]) -> pd.Series[Any]:
    """Return by what tags are sorted: 2.4.9 before 2.4.10."""
    return tags.astype(object).map(tag_order, na_action="ignore")


def tabs() -> dict[str, Callable[[Inventory], widgets.Widget]]:
    """Return what draws each tab, by its title."""
    return {
        "Table": _table,
        "Layer sizes": _layer_sizes,
        "Release timeline": _timeline,
        "History": lambda found: Table(found.history, "history"),
        "Config": lambda found: Table(found.config, "config"),
        "Storage": _storage,
    }


def _table(found: Inventory) -> widgets.Widget:
    images = found.images
    columns = [name for name in _COLUMNS.split() if images[name].notna().any() or name in {"repository", "tag"}]
    return Table(images[columns], "images")


def _layer_sizes(found: Inventory) -> widgets.Widget:
    images = found.images[found.images["kind"] == "image"]
    largest = images.nlargest(1, "size") if images["size"].notna().any() else images.head(1)
    names = ", ".join(f"{one.repository}:{one.tag}" for one in largest.itertuples())
    return _picture(
        "layer-sizes",
        f"A bar for each image, one segment a layer. The largest of {images['digest'].nunique():,} images is {names}.",
        lambda figure: plot.layer_sizes(found.layers, ax=figure, largest=_IMAGES_DRAWN),
    )


def _timeline(found: Inventory) -> widgets.Widget:
    dates = found.images.loc[found.images["released_source"] != "seen", "released_at"].dropna()
    span = f" from {dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}" if len(dates) else ""
    return _picture(
        "release-timeline",
        f"Releases over time{span}; the tab Table has each one's date.",
        lambda figure: plot.timeline(found.images, ax=figure),
    )


def _storage(found: Inventory) -> widgets.Widget:
    stored = storage(found)
    picture = _picture(
        "storage-plot", "Bytes by repository, as in the table below.", lambda figure: plot.storage(stored, ax=figure)
    )
    return widgets.VBox([picture, Table(stored, "storage")])


def _picture(name: str, words: str, draw: Callable[[Any], Any]) -> widgets.Widget:
    """Return a plot as a picture, with words for whoever does not see it."""
    try:
        data = base64.b64encode(png(draw)).decode("ascii")
    except RegframeError as error:
        return widgets.HTML(f"<p>{html.escape(str(error))}</p>")
    said = html.escape(words)
    # The picture has white paper in both themes, so that its black letters can be read.
    shown = widgets.HTML(
        f'<figure style="margin: 0"><img alt="{said}" src="data:image/png;base64,{data}" style="max-width: 100%">'
        f"<figcaption>{said}</figcaption></figure>"
    )
    shown.add_class(f"regframe-{name}")
    return shown
