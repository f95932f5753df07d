"""What the pickers are made of: controls with labels, and sentences."""

from __future__ import annotations

import html
from typing import Any, Literal

import ipywidgets as widgets

from regframe.errors import printable

Mood = Literal["plain", "good", "bad"]
# JupyterLab's own colours, elsewhere what stands behind the comma; nearer to the letters' colour, so that they can be
# read on a light and on a dark ground.
_COLOURS: dict[Mood, str] = {
    "plain": "inherit",
    "good": "color-mix(in srgb, var(--jp-success-color0, #1b5e20) 75%, currentcolor)",
    "bad": "color-mix(in srgb, var(--jp-error-color0, #b71c1c) 75%, currentcolor)",
}
SHOWN = 50
_LONGEST_SENTENCE = 600


def text(description: str, name: str, **options: Any) -> widgets.Text:
    """Return a line to type in."""
    return named(widgets.Text(description=description, **options), name)


def button(description: str, name: str, **options: Any) -> widgets.Button:
    """Return a button."""
    return named(widgets.Button(description=description, layout=widgets.Layout(width="auto"), **options), name)


def named(widget: Any, name: str) -> Any:
    """Give a control its class, by which pages and tests find it, and the width of a narrow cell at most."""
    widget.add_class(f"regframe-{name}")
    if not isinstance(widget, widgets.Button):
        widget.style.description_width = "8em"
        # With its margins no wider than the cell.
        widget.layout.max_width = "calc(100% - 4px)"
        widget.layout.width = "32em"
    return widget


def row(*children: widgets.Widget) -> widgets.HBox:
    """Return controls side by side, on more lines where the cell is narrow."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap"))


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return how many there are, in words."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


class Sentence(widgets.HTML):  # type: ignore[misc]
    """One sentence below a control. What comes from outside is escaped, and read out by screen readers."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.add_class(f"regframe-{name}")

    def say(self, sentence: str, mood: Mood = "plain") -> None:
        """Show a sentence."""
        shown = html.escape(printable(sentence, _LONGEST_SENTENCE))
        self.value = f'<span role="status" style="color: {_COLOURS[mood]}">{shown}</span>' if sentence else ""

    @property
    def text(self) -> str:
        """The sentence, without markup."""
        return html.unescape(self.value.partition(">")[2].rpartition("</span>")[0])
