"""Work beside the kernel: one event loop of our own, on which whatever takes time is awaited.

Jupyter delivers events on several threads and loops, also while a handler still runs. So handlers only start work here
and return, and what comes back is ignored if something newer has been started since.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from regframe.errors import RegframeError

T = TypeVar("T")


class _Loop:
    """The loop, started when it is first needed; it ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None

    def start(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        with self._lock:
            if self._portal is None:
                self._opened = start_blocking_portal()
                self._portal = self._opened.__enter__()
            return self._portal.start_task_soon(function)


_LOOP = _Loop()


class Latest(Generic[T]):
    """At most one piece of work at a time: a new one cancels the one before, whose result nobody hears of.

    Parameters
    ----------
    on_result : callable
        Called with what came of it.
    on_failure : callable
        Called with the one sentence of what went wrong.
    on_cancelled : callable, optional
        Called if it was cancelled and nothing newer was started.
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
        self._lock = threading.RLock()
        self._future: Future[T] | None = None
        self._settled = threading.Event()
        self._settled.set()

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return not self._settled.is_set()

    def start(self, function: Callable[[], Awaitable[T]]) -> None:
        """Start work, and cancel what is under way."""
        with self._lock:
            before, self._future = self._future, None
            if before is not None:
                before.cancel()
            self._settled.clear()
            self._future = future = _LOOP.start(function)
        future.add_done_callback(self._done)

    def cancel(self) -> None:
        """Cancel what is under way."""
        with self._lock:
            if self._future is not None:
                self._future.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is under way, and return whether that is so; for programs and tests."""
        return self._settled.wait(seconds)

    def _done(self, future: Future[T]) -> None:
        with self._lock:
            if future is not self._future:
                return
            self._future = None
            try:
                self._report(future)
            finally:
                self._settled.set()

    def _report(self, future: Future[T]) -> None:
        try:
            result = future.result()
        except CancelledError:
            if self._on_cancelled is not None:
                self._on_cancelled()
        except RegframeError as error:
            self._on_failure(str(error))
        except Exception as error:
            # Nobody would see it: there is no cell to show it below.
            self._on_failure(f"{type(error).__name__}: {error}")
        else:
            self._on_result(result)
