"""Plots as pictures, for pages that show no figures: drawn on any thread, known to no pyplot."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_DPI = 100


def png(draw: Callable[[Axes], Any], *, width: float = 10, height: float = 6) -> bytes:
    """Return what a function draws on new axes, as a PNG file.

    Parameters
    ----------
    draw : callable
        Draws on the axes that it is given.
    width, height : float
        The size in inches, of 100 pixels each.
    """
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    draw(figure.add_subplot())
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
