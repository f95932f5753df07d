"""A progress bar for a blocking call."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple

from regframe.scan import Progress

# Most calls are over before anybody wonders.
_SHOWN_AFTER_SECONDS = 0.5
_OF_LATE = 1 / 2
_POINTS = 50


class _Point(NamedTuple):
    """How far a scan was at a time: tags, and the steps that they took."""

    time: float
    tags: int
    steps: int

    @classmethod
    def of(cls, progress: Progress, now: float) -> _Point:
        # A tag that points to what others point to takes one document, with which docker-registry is quick the second
        # time; each further one takes it two to three times as long.
        further = max(progress.documents - progress.tags_done, 0)
        return cls(now, progress.tags_done, progress.tags_done + 2 * further)


class TimeToGo:
    """How long a scan will still take, by what it has done since all lists were read.

    How fast it is, is what it was of late: a registry that has just been started gets faster for some minutes. How many
    documents there are to a tag, which changes from one repository to the next, is what it was all along.
    """

    def __init__(self) -> None:
        self._done_with_lists: int | None = None
        self._start: _Point | None = None
        self._late: deque[_Point] = deque()

    def rate(self, progress: Progress, now: float) -> float | None:
        """Return how many tags are read in a second; ``None`` as long as that cannot be said.

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
        if self._start is None:
            # Lists may be written to files before the first tag is asked for.
            if self._done_with_lists is None:
                self._done_with_lists = here.tags
            if here.tags == self._done_with_lists:
                return None
            self._start = here
            self._late.append(here)
        elapsed = now - self._start.time
        while len(self._late) > 1 and self._late[1].time <= now - elapsed * _OF_LATE:
            self._late.popleft()
        before = self._late[0]
        if now - self._late[-1].time > elapsed * _OF_LATE / _POINTS:
            self._late.append(here)
        if now == before.time or here.steps == before.steps or here.tags == self._start.tags:
            return None
        tags_in_a_step = (here.tags - self._start.tags) / (here.steps - self._start.steps)
        return (here.steps - before.steps) / (now - before.time) * tags_in_a_step

    def seconds(self, progress: Progress, now: float) -> float | None:
        """Return how many seconds there are to go, or ``None``."""
        rate = self.rate(progress, now)
        return (progress.tags - progress.tags_done) / rate if rate else None


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
