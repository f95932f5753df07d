"""How long answers are waited for."""

from __future__ import annotations

import asyncio

from aiohttp.connector import Connection

_LOOKS_IN_A_TIMEOUT = 8


class Patience:
    """How long each request that is under way is waited for; one timer looks after all of them.

    A timer for each is a twentieth of what a request costs. A connection that is waited for too long is given up on:
    it ends as if it broke, and :meth:`end` says why.

    Parameters
    ----------
    seconds : float
        How long to wait for each part of an answer; a little more until that is noticed.
    longest : float
        How long to wait for a whole answer.
    """

    def __init__(self, seconds: float, longest: float) -> None:
        self._seconds = seconds
        self._longest = longest
        # When the next part has to be there, and when all of it.
        self._until: dict[Connection, tuple[float, float]] = {}
        self._late: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connection: Connection) -> None:
        """Begin to wait for an answer."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._until[connection] = now + self._seconds, now + self._longest
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / _LOOKS_IN_A_TIMEOUT, self._look)

    def go_on(self, connection: Connection) -> None:
        """Wait for the next part."""
        last = self._until[connection][1]
        self._until[connection] = min(asyncio.get_running_loop().time() + self._seconds, last), last

    def end(self, connection: Connection) -> None:
        """Wait no longer.

        Raises
        ------
        TimeoutError
            If the connection was given up on.
        """
        self._until.pop(connection, None)
        if connection in self._late:
            raise TimeoutError

    def forget(self, connection: Connection) -> None:
        """Wait no longer, whatever came of it."""
        self._until.pop(connection, None)
        self._late.discard(connection)

    def close(self) -> None:
        """Give up on nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection, (until, _) in self._until.items():
            if until < now and connection.transport is not None:
                self._late.add(connection)
                connection.transport.abort()
        self._timer = loop.call_later(self._seconds / _LOOKS_IN_A_TIMEOUT, self._look) if self._until else None
