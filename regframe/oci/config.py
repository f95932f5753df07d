"""Image configs: what an image runs with, and the history of how it was built.

Sources: OCI image-spec 1.1 ``config.md``; Docker's image specification 1.2.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from regframe.oci.descriptor import Descriptor, Few, FewNamed, Platform, decode


class Healthcheck(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """How a container is checked (Docker image specification; times in nanoseconds)."""

    test: list[str] | None = None
    interval: int | None = None
    timeout: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    retries: int | None = None


class ExecutionParameters(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """The part named ``config``: what a container of the image starts with."""

    user: str | None = None
    exposed_ports: FewNamed[Any] | None = None
    env: Few[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    volumes: FewNamed[Any] | None = None
    working_dir: str | None = None
    labels: FewNamed[str] | None = None
    stop_signal: str | None = None
    healthcheck: Healthcheck | None = None
    shell: list[str] | None = None
    on_build: Few[str] | None = None


class Step(msgspec.Struct, frozen=True, gc=False):
    """One entry of the history: a step of the build, which made a layer unless ``empty_layer``."""

    created: str | None = None
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class RootFilesystem(msgspec.Struct, frozen=True, gc=False):
    """The digests of the unpacked layers, lowest first."""

    diff_ids: Few[str] | None = None


class ImageConfig(msgspec.Struct, frozen=True, gc=False, rename={"os_version": "os.version"}):
    """One image's config."""

    architecture: str = ""
    os: str = ""
    variant: str | None = None
    os_version: str | None = None
    created: str | None = None
    docker_version: str | None = None
    config: ExecutionParameters | None = None
    rootfs: RootFilesystem | None = None
    history: Few[Step] | None = None

    @property
    def platform(self) -> Platform:
        """What the image runs on."""
        return Platform(self.os, self.architecture, self.variant or None, self.os_version or None)

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the unpacked layers, lowest first."""
        return (self.rootfs.diff_ids if self.rootfs else None) or []


_decoder = msgspec.json.Decoder(ImageConfig)


def parse_config(data: bytes) -> ImageConfig:
    """Read an image config.

    Raises
    ------
    InvalidDocument
        If the bytes are not JSON or not of the types that the specification gives.
    """
    return decode(_decoder, data, "config")


def parse_time(text: str | None) -> datetime | None:
    """Read an RFC 3339 time to the microsecond; ``None`` for what is not one.

    >>> parse_time("2024-02-01T10:00:00.123456789Z")
    datetime.datetime(2024, 2, 1, 10, 0, 0, 123456, tzinfo=datetime.timezone.utc)
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is UTC:
            return time
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def layer_of_each_step(history: list[Step], layers: list[Descriptor]) -> list[int | None]:
    """Return for each step the position of the layer that it made.

    The steps that are not marked empty made the layers, in order (image-spec ``config.md``, "history"). Where the
    two counts differ, they are joined from the lowest layer on as far as both go.

    >>> layer_of_each_step([Step(), Step(empty_layer=True), Step()], [Descriptor("a", 1), Descriptor("b", 2)])
    [0, None, 1]
    """
    positions = iter(range(len(layers)))
    return [None if step.empty_layer else next(positions, None) for step in history]


def settings(config: ImageConfig) -> list[tuple[str, str | None, str | None]]:
    """Return the config as ``(section, name, value)``, one setting each, in a fixed order.

    Lists (entrypoint, cmd, shell, a health check's test) are JSON arrays, since an argument may hold spaces;
    a health check's times are in nanoseconds, as in the document.
    """
    run = config.config or ExecutionParameters()
    rows: list[tuple[str, str | None, str | None]] = []
    for variable in run.env or []:
        name, equals, value = variable.partition("=")
        rows.append(("env", name, value if equals else None))
    rows += [("label", name, value) for name, value in sorted((run.labels or {}).items())]
    rows += [("port", port, None) for port in sorted(run.exposed_ports or {})]
    rows += [("volume", volume, None) for volume in sorted(run.volumes or {})]
    for section, arguments in (("entrypoint", run.entrypoint), ("cmd", run.cmd), ("shell", run.shell)):
        if arguments:
            rows.append((section, None, _json(arguments)))
    rows += [("onbuild", None, instruction) for instruction in run.on_build or []]
    for section, text in (("user", run.user), ("workdir", run.working_dir), ("stop_signal", run.stop_signal)):
        if text:
            rows.append((section, None, text))
    if run.healthcheck is not None:
        for name, setting in msgspec.structs.asdict(run.healthcheck).items():
            if setting:
                rows.append(("healthcheck", name, _json(setting) if isinstance(setting, list) else str(setting)))
    return rows


def _json(value: list[str]) -> str:
    return msgspec.json.encode(value).decode()
