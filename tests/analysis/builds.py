"""Images that buildah builds on one another, in a real registry."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.parts import RegistryServer, copy_to_registry, missing, needs, pushing, run
from tests.parts.shapes import push_shapes

_BASE = """
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV BASE=1
{more}
CMD ["/bin/sh"]
"""
_APP = """
FROM {base}
RUN echo one > /made.txt
COPY program /program
ENV MODE=first
LABEL gone=yes
CMD ["/program"]
"""
_NEW_APP = """
FROM {base}
RUN echo two, and more of it > /made.txt
COPY program /program
COPY notes.txt /app/
ENV MODE=second
EXPOSE 8080
CMD ["/program"]
"""


def push_builds(registry: RegistryServer) -> None:
    """Build images and push them to a registry that takes pushes.

    ``base:1.0``
        Two layers.
    ``base:1.1``
        The same, and a third on top.
    ``app:1.0``
        On base:1.0: a command, a copied file.
    ``app:1.1``, ``app:latest``
        On base:1.1: the command changed, the same file, another file; other settings.
    ``web:1.0``
        On base:1.0 as pulled from the registry, which its annotations name; in one layer.
    """
    buildah = needs("buildah")
    with tempfile.TemporaryDirectory(prefix="builds-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        context = _context(folder / "context")
        store = (f"--root={folder / 'root'}", f"--runroot={folder / 'run'}", "--storage-driver=vfs")

        def build(name: str, dockerfile: str, *flags: str) -> None:
            file, image = folder / "Dockerfile", f"dir:{folder / 'images' / name}"
            file.write_text(dockerfile.lstrip())
            options = ("--isolation=chroot", "--format=oci", "--tls-verify=false", f"--tag=localhost/{name}")
            run(buildah, *store, "bud", *options, *flags, f"--file={file}", context)
            run(buildah, *store, "push", "--quiet", f"localhost/{name}", image)
            copy_to_registry(registry, image, name, "--format=oci")

        (folder / "images").mkdir()
        try:
            build("base:1.0", _BASE.format(more=""), "--layers")
            build("base:1.1", _BASE.format(more="COPY notes.txt /share/"), "--layers")
            build("app:1.0", _APP.format(base="localhost/base:1.0"), "--layers")
            build("app:1.1", _NEW_APP.format(base="localhost/base:1.1"), "--layers")
            build("web:1.0", _APP.format(base=f"{registry.address}/base:1.0"))
        except RuntimeError as error:
            missing(f"buildah cannot build here: {error}")
        copy_to_registry(registry, f"dir:{folder / 'images' / 'app:1.1'}", "app:latest", "--format=oci")
        copy_to_registry(registry, f"dir:{folder / 'images' / 'app:1.0'}", "legacy/app:1.0", "--format=v2s1")


def push_odd_shapes(registry: RegistryServer) -> None:
    """Push the sample shapes, and ``team/multi:1.0``: an index whose images share layers."""
    push_shapes(registry)
    with pushing(registry, "team/multi") as push:
        platforms = [{"architecture": name, "os": "linux"} for name in ("amd64", "arm64")]
        images = [push.image(layers=count, **platform) for count, platform in zip((2, 3), platforms, strict=True)]
        push.index([image | {"platform": platform} for image, platform in zip(images, platforms, strict=True)], "1.0")


def _context(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(needs("busybox", "busybox-static"), folder / "busybox")
    (folder / "notes.txt").write_text("notes\n" * 500)
    (folder / "program").write_text("a program\n")
    return folder
