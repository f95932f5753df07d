"""Debian's docker-registry, run on a free loopback port."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bcrypt

from tests.parts.programs import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.certificates import Certificate
    from tests.parts.token_server import TokenServer

USERNAME = "myuser"
PASSWORD = "mypass123"

_START_SECONDS = 20
_STOP_SECONDS = 10


@dataclass(frozen=True)
class RegistryServer:
    """A running registry, and what a client needs to use it.

    Attributes
    ----------
    address : str
        ``localhost:PORT``.
    storage : Path
        The folder of its documents, which several servers may share.
    ca : Path or None
        The certificate to trust; ``None`` for plain HTTP.
    username, password : str or None
        Who may read; ``None`` where everybody may.
    log_file : Path
        What the server wrote, access log included.
    """

    address: str
    storage: Path
    ca: Path | None
    username: str | None
    password: str | None
    log_file: Path

    @property
    def url(self) -> str:
        """``http://localhost:PORT`` or ``https://localhost:PORT``."""
        return f"{'http' if self.ca is None else 'https'}://{self.address}"

    def requests(self) -> Counter[str]:
        """Count the requests answered so far, by method and path with query: ``"GET /v2/app/tags/list"``.

        The line of the very last answer may come a moment after the answer.
        """
        return Counter(re.findall(r'\] "([A-Z]+ \S+) HTTP/[\d.]+" \d+', self.log_file.read_text()))


def write_htpasswd(file: Path, username: str = USERNAME, password: str = PASSWORD) -> Path:
    """Write what ``htpasswd -Bbn username password`` prints, and return the file."""
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=5)).decode()
    file.write_text(f"{username}:{hashed}\n")
    return file


@contextmanager
def start_registry(
    storage: Path,
    *,
    tls: Certificate | None = None,
    htpasswd: Path | None = None,
    token: TokenServer | None = None,
    delete: bool = False,
    read_only: bool = False,
) -> Iterator[RegistryServer]:
    """Run ``docker-registry serve`` on a free loopback port until the context ends.

    Parameters
    ----------
    storage : Path
        Where its documents are; other servers may serve the same folder.
    tls : Certificate, optional
        Serve HTTPS with it.
    htpasswd : Path, optional
        Demand Basic credentials: a file of `write_htpasswd`.
    token : TokenServer, optional
        Demand a token of this server.
    delete : bool
        Allow deleting.
    read_only : bool
        Refuse pushes and deletes: for a folder that many tests read.
    """
    program = needs("docker-registry")
    with tempfile.TemporaryDirectory(prefix="docker-registry-") as folder:
        configuration = Path(folder, "config.yml")
        log_file = Path(folder, "log")
        # JSON is YAML too.
        configuration.write_text(json.dumps(_configuration(storage, tls, htpasswd, token, delete, read_only)))
        with (
            log_file.open("wb") as log,
            subprocess.Popen([program, "serve", configuration], stdout=log, stderr=subprocess.STDOUT) as process,
        ):
            try:
                port = _listening_port(process, log_file)
                private = htpasswd or token
                yield RegistryServer(
                    address=f"localhost:{port}",
                    storage=storage,
                    ca=tls.certificate if tls else None,
                    username=USERNAME if private else None,
                    password=PASSWORD if private else None,
                    log_file=log_file,
                )
            finally:
                _stop(process)


def _configuration(
    storage: Path,
    tls: Certificate | None,
    htpasswd: Path | None,
    token: TokenServer | None,
    delete: bool,
    read_only: bool,
) -> dict[str, Any]:
    http: dict[str, Any] = {"addr": "127.0.0.1:0", "secret": "shared by all servers of a folder"}
    if tls:
        http["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
    configuration: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": delete},
            "maintenance": {"uploadpurging": {"enabled": False}, "readonly": {"enabled": read_only}},
        },
        "http": http,
        "compatibility": {"schema1": {"enabled": True}},
        "validation": {"manifests": {"urls": {"allow": ["^https://"]}}},
    }
    if htpasswd:
        configuration["auth"] = {"htpasswd": {"realm": "regframe tests", "path": str(htpasswd)}}
    elif token:
        configuration["auth"] = {
            "token": {
                "realm": token.realm,
                "service": token.service,
                "issuer": token.issuer,
                "rootcertbundle": str(token.certificate.certificate),
            }
        }
    return configuration


def _listening_port(process: subprocess.Popen[bytes], log_file: Path) -> int:
    """Wait for the server to say where it listens: for port 0 the system picks one that nobody else has."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if said := re.search(r'msg="listening on [^"]*:(\d+)(, tls)?"', log_file.read_text()):
            return int(said[1])
        time.sleep(0.01)
    raise RuntimeError(f"docker-registry did not start:\n{log_file.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
