"""Documents that registries hold and that no tool here makes, pushed over the registry's own API."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.registry_server import RegistryServer

_OCI = "application/vnd.oci.image"
_DOCKER = "application/vnd.docker"

# Repository -> tags. ``shapes/signed`` has one more, "sha256-….sig" with the digest of its image.
# skopeo inspects all of them but the artifact, of which it gives --raw only.
SAMPLE_SHAPES: dict[str, tuple[str, ...]] = {
    "shapes/artifact": ("1.0",),
    "shapes/attested": ("1.0",),
    "shapes/empty": (),
    "shapes/foreign": ("1.0",),
    "shapes/nested": ("1.0",),
    "shapes/signed": ("1.0",),
    "shapes/undated": ("1.0",),
}


class Pusher:
    """Pushes blobs and manifests, as they are, to one repository."""

    def __init__(self, client: httpx.Client, repository: str) -> None:
        self._client = client
        self._base = f"/v2/{repository}"

    def blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        """Push a blob and return its descriptor."""
        descriptor = _descriptor(content, media_type)
        upload = self._client.post(f"{self._base}/blobs/uploads/").raise_for_status()
        location = httpx.URL(upload.headers["Location"]).copy_merge_params({"digest": descriptor["digest"]})
        self._client.put(location, content=content).raise_for_status()
        return descriptor

    def manifest(self, document: dict[str, Any], tag: str | None = None) -> dict[str, Any]:
        """Push a manifest or an index, by tag or else by digest, and return its descriptor."""
        content = json.dumps({"schemaVersion": 2} | document).encode()
        descriptor = _descriptor(content, document["mediaType"])
        self._client.put(
            f"{self._base}/manifests/{tag or descriptor['digest']}",
            content=content,
            headers={"Content-Type": document["mediaType"]},
        ).raise_for_status()
        return descriptor

    def index(self, manifests: list[dict[str, Any]], tag: str | None = None) -> dict[str, Any]:
        """Push an OCI index of these descriptors and return its own."""
        return self.manifest({"mediaType": f"{_OCI}.index.v1+json", "manifests": manifests}, tag)

    def image(self, tag: str | None = None, *, layers: int = 1, **config: Any) -> dict[str, Any]:
        """Push a small OCI image for linux/amd64 and return its descriptor.

        Parameters
        ----------
        tag : str, optional
            Its tag; without one it is pushed by digest.
        layers : int
            How many layers it has, of one file each.
        **config : Any
            What its config says beside its platform and diff IDs, such as ``created`` and ``history``.
        """
        archives = [_tar(f"file{number}", f"content {number}\n".encode()) for number in range(layers)]
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(archive) for archive in archives]},
        } | config
        return self.manifest(
            {
                "mediaType": f"{_OCI}.manifest.v1+json",
                "config": self.blob(json.dumps(document).encode(), f"{_OCI}.config.v1+json"),
                "layers": [
                    self.blob(gzip.compress(archive, mtime=0), f"{_OCI}.layer.v1.tar+gzip") for archive in archives
                ],
            },
            tag,
        )


@contextmanager
def pushing(registry: RegistryServer, repository: str) -> Iterator[Pusher]:
    """Give a `Pusher` for a repository of a registry that takes pushes and asks for no token."""
    auth = (registry.username, registry.password or "") if registry.username else None
    with httpx.Client(base_url=registry.url, auth=auth, verify=False, trust_env=False) as client:
        yield Pusher(client, repository)


def push_shapes(registry: RegistryServer) -> None:
    """Push one repository for each shape of `SAMPLE_SHAPES`.

    ``shapes/artifact:1.0``
        An artifact: ``artifactType``, the empty config, one layer of text, an untagged image as its subject.
    ``shapes/attested:1.0``
        An index of a linux/amd64 image and of a build attestation for ``unknown/unknown``.
    ``shapes/empty``
        In the catalog, without any tag.
    ``shapes/foreign:1.0``
        A Docker image with a foreign layer, which is not in the registry, below one that is.
    ``shapes/nested:1.0``
        An index inside an index.
    ``shapes/signed:1.0`` and ``shapes/signed:sha256-….sig``
        An image and its cosign signature.
    ``shapes/undated:1.0``
        A config without dates, and with fewer steps in its history than there are layers.
    """
    created = "2024-05-06T07:08:09.123456789Z"
    linux = {"platform": {"architecture": "amd64", "os": "linux"}}
    with pushing(registry, "shapes/artifact") as push:
        _push_artifact(push, subject=push.image(created=created))
    with pushing(registry, "shapes/attested") as push:
        image = push.image(created=created)
        push.index([image | linux, _push_attestation(push, image)], "1.0")
    with pushing(registry, "shapes/empty") as push:
        push.blob(b"never used", "application/octet-stream")
    with pushing(registry, "shapes/foreign") as push:
        _push_foreign(push, created)
    with pushing(registry, "shapes/nested") as push:
        push.index([push.index([push.image(created=created) | linux])], "1.0")
    with pushing(registry, "shapes/signed") as push:
        _push_signature(push, push.image("1.0", created=created))
    with pushing(registry, "shapes/undated") as push:
        push.image("1.0", layers=2, history=[{"created_by": "COPY file0 /"}])


def _push_artifact(push: Pusher, subject: dict[str, Any]) -> None:
    push.manifest(
        {
            "mediaType": f"{_OCI}.manifest.v1+json",
            "artifactType": "application/vnd.example.report",
            "config": push.blob(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [push.blob(b"all is well\n", "text/plain")],
            "subject": subject,
        },
        "1.0",
    )


def _push_attestation(push: Pusher, image: dict[str, Any]) -> dict[str, Any]:
    """Push what BuildKit adds to an index for each image, and return its descriptor there."""
    config = {"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers"}}
    statement = {"_type": "https://in-toto.io/Statement/v0.1", "subject": [], "predicate": {}}
    layer = push.blob(json.dumps(statement).encode(), "application/vnd.in-toto+json")
    attestation = push.manifest(
        {
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": push.blob(json.dumps(config).encode(), f"{_OCI}.config.v1+json"),
            "layers": [layer | {"annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}}],
        }
    )
    return attestation | {
        "annotations": {
            "vnd.docker.reference.digest": image["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }


def _push_foreign(push: Pusher, created: str) -> None:
    base, own = b"a base that may not be given away", _tar("program.exe", b"MZ")
    foreign = _descriptor(base, f"{_DOCKER}.image.rootfs.foreign.diff.tar.gzip")
    config = {
        "architecture": "amd64",
        "os": "windows",
        "os.version": "10.0.20348.2402",
        "created": created,
        "config": {"Cmd": ["program.exe"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(base), _digest(own)]},
        "history": [
            {"created": created, "created_by": "Apply image 10.0.20348.2402"},
            {"created": created, "created_by": "COPY program.exe /"},
        ],
    }
    push.manifest(
        {
            "mediaType": f"{_DOCKER}.distribution.manifest.v2+json",
            "config": push.blob(json.dumps(config).encode(), f"{_DOCKER}.container.image.v1+json"),
            "layers": [
                foreign | {"urls": ["https://example.com/base"]},
                push.blob(gzip.compress(own, mtime=0), f"{_DOCKER}.image.rootfs.diff.tar.gzip"),
            ],
        },
        "1.0",
    )


def _push_signature(push: Pusher, image: dict[str, Any]) -> None:
    """Push a signature of an image as cosign does: an image beside it, found by its tag."""
    payload = {"critical": {"image": {"docker-manifest-digest": image["digest"]}}}
    config = {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}
    layer = push.blob(json.dumps(payload).encode(), "application/vnd.dev.cosign.simplesigning.v1+json")
    push.manifest(
        {
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": push.blob(json.dumps(config).encode(), f"{_OCI}.config.v1+json"),
            "layers": [layer | {"annotations": {"dev.cosignproject.cosign/signature": "MEUCIQ=="}}],
        },
        image["digest"].replace(":", "-") + ".sig",
    )


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _tar(name: str, content: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
