"""Where the engines are: what their own command lines look at, in the same order.

Sources: docker's "Environment variables" and "Docker contexts" (docs.docker.com), docker/cli's ``cli/context/store``;
podman-remote(1) and containers.conf(5), "ENGINE TABLE".
"""

from __future__ import annotations

import hashlib
import os
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from regframe.errors import ConfigurationError, NoConnection, printable
from regframe.target import Place

T = TypeVar("T")

_TCP_PORT, _TLS_PORT = 2375, 2376
_HOW_TO_START = {
    "docker-daemon": "start it (systemctl start docker, or Docker Desktop), or say with DOCKER_HOST where it is",
    "podman": "start it (systemctl --user start podman.socket, or: podman system service --time=0), "
    "or say with CONTAINER_HOST where it is",
}


@dataclass(frozen=True)
class Endpoint:
    """Where an engine listens.

    Attributes
    ----------
    host : str
        Its host and port; of a socket the engine's name, which stands in URLs.
    socket : Path or None
        Its unix socket.
    tls : ssl.SSLContext or None
        How it is spoken to over TLS, if it is.
    said_by : str
        Who named it; nothing if it was found where it usually is.
    """

    host: str
    socket: Path | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    said_by: str = ""


def endpoint_of(place: Place) -> Endpoint:
    """Return where an engine listens.

    Raises
    ------
    NoConnection
        If there is no socket where one usually is.
    ConfigurationError
        If a setting names no address, or one that regframe does not reach, or files that cannot be used.
    """
    named = _docker_setting() if place.transport == "docker-daemon" else _podman_setting()
    if named is not None and named.socket is None:
        return named
    if sys.platform == "win32":
        raise ConfigurationError("Python on Windows has no unix sockets: name the engine with DOCKER_HOST=tcp://….")
    if named is not None:
        return named
    engine = "docker" if place.transport == "docker-daemon" else "podman"
    sockets = list(_docker_sockets() if engine == "docker" else _podman_sockets())
    found = next((path for path in sockets if path.is_socket()), None)
    if found is not None:
        return Endpoint(engine, found)
    looked = ", ".join(str(path) for path in sockets)
    raise NoConnection(f"There is no socket of {_title(place)} here (looked for {looked}): {how_to_start(place)}.",
                       operation="connect")  # fmt: skip


def how_to_start(place: Place) -> str:
    """Return what to do where an engine does not run."""
    return _HOW_TO_START[place.transport]


def _title(place: Place) -> str:
    return "Docker" if place.transport == "docker-daemon" else "Podman"


def _docker_sockets() -> Iterator[Path]:
    yield Path("/var/run/docker.sock")
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "docker.sock"
    yield Path.home() / ".docker/run/docker.sock"
    yield Path.home() / ".docker/desktop/docker.sock"


def _podman_sockets() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    yield Path(runtime) / "podman/podman.sock"
    yield Path("/run/podman/podman.sock")
    if sys.platform == "darwin":
        # There Podman runs in a machine of its own.
        yield Path(tempfile.gettempdir()) / "podman/podman-machine-default-api.sock"
        yield Path.home() / ".local/share/containers/podman/machine/podman.sock"


def _docker_setting() -> Endpoint | None:
    if host := os.environ.get("DOCKER_HOST"):
        folder = os.environ.get("DOCKER_CERT_PATH")
        verify = bool(os.environ.get("DOCKER_TLS_VERIFY"))
        certificates = Path(folder) if folder else _docker_folder() if verify else None
        tls = _tls(certificates, verify=verify, said_by="DOCKER_CERT_PATH") if certificates else None
        return _endpoint(host, "docker", tls, "DOCKER_HOST")
    config = _read(_docker_folder() / "config.json", _DockerConfig) or _DockerConfig()
    context = os.environ.get("DOCKER_CONTEXT") or config.current_context
    return None if context in {"", "default"} else _of_context(context)


def _docker_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


class _DockerConfig(msgspec.Struct, rename="camel"):
    current_context: str = ""


class _DockerEndpoint(msgspec.Struct, rename="pascal"):
    host: str = ""
    skip_tls_verify: bool = msgspec.field(name="SkipTLSVerify", default=False)


class _Context(msgspec.Struct, rename="pascal"):
    endpoints: dict[str, _DockerEndpoint] = {}


def _of_context(name: str) -> Endpoint:
    said_by = f"the docker context “{printable(name)}”"
    folder = _docker_folder() / "contexts"
    identifier = hashlib.sha256(name.encode()).hexdigest()
    context = _read(folder / "meta" / identifier / "meta.json", _Context)
    if context is None:
        raise ConfigurationError(
            f"There is no docker context “{printable(name)}”; docker context ls lists those that there are."
        )
    endpoint = context.endpoints.get("docker", _DockerEndpoint())
    certificates = folder / "tls" / identifier / "docker"
    tls = None
    if certificates.is_dir() or endpoint.skip_tls_verify:
        tls = _tls(certificates, verify=not endpoint.skip_tls_verify, said_by=said_by)
    return _endpoint(endpoint.host, "docker", tls, said_by)


