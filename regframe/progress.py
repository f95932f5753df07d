"""A progress bar for a blocking call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from regframe.scan import Progress

# Most calls are over before anybody wonders.
_SHOWN_AFTER_SECONDS = 0.5


class TimeToGo:
    """How long a scan will still take: by what it has done since all lists were read."""

    def __init__(self) -> None:
        self._done_with_lists: int | None = None
        self._since: tuple[float, int] | None = None

    def rate(self, progress: Progress, now: float) -> float | None:
        """Return how many tags are read in a second; ``None`` as long as that cannot be said.

        Parameters
        ----------
        progress : Progress
            How far the scan has come.
        now : float
            The time, by :func:`time.monotonic`.
        """
        if progress.lists or not progress.tags:
            return None
        if self._since is None:
            # Lists may be written to files before the first tag is asked for.
            if self._done_with_lists is None:
                self._done_with_lists = progress.tags_done
            if progress.tags_done == self._done_with_lists:
                return None
            self._since = now, progress.tags_done
        start, done_before = self._since
        done = progress.tags_done - done_before
        return done / (now - start) if done and now > start else None

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
