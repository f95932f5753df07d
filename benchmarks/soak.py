"""Takes the inventory of many tags through a server that fails one request in ten, and checks every row.

    python benchmarks/soak.py [--tags 2000] [--failing 0.1] [--seed 1]

The server answers 429 (with and without Retry-After), 500 and 503, resets the connection, or sends half an answer.
Exit status 1 if a row is missing or wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from anyio.from_thread import start_blocking_portal

import regframe as rf
from regframe.oci import media_types
from regframe.oci.digest import digest_of

REPOSITORIES = 20
FAULTS = ("429", "429 Retry-After", "500", "503", "reset", "half")


class Flaky:
    """A registry of made-up images that fails at random; each digest is a function of its repository and tag."""

    def __init__(self, tags: int, failing: float, seed: int) -> None:
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self._failing = failing
        self._random = random.Random(seed)
        self.expected: dict[tuple[str, str], tuple[str, int]] = {}
        self._documents: dict[str, bytes] = {}
        self._tags: dict[str, list[str]] = {}
        for number in range(tags):
            self._add(f"team/app{number % REPOSITORIES}", f"1.{number // REPOSITORIES}")

    def _add(self, repository: str, tag: str) -> None:
        config = json.dumps(
            {
                "os": "linux",
                "architecture": "amd64",
                "created": "2024-05-06T07:08:09Z",
                "config": {"Labels": {"name": f"{repository}:{tag}"}},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(tag.encode())]},
                "history": [{"created_by": f"COPY {tag} /"}],
            }
        ).encode()
        size = 1000 + len(self.expected)
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": media_types.OCI_MANIFEST,
                "config": {"mediaType": media_types.OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
                "layers": [{"mediaType": media_types.OCI_LAYER_GZIP, "digest": digest_of(tag.encode()), "size": size}],
            }
        ).encode()
        self._documents[f"/v2/{repository}/manifests/{tag}"] = manifest
        self._documents[f"/v2/{repository}/blobs/{digest_of(config)}"] = config
        self._tags.setdefault(repository, []).append(tag)
        self.expected[repository, tag] = (digest_of(manifest), size)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or fail it."""
        self.requests += 1
        body = self._body(request.path)
        if body is None:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN", "message": "unknown"}]}, status=404)
        if self._random.random() < self._failing:
            fault = self._random.choice(FAULTS)
            self.faults[fault] += 1
            return await self._fail(request, fault, body)
        return web.Response(body=body, content_type="application/json")

    def _body(self, path: str) -> bytes | None:
        if path == "/v2/_catalog":
            return json.dumps({"repositories": sorted(self._tags)}).encode()
        if path.endswith("/tags/list"):
            return json.dumps({"tags": self._tags.get(path[len("/v2/") : -len("/tags/list")])}).encode()
        return self._documents.get(path)

    async def _fail(self, request: web.Request, fault: str, body: bytes) -> web.StreamResponse:
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
        elif fault == "half":
            response = web.StreamResponse(headers={"Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        headers = {"Retry-After": "1"} if fault == "429 Retry-After" else {}
        status = int(fault[:3]) if fault[:3].isdigit() else 500
        return web.Response(status=status, headers=headers)


@contextmanager
def serving(flaky: Flaky) -> Iterator[str]:
    """Serve on a free loopback port; yield the address."""

    async def start() -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.router.add_get("/{path:.*}", flaky.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    with start_blocking_portal() as portal:
        runner, port = portal.call(start)
        try:
            yield f"localhost:{port}"
        finally:
            portal.call(runner.cleanup)


def main() -> int:
    """Run the soak, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=2000)
    parser.add_argument("--failing", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    flaky = Flaky(options.tags, options.failing, options.seed)
    with serving(flaky) as address:
        began = time.perf_counter()
        inventory = rf.Registry(address, insecure=True, progress=False, cache=False).inventory()
        seconds = time.perf_counter() - began
    images = inventory.images
    rows = {
        (row.repository, row.tag): (row.digest, int(row.size))
        for row in images[["repository", "tag", "digest", "size"]].itertuples()
    }
    labels = inventory.config[inventory.config["section"] == "label"]
    is_right = rows == flaky.expected and (labels["value"] == labels["repository"] + ":" + labels["tag"]).all()
    print(f"{len(images):,} images of {options.tags:,} tags in {seconds:.1f} s, {len(inventory.errors)} errors")
    print(f"{flaky.requests:,} requests, {flaky.faults.total():,} of them failed: {dict(flaky.faults)}")
    print("every row is there and right" if is_right else "ROWS ARE MISSING OR WRONG")
    return 0 if is_right and len(labels) == options.tags and inventory.errors.empty else 1


if __name__ == "__main__":
    sys.exit(main())