class _Destination(msgspec.Struct, rename="pascal"):
    uri: str = msgspec.field(name="URI", default="")


class _Connections(msgspec.Struct, rename="pascal"):
    default: str = ""
    connections: dict[str, _Destination] = {}


class _Service(msgspec.Struct):
    uri: str = ""


class _EngineTable(msgspec.Struct):
    active_service: str = ""
    service_destinations: dict[str, _Service] = {}


class _ContainersConf(msgspec.Struct):
    engine: _EngineTable = msgspec.field(default_factory=_EngineTable)


class _ConnectionsFile(msgspec.Struct, rename="pascal"):
    connection: _Connections = msgspec.field(default_factory=_Connections)


def _podman_setting() -> Endpoint | None:
    if host := os.environ.get("CONTAINER_HOST"):
        return _endpoint(host, "podman", None, "CONTAINER_HOST")
    found = dict(_podman_connections())
    asked = os.environ.get("CONTAINER_CONNECTION")
    name = asked or found.get("")
    # The default of a machine that Podman made leads into it by SSH, and it has a socket here besides.
    if not name or (not asked and found.get(name, "").startswith("ssh:")):
        return None
    if name not in found:
        raise ConfigurationError(
            f"Podman has no connection “{printable(name)}”: podman system connection list shows which there are."
        )
    return _endpoint(found[name], "podman", None, f"Podman's connection “{printable(name)}”")


def _podman_connections() -> Iterator[tuple[str, str]]:
    """Yield the name and the URI of each connection, and the default's name under an empty one; the last one counts."""
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "containers"
    override = os.environ.get("CONTAINERS_CONF")
    for path in [Path(override)] if override else [Path("/etc/containers/containers.conf"), own / "containers.conf"]:
        engine = (_read(path, _ContainersConf, msgspec.toml.decode) or _ContainersConf()).engine
        yield from ((name, service.uri) for name, service in engine.service_destinations.items())
        if engine.active_service:
            yield "", engine.active_service
    read = (_read(own / "podman-connections.json", _ConnectionsFile) or _ConnectionsFile()).connection
    yield from ((name, destination.uri) for name, destination in read.connections.items())
    if read.default:
        yield "", read.default


def _read(path: Path, kind: type[T], decode: Callable[..., T] = msgspec.json.decode) -> T | None:
    """Return what a file says; nothing if it is not there."""
    try:
        return decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {printable(str(error))}.") from None


def _endpoint(address: str, engine: str, tls: ssl.SSLContext | None, said_by: str) -> Endpoint:
    """Read an address such as ``unix:///run/docker.sock`` or ``tcp://host:2376``."""
    scheme, separator, rest = address.partition("://")
    shown = printable(_without_user(address))
    if not separator:
        raise ConfigurationError(f"{said_by} says “{shown}”, which is no address; one is unix:///run/docker.sock.")
    if scheme == "unix":
        return Endpoint(engine, Path(unquote(rest)), said_by=said_by)
    if scheme not in {"tcp", "http", "https"}:
        way_out = "; forward its socket with ssh -nNT -L /tmp/engine.sock:SOCKET USER@HOST, and name that with unix://"
        raise ConfigurationError(
            f"{said_by} says “{shown}”, and regframe reaches engines by unix://, tcp:// and https:// only"
            f"{way_out if scheme == 'ssh' else ''}."
        )
    try:
        url = urlsplit(address)
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host:
        raise ConfigurationError(f"{said_by} says “{shown}”, which names no host.")
    if scheme == "https" and tls is None:
        tls = ssl.create_default_context()
    name = f"[{host}]" if ":" in host else host
    return Endpoint(f"{name}:{port or (_TLS_PORT if tls else _TCP_PORT)}", tls=tls, said_by=said_by)


def _without_user(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else address.rpartition("@")[2]


def _tls(folder: Path, *, verify: bool, said_by: str) -> ssl.SSLContext:
    """Return how TLS is spoken with docker's ``ca.pem``, and with ``cert.pem`` and ``key.pem`` as one's own."""
    if not folder.is_dir() and verify:
        raise ConfigurationError(f"There is no folder {folder}, which {said_by} names for certificates.")
    authority, certificate, key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    try:
        # With an authority of its own, docker believes no other.
        context = ssl.create_default_context(cafile=authority if verify and authority.is_file() else None)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate.is_file():
            context.load_cert_chain(certificate, key)
    except OSError:
        raise ConfigurationError(
            f"{folder}, named by {said_by}, does not hold a ca.pem, cert.pem and key.pem that can be used."
        ) from None
    return context
