"""Frames to pictures: functions that take a frame and return matplotlib Axes.

They draw on ``ax`` if it is given, and on a new figure of a fitting size if not; they change nothing global and do not
call ``show``. Words have the colour of the axes' style; axes of sizes may be logarithmic, if they are before. Subplots
read best in a figure with ``layout="constrained"``. Frames may come as they are, filtered, or empty. Sizes are those of
layers as stored; where a frame knows none, its uncompressed sizes are drawn, and the axis says so.
"""

from regframe.plot.layer_plots import layer_sizes, layers
from regframe.plot.platform_plots import platforms
from regframe.plot.release_plots import growth, timeline
from regframe.plot.storage_plots import sharing, storage
from regframe.text import human_size, step_text

__all__ = [
    "growth",
    "human_size",
    "layer_sizes",
    "layers",
    "platforms",
    "sharing",
    "step_text",
    "storage",
    "timeline",
]
