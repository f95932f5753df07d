"""One real image in every place on this machine where an image can be."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.parts import missing, needs, run

if TYPE_CHECKING:
    from pathlib import Path

NAME = "localhost/team/app"
TAG = "1.0"

_DOCKERFILE = """
FROM scratch
LABEL org.opencontainers.image.title="app" maintainer="team"
COPY busybox /bin/busybox
ENV PATH=/bin LANG=C.UTF-8 EMPTY=
RUN ["/bin/busybox", "mkdir", "-p", "/data/pages"]
COPY notes.txt /data/
EXPOSE 8080/tcp 9090/udp
VOLUME /data
WORKDIR /data
USER 1000:1000
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/busybox"]
CMD ["httpd", "-f", "-p", "8080"]
"""


@dataclass(frozen=True)
class Places:
    """Where the image is: a store of podman's and the folder with copies that skopeo made."""

    folder: Path

    @property
    def store(self) -> list[str]:
        """The options that name the store for buildah and podman."""
        return [f"--root={self.folder / 'root'}", f"--runroot={self.folder / 'run'}", "--storage-driver=vfs"]

    @property
    def stored(self) -> str:
        """The image in the store, as skopeo names it."""
        return f"containers-storage:[vfs@{self.folder / 'root'}+{self.folder / 'run'}]{NAME}:{TAG}"

    def copy(self, target: str, *flags: str) -> str:
        """Copy the image to a place that skopeo writes, and return the place."""
        run(needs("skopeo"), "copy", "--quiet", *flags, self.stored, target)
        return target


def build_places(folder: Path) -> Places:
    """Build the image into a store of its own below a folder."""
    buildah = needs("buildah")
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(_DOCKERFILE.lstrip())
    (context / "notes.txt").write_text("notes\n" * 1000)
    shutil.copy(needs("busybox", "busybox-static"), context / "busybox")
    places = Places(folder)
    try:
        run(buildah, *places.store, "bud", "--layers", "--isolation=chroot", f"--tag={NAME}:{TAG}", context)
    except RuntimeError as error:
        missing(f"buildah cannot build here: {error}")
    return places
