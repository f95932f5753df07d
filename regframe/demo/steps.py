"""Dockerfiles as steps: read, filled in, and told as history and config tell them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

# Who wrote the history: docker's own builder, BuildKit, debuerreotype (Debian's base images).
Style = Literal["docker", "buildkit", "debuerreotype"]
COMMENTS: Mapping[Style, str] = {"buildkit": "buildkit.dockerfile.v0", "debuerreotype": "debuerreotype 0.15"}

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LINE = re.compile(r"(?P<size>\{\w+\}|[\d.]+[kM]?|~)?\s*(?P<instruction>[A-Z]+) (?P<arguments>.*)")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_UNITS = {"k": 1_000, "M": 1_000_000}
# What is filled in from these belongs to one release. Everything above the first of them is the same for all
# images on one base, as a build cache makes it.
_OF_ONE_RELEASE = frozenset({"build", "commit", "epoch", "os_version", "rootfs", "version"})
_SECONDS = {"s": 1, "m": 60}


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile, with its placeholders."""

    instruction: str
    arguments: str
    size: str | None
    listed: bool
    of_one_release: bool

    def layer_size(self, values: Mapping[str, str]) -> int | None:
        """Return the size of the layer on amd64, or ``None`` where the step makes none."""
        if self.size is None:
            return None
        text = fill(self.size, values)
        return round(float(text.rstrip("kM")) * _UNITS.get(text[-1], 1))


@cache
def read_dockerfile(text: str) -> tuple[Step, ...]:
    """Return the steps of one of :mod:`regframe.demo.dockerfiles`."""
    steps = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LINE.fullmatch(line)
        assert match, line
        size = match["size"]
        steps.append(
            Step(
                match["instruction"],
                match["arguments"],
                None if size == "~" else size,
                listed=size != "~",
                of_one_release=not _OF_ONE_RELEASE.isdisjoint(_PLACEHOLDER.findall(match["arguments"])),
            )
        )
    return tuple(steps)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return text with the names in braces filled in."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text) if "{" in text else text


def created_by(instruction: str, arguments: str, style: Style) -> str:
    """Return how a builder writes a step into the history."""
    if instruction == "RAW":
        return arguments
    if instruction == "RUN":
        return f"RUN /bin/sh -c {arguments} # buildkit" if style == "buildkit" else f"/bin/sh -c {arguments}"
    if instruction in ("ADD", "COPY"):
        if style == "buildkit":
            return f"{instruction} {arguments} # buildkit"
        source, _, target = arguments.rpartition(" ")
        return f"/bin/sh -c #(nop) {instruction} file:{hashlib.sha256(source.encode()).hexdigest()} in {target} "
    if style == "docker":
        return f"/bin/sh -c #(nop)  {instruction} {arguments.replace('/tcp', '')}"
    if instruction == "EXPOSE":
        return f"EXPOSE map[{' '.join(f'{port}:{{}}' for port in arguments.split())}]"
    return f"{instruction} {arguments}"


def execution_parameters(steps: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the ``config`` part of an image's config after these instructions and their arguments."""
    env = {"PATH": DEFAULT_PATH}
    config: dict[str, Any] = {}
    for instruction, arguments in steps:
        match instruction:
            case "ENV":
                env[arguments.partition("=")[0]] = arguments
            case "LABEL":
                name, _, value = arguments.partition("=")
                config.setdefault("Labels", {})[name] = value
            case "EXPOSE":
                config.setdefault("ExposedPorts", {}).update({port: {} for port in arguments.split()})
            case "VOLUME":
                config.setdefault("Volumes", {}).update({path: {} for path in json.loads(arguments)})
            case "ENTRYPOINT":
                config["Entrypoint"] = json.loads(arguments)
                config.pop("Cmd", None)
            case "CMD":
                config["Cmd"] = json.loads(arguments)
            case "USER" | "WORKDIR" | "STOPSIGNAL":
                config[{"USER": "User", "WORKDIR": "WorkingDir", "STOPSIGNAL": "StopSignal"}[instruction]] = arguments
            case "HEALTHCHECK":
                config["Healthcheck"] = _healthcheck(arguments)
    return {"Env": list(env.values()), **config}


def _healthcheck(arguments: str) -> dict[str, Any]:
    """Return a health check as configs have it: times in nanoseconds."""
    options, _, command = arguments.partition(" CMD ")
    check: dict[str, Any] = {"Test": ["CMD-SHELL", command]}
    for option in options.split():
        name, _, value = option.removeprefix("--").partition("=")
        key = name.title().replace("-", "")
        check[key] = int(value) if key == "Retries" else int(value[:-1]) * _SECONDS[value[-1]] * 1_000_000_000
    return check
