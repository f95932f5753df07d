"""Sends requests with aiohttp and nothing else, and prints as JSON what that cost.

``python -m clients.bare_aiohttp ADDRESS CONCURRENCY REQUESTS``, where REQUESTS is a file with a path and an Accept
header in each line, and a tab between them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import aiohttp

from clients.usage import Usage, measured


async def _send(session: aiohttp.ClientSession, requests: Iterator[tuple[str, str]]) -> None:
    for url, accept in requests:
        async with session.get(url, headers={"Accept": accept}) as response:
            response.raise_for_status()
            await response.read()


async def _send_all(requests: list[tuple[str, str]], concurrency: int) -> Usage:
    left = iter(requests)
    with measured() as usage:
        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(_send(session, left))
    return usage


def main(address: str, concurrency: str, file: str) -> None:
    """Send each request of a file once."""
    lines = (line.split("\t") for line in Path(file).read_text().splitlines())
    requests = [(f"http://{address}{path}", accept) for path, accept in lines]
    usage = asyncio.run(_send_all(requests, int(concurrency)))
    print(json.dumps({"usage": asdict(usage), "requests": len(requests)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
