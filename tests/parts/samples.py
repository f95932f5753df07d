"""Real images: built by buildah from Dockerfiles, pushed by skopeo in each format."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.parts.programs import missing, needs, run
from tests.parts.shapes import SAMPLE_SHAPES, push_shapes
from tests.parts.skopeo_client import copy_to_registry

if TYPE_CHECKING:
    from tests.parts.registry_server import RegistryServer

__all__ = ["SAMPLE_IMAGES", "SAMPLE_PLATFORMS", "SAMPLE_SHAPES", "push_sample_images"]

# Repository -> tags. All are read by ``skopeo inspect``, with and without --config and --raw.
SAMPLE_IMAGES: dict[str, tuple[str, ...]] = {
    "app": ("1.0-oci", "1.0-v2s2", "1.0-zstd", "latest"),
    "legacy/app": ("1.0",),
    "team/multi": ("1.0", "1.0-oci"),
    "team/reproducible": ("1.0",),
}

# Of both tags of team/multi. Their order in the index is that in which buildah came to them.
SAMPLE_PLATFORMS = ("linux/amd64", "linux/arm/v7", "linux/arm64/v8")

_APP = r"""
FROM scratch
LABEL org.opencontainers.image.title="app" description="quotes \" and = signs, naïve 文字"
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV APP_HOME=/app GREETING="a = b, c"
WORKDIR /app
COPY notes.txt /app/
ADD pages.tar /app/pages/
ARG REVISION=unknown
RUN echo "made by a step" > /app/made.txt && rm /app/notes.txt
EXPOSE 8080/tcp 9090/udp
VOLUME /app/data
USER 1000:1000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=3s --retries=2 CMD ["/bin/busybox", "true"]
ENTRYPOINT ["/bin/busybox"]
CMD ["httpd", "-f", "-p", "8080"]
"""

_MULTI = """
FROM scratch
ARG TARGETARCH
COPY ${TARGETARCH}/program /bin/program
COPY notes.txt /share/
ENV BUILT_FOR=${TARGETARCH}
ENTRYPOINT ["/bin/program"]
"""

_REPRODUCIBLE = """
FROM scratch
COPY notes.txt /
CMD ["/notes.txt"]
"""


def push_sample_images(registry: RegistryServer) -> None:
    """Build the sample images and push them, and the sample shapes, to a registry that takes pushes.

    Afterwards it holds the repositories and tags of `SAMPLE_IMAGES` and `SAMPLE_SHAPES`:

    ``app:1.0-v2s2``, ``app:latest``
        Two tags of one Docker image, with five layers, a health check and an empty step of each kind.
    ``app:1.0-oci``, ``app:1.0-zstd``
        The same as OCI images, the latter with layers compressed by zstd.
    ``legacy/app:1.0``
        The same as a signed schema 1 manifest.
    ``team/multi:1.0``, ``team/multi:1.0-oci``
        An index of `SAMPLE_PLATFORMS`, as Docker manifest list and as OCI index.
    ``team/reproducible:1.0``
        An OCI image of which every date is 1970-01-01.
    """
    with tempfile.TemporaryDirectory(prefix="sample-images-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        app, multi, reproducible = _build_all(folder)
        # Without --preserve-digests skopeo takes the gzip layers, which the registry has, for these.
        zstd = f"oci:{folder / 'zstd'}:app"
        run(needs("skopeo"), "copy", "--quiet", "--format=oci", "--dest-compress-format=zstd", app, zstd)
        copy_to_registry(registry, app, "app:1.0-v2s2", "--format=v2s2")
        copy_to_registry(registry, app, "app:latest", "--format=v2s2")
        copy_to_registry(registry, app, "app:1.0-oci", "--format=oci")
        copy_to_registry(registry, zstd, "app:1.0-zstd", "--preserve-digests")
        copy_to_registry(registry, app, "legacy/app:1.0", "--format=v2s1")
        copy_to_registry(registry, multi, "team/multi:1.0", "--all", "--format=v2s2")
        copy_to_registry(registry, multi, "team/multi:1.0-oci", "--all", "--format=oci")
        copy_to_registry(registry, reproducible, "team/reproducible:1.0", "--format=oci")
    push_shapes(registry)


def _build_all(folder: Path) -> tuple[str, str, str]:
    """Build the images and return where skopeo finds each: app, multi, reproducible."""
    buildah = needs("buildah")
    context = _context(folder / "context")

    def build(name: str, *flags: str) -> str:
        # A store in the folder leaves the machine's own alone, and the builds do not wait for each other.
        # vfs and chroot work inside a container too.
        store = (
            f"--root={folder / name / 'root'}",
            f"--runroot={folder / name / 'run'}",
            "--storage-driver=vfs",
        )
        options = ("--layers", "--isolation=chroot", "--format=docker", f"--manifest={name}", *flags)
        image = f"dir:{folder / name / 'image'}"
        run(buildah, *store, "bud", *options, f"--file={context / name}", context)
        run(buildah, *store, "manifest", "push", "--quiet", "--all", name, image)
        return image

    # buildah mostly waits: it gives each layer a second of its own.
    with ThreadPoolExecutor() as pool:
        builds = [
            pool.submit(build, "app"),
            # From its cache buildah would take one platform's image for another.
            pool.submit(build, "multi", "--no-cache", f"--platform={','.join(SAMPLE_PLATFORMS)}"),
            pool.submit(build, "reproducible", "--timestamp=0"),
        ]
    try:
        app, multi, reproducible = (built.result() for built in builds)
    except RuntimeError as error:
        missing(f"buildah cannot build here: {error}")
    return app, multi, reproducible


def _context(folder: Path) -> Path:
    """Write the Dockerfiles and the files that they copy."""
    for platform in SAMPLE_PLATFORMS:
        architecture = platform.split("/")[1]
        program = folder / architecture / "program"
        program.parent.mkdir(parents=True)
        program.write_text(f"a program for {architecture}\n")
    for name, dockerfile in {"app": _APP, "multi": _MULTI, "reproducible": _REPRODUCIBLE}.items():
        (folder / name).write_text(dockerfile.lstrip())
    (folder / "notes.txt").write_text("notes\n" * 100)
    shutil.copy(needs("busybox", "busybox-static"), folder / "busybox")
    with tarfile.open(folder / "pages.tar", "w") as pages:
        pages.add(folder / "notes.txt", "pages/notes.txt")
    return folder
