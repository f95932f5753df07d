"""A progress bar for a blocking call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from regframe.scan import Progress

_Numbers = npt.NDArray[np.float64]

# Most calls are over before anybody wonders.
_SHOWN_AFTER_SECONDS = 0.5
_OF_LATE = 1 / 2
# How the time of a step changes is looked at over the last nine tenths of them, cut into so many.
_CHANGES_FROM = 1 / 10
_CUTS = 40
_FEWEST_POINTS = 10
# What is seen is in part a whim of the machine's. That it will be slower still is as often wrong as right.
_MOST_GAIN = 1.15
# A point is kept when the steps are more by so much: a scan may take hours.
_LEAP = 1 / 200


class _Point(NamedTuple):
    """How far a scan was at a time: tags, and the steps that they took."""

    time: float
    tags: int
    steps: int

    @classmethod
    def of(cls, progress: Progress, now: float) -> _Point:
        # A tag that points to what others point to takes one document, with which docker-registry is quick the second
        # time; each further one takes it two to three times as long.
        further = progress.documents - progress.tags_read
        return cls(now, progress.tags_done, progress.tags_done + 2 * further)


class TimeToGo:
    """How long a scan will still take, by what it has done since all lists were read.

    How fast it is, is what it was of late, and faster by what it goes on gaining: a registry that has just been started
    gets faster as long as its heap grows, which it does ever more slowly. How many documents there are to a tag, which
    changes from one repository to the next, is what it was all along.
    """

    def __init__(self) -> None:
        self._done_with_lists: int | None = None
        self._points: list[_Point] = []

    def rate(self, progress: Progress, now: float) -> float | None:
        """Return how many tags will be read in a second; ``None`` as long as that cannot be said.

        Parameters
        ----------
        progress : Progress
            How far the scan has come.
        now : float
            The time, by :func:`time.monotonic`; not before that of the last call.
        """
        if progress.lists or not progress.tags:
            return None
        here = _Point.of(progress, now)
        if not self._points:
            # Lists may be written to files before the first tag is asked for.
            if self._done_with_lists is None:
                self._done_with_lists = here.tags
            if here.tags > self._done_with_lists:
                self._points.append(here)
            return None
        start, last = self._points[0], self._points[-1]
        if here.steps - last.steps > (last.steps - start.steps) * _LEAP:
            self._points.append(here)
        if here.time == start.time or here.tags == start.tags:
            return None
        times = np.array([point.time for point in self._points] + [here.time])
        steps = np.array([point.steps for point in self._points] + [here.steps], dtype=float) - start.steps
        done = steps[-1]
        seconds = (now - start.time) * _OF_LATE
        late = float(np.interp(now - seconds, times, steps))
        if late == done:
            return None
        in_a_tag = done / (here.tags - start.tags)
        whole = done + in_a_tag * (progress.tags - here.tags)
        return float((done - late) / seconds / in_a_tag * _gain(times, steps, late, whole))

    def seconds(self, progress: Progress, now: float) -> float | None:
        """Return how many seconds there are to go, or ``None``."""
        rate = self.rate(progress, now)
        return (progress.tags - progress.tags_done) / rate if rate else None


def _gain(times: _Numbers, steps: _Numbers, late: float, whole: float) -> float:
    """Return how many times as fast steps will be taken from here to the whole as they were of late.

    A line is fitted to the time of a step over the logarithm of their number, and its means are compared.
    """
    here = float(steps[-1])
    if len(steps) < _FEWEST_POINTS or whole <= here:
        return 1.0
    cuts = np.linspace(here * _CHANGES_FROM, here, _CUTS + 1)
    each = np.diff(np.interp(cuts, steps, times)) / np.diff(cuts)
    slope, level = np.polyfit(np.log((cuts[1:] + cuts[:-1]) / 2), each, 1)

    def mean(start: float, end: float) -> float:
        # The integral of the logarithm.
        return float(level + slope * ((end * np.log(end) - start * np.log(start)) / (end - start) - 1))

    before, ahead = mean(max(late, here * _CHANGES_FROM), here), mean(here, whole)
    return min(max(before / ahead, 1.0), _MOST_GAIN) if ahead > 0 else _MOST_GAIN


@contextmanager
def progress_bar(show: bool | None, title: str) -> Iterator[Callable[[Progress], None]]:
    """Show a bar of the tags read, in the terminal (on standard error) or in the notebook.

    Parameters
    ----------
    show : bool or None
        Whether to; ``None`` means in a terminal and in a notebook, but not in a pipe.
    title : str
        What stands before the bar.
    """
    if show is None:
        show = sys.stderr.isatty() or _in_notebook()
    if not show:
        yield lambda progress: None
        return
    if _in_notebook():
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        """A bar whose time to go does not count the time of the lists, nor follows each whim of the registry."""

        tag_rate: float | None = None

        @property
        def format_dict(self) -> dict[str, Any]:
            return {**super().format_dict, "rate": self.tag_rate}

    # Drawn by the clock: by counts (miniters) it would stand still where a registry slows down.
    bar: Any = Bar(
        total=None, desc=title, unit="tag", delay=_SHOWN_AFTER_SECONDS, miniters=0, file=sys.stderr, dynamic_ncols=True
    )
    to_go = TimeToGo()

    def update(progress: Progress) -> None:
        # While lists are read, the number of tags is no total.
        bar.total = None if progress.lists else progress.tags
        bar.n = progress.tags_done
        bar.tag_rate = to_go.rate(progress, monotonic())
        counts = {"documents": progress.documents} | ({"errors": progress.errors} if progress.errors else {})
        if progress.remaining is not None:
            counts["requests left"] = progress.remaining
        bar.set_postfix(counts, refresh=False)
        # update() rather than refresh(): it keeps to the delay.
        bar.update(0)

    with bar:
        yield update


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"
