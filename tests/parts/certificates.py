"""Self-signed certificates as people make them for a registry on their own machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.parts.programs import needs, run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """The files of a self-signed certificate, which is its own CA, and of its private key."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, cn: str = "localhost") -> Certificate:
    """Make a certificate with a CN and no SAN, by the ``openssl req`` line that registry guides give.

    The key takes about a second to make: make it once for many tests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "domain.crt", folder / "domain.key")
    command = "req -newkey rsa:4096 -nodes -sha256 -x509 -days 30 -subj"
    subject = f"/CN={cn}/C=DE/ST=Berlin/L=Berlin/O=regframe tests"
    run(needs("openssl"), *command.split(), subject, "-keyout", made.key, "-out", made.certificate)
    return made


def make_other_certificate(folder: Path) -> Certificate:
    """Make a certificate for the same host that signed nothing here: a wrong CA."""
    return make_certificate(folder)
