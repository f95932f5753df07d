"""How fast a registry is asked: fewer requests at once while it pushes back, more again while it does not."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from httpx_retries import Retry

from regframe.errors import RateLimited

# Longer than this nobody waits in front of a progress bar; what is left is an error, and resume= goes on later.
_PATIENCE_SECONDS = 120.0
_SUCCESSES_BEFORE_MORE = 20
_PUSHED_BACK = frozenset({429, 503})


@dataclass(frozen=True)
class Allowance:
    """What a registry says of its rate limit.

    Attributes
    ----------
    limit : int or None
        How many requests it allows in a window.
    remaining : int or None
        How many of these are left.
    window : int or None
        How many seconds the window has.
    """

    limit: int | None = None
    remaining: int | None = None
    window: int | None = None

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Allowance | None:
        """Read ``RateLimit-Limit: 100;w=21600`` and ``RateLimit-Remaining``, with or without ``X-`` before them.

        Source: Docker Hub's documentation of its pull rate limit; the IETF's draft on RateLimit headers.
        """
        limit = headers.get("ratelimit-limit") or headers.get("x-ratelimit-limit") or ""
        remaining = headers.get("ratelimit-remaining") or headers.get("x-ratelimit-remaining") or ""
        if not limit and not remaining:
            return None
        return cls(_number(r"\s*(\d+)", limit), _number(r"\s*(\d+)", remaining), _number(r".*;\s*w=(\d+)", limit))


def _number(pattern: str, text: str) -> int | None:
    match = re.match(pattern, text[:100], re.ASCII)
    return int(match[1]) if match else None


class Pace:
    """Lets requests through: at most so many at once, and none while the registry wants a pause.

    Parameters
    ----------
    most : int
        How many at once when all goes well.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._successes = 0
        self._resume_at = 0.0
        self.allowance: Allowance | None = None

    async def __aenter__(self) -> None:
        while True:
            pause = self._resume_at - time.monotonic()
            if pause > _PATIENCE_SECONDS:
                raise RateLimited(
                    f"The registry asks to come back in {pause:,.0f} seconds: its rate limit is used up.", status=429
                )
            if pause > 0:
                await asyncio.sleep(pause)
            elif self._under_way >= self._allowed:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    self._let_through()
                    raise
            else:
                break
        self._under_way += 1

    async def __aexit__(self, *exception: object) -> None:
        self._under_way -= 1
        self._let_through()

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Slow down or speed up by what the registry answered."""
        self.allowance = Allowance.read(headers) or self.allowance
        if status in _PUSHED_BACK:
            self._successes = 0
            self._allowed = max(1, self._allowed // 2)
            self._resume_at = max(self._resume_at, time.monotonic() + _seconds(headers.get("retry-after")))
        elif self._allowed < self._most:
            self._successes += 1
            if self._successes >= _SUCCESSES_BEFORE_MORE:
                self._successes = 0
                self._allowed += 1
                self._let_through()

    def _let_through(self) -> None:
        while self._waiting and self._under_way < self._allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _seconds(retry_after: str | None) -> float:
    """Read ``Retry-After``, in seconds or as a date (RFC 9110, section 10.2.3)."""
    try:
        return Retry().parse_retry_after(retry_after) if retry_after else 0.0
    except ValueError:
        return 0.0
