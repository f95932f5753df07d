"""A Docker engine's answers over a real socket: the shapes that Docker's API documents, as two engines give them.

Sources: Docker Engine API 1.41 (the classic store) and 1.51 (containerd's store): ``ImageSummary``, ``ImageInspect``,
``HistoryResponseItem``, ``ImageManifestSummary``; moby's ``daemon/containerd/image_inspect.go``.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


def digest(letter: str) -> str:
    """Return a digest of one repeated letter."""
    return f"sha256:{64 * letter}"


@dataclass
class DockerEngine:
    """What the engine answers, by path (with the query where it matters, and without the API's version).

    Attributes
    ----------
    version : str
        The newest version of the API that it speaks.
    answers : dict
        JSON for each path; bytes are sent as they are, and a status stands before what is refused.
    seen : list of str
        The paths that were asked for, with version and query.
    """

    version: str = "1.41"
    answers: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    address: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.seen.append(request.path_qs)
        path = re.sub(r"^/v[\d.]+", "", request.path)
        if path == "/_ping":
            return web.Response(text="OK", headers={"Api-Version": self.version, "Server": "Docker", **self.headers})
        asked = f"{path}?platform={request.query['platform']}" if "platform" in request.query else path
        found = self.answers.get(asked, self.answers.get(path, (404, {"message": f"No such image: {path}"})))
        status, found = found if isinstance(found, tuple) else (200, found)
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        return web.Response(body=body, status=status, content_type="application/json")


@contextmanager
def serving_docker(engine: DockerEngine, tls: ssl.SSLContext | None = None) -> Iterator[DockerEngine]:
    """Serve an engine on a unix socket, or with TLS on a loopback port; its ``address`` says where."""

    async def start(path: Path) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", engine.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls) if tls else web.UnixSite(runner, path)
        await site.start()
        return runner

    with tempfile.TemporaryDirectory(prefix="docker-") as folder, start_blocking_portal() as portal:
        path = Path(folder, "docker.sock")
        runner = portal.call(start, path)
        engine.address = f"tcp://localhost:{runner.addresses[0][1]}" if tls else f"unix://{path}"
        try:
            yield engine
        finally:
            portal.call(runner.cleanup)


# The classic store: the ID is the digest of the config. WORKDIR made an empty layer, and USER made none.
CLASSIC_INSPECT = {
    "Id": digest("c"),
    "RepoTags": ["team/app:1.0", "quay.io/team/app:stable"],
    "RepoDigests": [f"team/app@{digest('a')}", f"quay.io/team/app@{digest('b')}"],
    "Parent": "",
    "Comment": "buildkit.dockerfile.v0",
    "Created": "2024-02-01T10:00:00.123456789Z",
    "Container": "",
    "ContainerConfig": {"Hostname": "", "Env": None, "Cmd": None, "Labels": None},
    "DockerVersion": "20.10.24",
    "Author": "",
    "Config": {
        "Hostname": "",
        "Domainname": "",
        "User": "1000:1000",
        "AttachStdin": False,
        "ExposedPorts": {"8080/tcp": {}},
        "Env": ["PATH=/usr/bin", "GREETING=a = b"],
        "Cmd": ["httpd", "-f"],
        "Image": "",
        "Volumes": None,
        "WorkingDir": "/app",
        "Entrypoint": ["/bin/busybox"],
        "OnBuild": None,
        "Labels": {"maintainer": "team"},
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30000000000, "Retries": 2},
    },
    "Architecture": "arm64",
    "Variant": "v8",
    "Os": "linux",
    "Size": 2_003_000,
    "VirtualSize": 2_003_000,
    "GraphDriver": {"Data": {"MergedDir": "/var/lib/docker/overlay2/x/merged"}, "Name": "overlay2"},
    "RootFS": {"Type": "layers", "Layers": [digest("1"), digest("2"), digest("3")]},
    "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
}
CLASSIC_HISTORY = [
    {"Id": digest("c"), "Created": 1706781600, "CreatedBy": 'CMD ["httpd" "-f"]', "Tags": ["team/app:1.0"], "Size": 0,
     "Comment": "buildkit.dockerfile.v0"},
    {"Id": "<missing>", "Created": 1706781600, "CreatedBy": "USER 1000:1000", "Tags": None, "Size": 0, "Comment": ""},
    {"Id": "<missing>", "Created": 1706781600, "CreatedBy": "COPY notes.txt /app/ # buildkit", "Tags": None,
     "Size": 3000, "Comment": "buildkit.dockerfile.v0"},
    {"Id": "<missing>", "Created": 1706781500, "CreatedBy": "WORKDIR /app", "Tags": None, "Size": 0, "Comment": ""},
    {"Id": "<missing>", "Created": 1706695200, "CreatedBy": "/bin/sh -c #(nop)  ENV PATH=/usr/bin", "Tags": None,
     "Size": 0, "Comment": ""},
    {"Id": "<missing>", "Created": 1706695200, "CreatedBy": "/bin/sh -c #(nop) ADD file:0123 in / ", "Tags": None,
     "Size": 2_000_000, "Comment": ""},
]  # fmt: skip
_SUMMARY = {"Containers": -1, "Created": 1706781600, "Labels": None, "ParentId": "", "SharedSize": -1, "Size": 1}
CLASSIC = {
    "/version": {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux"},
    "/info": {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"], ["Native Overlay Diff", "true"]]},
    "/images/json": [
        {**_SUMMARY, "Id": digest("c"), "RepoTags": CLASSIC_INSPECT["RepoTags"],
         "RepoDigests": CLASSIC_INSPECT["RepoDigests"]},
        {**_SUMMARY, "Id": digest("d"), "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
        {**_SUMMARY, "Id": digest("e"), "RepoTags": None, "RepoDigests": [f"busybox@{digest('f')}"]},
    ],
    **{f"/images/{name}/json": CLASSIC_INSPECT for name in
       ("docker.io/team/app:1.0", "quay.io/team/app:stable", f"docker.io/team/app@{digest('a')}")},
    **{f"/images/{name}/history": CLASSIC_HISTORY for name in
       ("docker.io/team/app:1.0", "quay.io/team/app:stable", f"docker.io/team/app@{digest('a')}")},
    f"/images/{digest('d')}/json": {"Id": digest("d"), "RepoTags": [], "RepoDigests": [], "Architecture": "amd64",
                                    "Os": "linux", "RootFS": {"Type": "layers"}},
    f"/images/{digest('d')}/history": [],
    f"/images/docker.io/library/busybox@{digest('f')}/json": {
        "Id": digest("e"), "RepoTags": [], "RepoDigests": [f"busybox@{digest('f')}"], "Architecture": "amd64",
        "Os": "linux", "RootFS": {"Type": "layers", "Layers": [digest("4")]}},
    f"/images/docker.io/library/busybox@{digest('f')}/history": [
        {"Id": digest("e"), "Created": -62135596800, "CreatedBy": "ADD rootfs.tar /", "Tags": None, "Size": 4_000_000,
         "Comment": ""}],
}  # fmt: skip

# containerd's store: the ID is the digest of the index, and each platform is asked for.
_AMD64 = '{"os":"linux","architecture":"amd64"}'
_ARM = '{"os":"linux","architecture":"arm","variant":"v7"}'
_INDEX = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest("a"), "size": 1609}


def _entry(letter: str, platform: str) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(letter), "size": 480,
            "platform": json.loads(platform)}  # fmt: skip


def _part(letter: str, platform: str, **changes: Any) -> dict[str, Any]:
    size = {"Total": 4100, "Content": 1100}
    return {"ID": digest(letter), "Descriptor": _entry(letter, platform), "Available": True, "Size": size,
            "Kind": "image", "ImageData": {"Platform": json.loads(platform), "Containers": [],
                                           "Size": {"Unpacked": 3000}}, **changes}  # fmt: skip


def _inspect(descriptor: dict[str, Any], architecture: str, layer: str, **changes: Any) -> dict[str, Any]:
    return {
        "Id": descriptor["digest"],
        "RepoTags": ["team/multi:1.0"],
        "RepoDigests": [f"team/multi@{digest('a')}"],
        "Comment": "",
        "Created": "2025-03-04T05:06:07Z",
        "Config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]},
        "Architecture": architecture,
        "Os": "linux",
        "Size": 1100,
        "GraphDriver": {"Data": None, "Name": "overlayfs"},
        "RootFS": {"Type": "layers", "Layers": [digest(layer)]},
        "Metadata": {"LastTagTime": "2025-03-05T00:00:00Z"},
        "Descriptor": descriptor,
        **changes,
    }


_STEP = {"Id": "<missing>", "Created": 1741064767, "CreatedBy": "ADD rootfs.tar / # buildkit", "Tags": None,
         "Size": 3000, "Comment": "buildkit.dockerfile.v0"}  # fmt: skip
_MULTI = "/images/docker.io/team/multi:1.0"
_ATTESTATION = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest("9"), "size": 566}
CONTAINERD = {
    "/version": {"Version": "28.3.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24", "Os": "linux"},
    "/info": {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]},
    "/images/json": [{**_SUMMARY, "Id": digest("a"), "RepoTags": ["team/multi:1.0"],
                      "RepoDigests": [f"team/multi@{digest('a')}"], "Descriptor": _INDEX}],
    f"{_MULTI}/json": _inspect(_INDEX, "amd64", "1", Manifests=[
        _part("b", _AMD64),
        _part("c", _ARM),
        _part("d", '{"os":"linux","architecture":"s390x"}', Available=False),
        {"ID": digest("9"), "Descriptor": _ATTESTATION, "Available": True, "Size": {"Total": 566, "Content": 566},
         "Kind": "attestation", "AttestationData": {"For": digest("b")}},
    ]),
    f"{_MULTI}/json?platform={_AMD64}": _inspect(_entry("b", _AMD64), "amd64", "1"),
    f"{_MULTI}/json?platform={_ARM}": _inspect(_entry("c", _ARM), "arm", "2", Variant="v7"),
    f"{_MULTI}/history": [_STEP],
    f"{_MULTI}/history?platform={_ARM}": [{**_STEP, "Size": 2500}],
}  # fmt: skip
