"""Work beside the kernel: one event loop of our own, on which whatever takes time is awaited.

Jupyter delivers events on several threads and loops, also while a handler still runs. So handlers only start work here
and return. What comes back is told on the loop's thread, one thing at a time, and ignored if something newer has been
started since.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import cache, partial
from typing import Any, Generic, TypeVar

import pandas as pd

from regframe.aio import AsyncRegistry
from regframe.errors import RegframeError
from regframe.registry import Registry

T = TypeVar("T")

# A page holds back what was typed while the kernel is busy with what came before, but never a click.
SETTLING_SECONDS = 0.3


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop, started when it is first needed; it ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="regframe-widgets", daemon=True).start()
    return loop


class Latest(Generic[T]):
    """At most one piece of work at a time: a new one cancels the one before, whose result nobody hears of.

    Parameters
    ----------
    on_result : callable
        Called with what came of it.
    on_failure : callable
        Called with the one sentence of what went wrong.
    on_cancelled : callable, optional
        Called when it has stopped because of `cancel`.
    """

    def __init__(
        self,
        on_result: Callable[[T], Any],
        on_failure: Callable[[str], Any],
        on_cancelled: Callable[[], Any] | None = None,
    ) -> None:
        self._on_result = on_result
        self._on_failure = on_failure
        self._on_cancelled = on_cancelled
        self._lock = threading.Lock()
        self._number = 0
        self._task: asyncio.Task[T] | None = None
        self._is_settled = threading.Event()
        self._is_settled.set()

    def start(self, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """Start work, and cancel what is under way."""
        with self._lock:
            self._number += 1
            self._is_settled.clear()
            # In the order of the calls, whichever thread they come from.
            _loop().call_soon_threadsafe(self._begin, self._number, function)

    def cancel(self) -> None:
        """Cancel what is under way."""
        _loop().call_soon_threadsafe(self._cancel)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is under way, and return whether that is so; for programs and tests."""
        return self._is_settled.wait(seconds)

    def _begin(self, number: int, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._cancel()
        self._task = _loop().create_task(function())
        self._task.add_done_callback(partial(self._done, number))

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _done(self, number: int, task: asyncio.Task[T]) -> None:
        if number != self._number:
            # Looked at, or asyncio would print what became of it.
            _ = task.cancelled() or task.exception()
            return
        try:
            self._report(task)
        finally:
            with self._lock:
                if number == self._number:
                    self._task = None
                    self._is_settled.set()

    def _report(self, task: asyncio.Task[T]) -> None:
        try:
            result = task.result()
        except asyncio.CancelledError:
            if self._on_cancelled is not None:
                self._on_cancelled()
        except RegframeError as error:
            self._on_failure(str(error))
        except Exception as error:
            # Nobody would see it: there is no cell to show it below.
            self._on_failure(f"{type(error).__name__}: {error}")
        else:
            self._on_result(result)


async def listed(
    registry: Registry, read: Callable[[AsyncRegistry], Coroutine[Any, Any, pd.DataFrame]]
) -> tuple[pd.DataFrame, str]:
    """Return a list that a registry gives, and a sentence if some of it could not be read; with nothing, raise that.

    Raises
    ------
    RegframeError
        With the sentence of the first error.
    """
    reader = AsyncRegistry(registry._connection, warns=False)
    found = await read(reader)
    if reader.errors.empty:
        return found, ""
    sentences = list(reader.errors["message"].drop_duplicates())
    if found.empty:
        raise RegframeError(str(sentences[0]))
    return found, f" Not all: {sentences[0]}" + (f" And {len(sentences) - 1:,} more." if len(sentences) > 1 else "")
