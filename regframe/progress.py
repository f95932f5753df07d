"""A progress bar for a blocking call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from regframe.scan import Progress

# Most calls are over before anybody wonders.
_SHOWN_AFTER_SECONDS = 0.5


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
    # Drawn by the clock: by counts (miniters) it would stand still where a registry slows down.
    bar: Any = tqdm(
        total=0, desc=title, unit="tag", delay=_SHOWN_AFTER_SECONDS, miniters=0, file=sys.stderr, dynamic_ncols=True
    )

    def update(progress: Progress) -> None:
        bar.total = progress.tags
        bar.n = progress.tags_done
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
