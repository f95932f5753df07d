"""skopeo, used on a registry server of the tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.parts.programs import needs, run

if TYPE_CHECKING:
    from tests.parts.registry_server import RegistryServer


def skopeo(registry: RegistryServer, command: str, target: str, *flags: str, platform: str | None = None) -> Any:
    """Run skopeo on a repository or reference of the registry and return the JSON that it prints.

    Parameters
    ----------
    registry : RegistryServer
        Whose address, user and password are used; not its certificate: skopeo takes none without SAN.
    command : str
        ``"inspect"`` or ``"list-tags"``.
    target : str
        ``"app"``, ``"app:1.0"`` or ``"app@sha256:…"``.
    *flags : str
        Such as ``"--config"`` or ``"--raw"``.
    platform : str, optional
        ``"linux/arm/v7"``: which image of an index to read. skopeo takes this machine's when it is not given.
    """
    access = ["--tls-verify=false", *_credentials(registry)]
    options = _platform_options(platform) if platform else []
    reference = f"docker://{registry.address}/{target}"
    return json.loads(run(needs("skopeo"), *options, command, *access, *flags, reference))


def copy_to_registry(registry: RegistryServer, source: str, target: str, *flags: str) -> None:
    """Push an image with ``skopeo copy``.

    Parameters
    ----------
    registry : RegistryServer
        Where to.
    source : str
        In skopeo's words: ``"oci:FOLDER:NAME"``, ``"dir:FOLDER"``, ``"docker-archive:FILE"``.
    target : str
        ``"app:1.0"``.
    *flags : str
        Such as ``"--format=v2s2"``, ``"--all"``.
    """
    access = ["--dest-tls-verify=false", *(flag.replace("--", "--dest-") for flag in _credentials(registry))]
    reference = f"docker://{registry.address}/{target}"
    run(needs("skopeo"), "copy", "--quiet", *access, *flags, source, reference)


def _credentials(registry: RegistryServer) -> list[str]:
    return [f"--creds={registry.username}:{registry.password}"] if registry.username else ["--no-creds"]


def _platform_options(platform: str) -> list[str]:
    names = ("--override-os", "--override-arch", "--override-variant")
    return [f"{name}={value}" for name, value in zip(names, platform.split("/"), strict=False)]
