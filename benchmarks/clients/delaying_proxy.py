"""A TCP proxy that delays: what arrives is passed on after half of the round-trip time, in both directions.

``python -m clients.delaying_proxy ADDRESS ROUND_TRIP_SECONDS`` prints the address at which it listens, and runs until
its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import cast


class _End(asyncio.Protocol):
    """One end of a proxied connection."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[bytes] = deque()
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._later(b"")

    def _later(self, data: bytes) -> None:
        self._waiting.append(data)
        asyncio.get_running_loop().call_later(self._seconds, self._pass_on)

    def _pass_on(self) -> None:
        data = self._waiting.popleft()
        if self.other is None or self.other.transport is None:
            return
        if data:
            self.other.transport.write(data)
        else:
            self.other.transport.close()


class _FromClient(_End):
    def __init__(self, host: str, port: int, seconds: float) -> None:
        super().__init__(seconds)
        self._place = host, port
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        _, other = await asyncio.get_running_loop().create_connection(lambda: _End(self._seconds), *self._place)
        other.other, self.other = self, other


async def _serve(address: str, seconds: float) -> None:
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _FromClient(host, int(port), seconds / 2), "127.0.0.1", 0)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2])))
