"""Plots as pictures, for pages that show no figures: drawn on any thread, known to no pyplot."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure


def png(draw: Callable[[Figure], Any]) -> bytes:
    """Return what a function draws on a new figure, as a PNG file of 1,000 pixels' width."""
    figure = Figure(figsize=(10, 6), dpi=100, layout="constrained")
    draw(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
