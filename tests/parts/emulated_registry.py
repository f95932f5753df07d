"""A small registry over real HTTP that behaves as a test wants it to: one server for every quirk.

It answers as a plain registry does from the documents that it is given; a test overrides what is odd about it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from anyio.from_thread import start_blocking_portal

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse | None] | web.StreamResponse | None]


def digest(data: bytes) -> str:
    """Return the sha256 digest of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def as_json(document: object) -> bytes:
    """Return a document's bytes."""
    return json.dumps(document).encode()


@dataclass
class Seen:
    """One request that the server got."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass
class EmulatedRegistry:
    """What the server holds, how it is odd, and what it was asked.

    Attributes
    ----------
    tags : dict
        Repository to tags, each to a digest.
    documents : dict
        Digest to bytes and media type.
    overrides : list
        Handlers that are asked first; one that returns ``None`` leaves the request to the next.
    seen : list of Seen
        The requests, in order.
    """

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    documents: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    overrides: list[Handler] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    address: str = ""

    @property
    def requests(self) -> Counter[str]:
        """How often each path was asked for, as ``GET /v2/``."""
        return Counter(f"{one.method} {one.path}" for one in self.seen)

    def add(
        self, data: bytes, media_type: str = "application/octet-stream", algorithm: str = "sha256"
    ) -> dict[str, Any]:
        """Hold a document; return its descriptor."""
        name = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        self.documents[name] = (data, media_type)
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def image(
        self, repository: str = "app", tag: str | None = "1", *, layers: int = 1, **changes: Any
    ) -> dict[str, Any]:
        """Hold an image; return its manifest's descriptor. ``changes`` go into the config (``manifest`` into that)."""
        in_manifest = changes.pop("manifest", {})
        layer_type = changes.pop("layer_type", OCI_LAYER)
        descriptors = [
            {"mediaType": layer_type, "digest": digest(f"{repository}{number}".encode()), "size": 1000 + number}
            for number in range(layers)
        ]
        config = {
            "os": "linux",
            "architecture": "amd64",
            "created": "2024-05-06T07:08:09Z",
            "rootfs": {"type": "layers", "diff_ids": [digest(f"diff{number}".encode()) for number in range(layers)]},
            "history": [{"created_by": f"RUN step {number}"} for number in range(layers)],
            **changes,
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.add(as_json(config), OCI_CONFIG),
            "layers": descriptors,
            **in_manifest,
        }
        return self.manifest(manifest, repository, tag)

    def manifest(self, document: dict[str, Any], repository: str = "app", tag: str | None = "1") -> dict[str, Any]:
        """Hold a manifest or an index; return its descriptor."""
        descriptor = self.add(as_json(document), document.get("mediaType", OCI_MANIFEST))
        if tag is not None:
            self.tags.setdefault(repository, {})[tag] = descriptor["digest"]
        return descriptor

    def override(self, path: str, handler: Handler) -> None:
        """Let a handler answer a path (one that ends with ``*`` stands for all that begin so)."""

        def answer(request: web.Request) -> Any:
            is_meant = request.path.startswith(path[:-1]) if path.endswith("*") else request.path == path
            return handler(request) if is_meant else None

        self.overrides.insert(0, answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.seen.append(Seen(request.method, request.path, request.query_string, dict(request.headers)))
        for handler in self.overrides:
            response = handler(request)
            if inspect.isawaitable(response):
                response = await response
            if response is not None:
                return response
        return self.plain(request)

    def plain(self, request: web.Request) -> web.Response:
        """Answer as a registry without quirks does."""
        path = request.path
        if path == "/v2/":
            return web.json_response({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})
        if path == "/v2/_catalog":
            return web.json_response({"repositories": list(self.tags)})
        if path.endswith("/tags/list"):
            repository = path[len("/v2/") : -len("/tags/list")]
            if repository not in self.tags:
                return error(404, "NAME_UNKNOWN")
            return web.json_response({"name": repository, "tags": list(self.tags[repository])})
        for kind, code in (("/manifests/", "MANIFEST_UNKNOWN"), ("/blobs/", "BLOB_UNKNOWN")):
            if kind in path:
                repository, _, reference = path[len("/v2/") :].partition(kind)
                name = self.tags.get(repository, {}).get(reference, reference)
                if name not in self.documents:
                    return error(404, code)
                data, media_type = self.documents[name]
                headers = {"Content-Type": media_type, "Docker-Content-Digest": name}
                return web.Response(body=data, headers=headers)
        return error(404, "UNSUPPORTED")


def error(status: int, code: str, message: str = "no", **headers: str) -> web.Response:
    """Return an answer with an error body (distribution-spec, "Error Codes")."""
    body = {"errors": [{"code": code, "message": message}]}
    return web.json_response(
        body, status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


@contextmanager
def serving(registry: EmulatedRegistry, tls: ssl.SSLContext | None = None) -> Iterator[EmulatedRegistry]:
    """Serve a registry on a free loopback port; its ``address`` says which."""

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", registry.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        return runner

    with start_blocking_portal() as portal:
        runner = portal.call(start)
        registry.address = f"localhost:{runner.addresses[0][1]}"
        try:
            yield registry
        finally:
            portal.call(runner.cleanup)
