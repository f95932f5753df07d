"""Which certificates are believed, and which one is shown."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import certifi

from regframe.errors import ConfigurationError


@dataclass(frozen=True)
class TLS:
    """How the registry's certificate is checked, and which certificate the client shows.

    Attributes
    ----------
    ca : Path or None
        A file of certificates (PEM) to believe besides those of this machine.
    cert_dir : Path or None
        A folder by docker's and skopeo's certs.d convention: ``*.crt`` are believed, ``*.cert`` with ``*.key`` shown.
    verify : bool
        Whether to check at all.
    believed : str
        Certificates (PEM) to believe that were read before, perhaps on another machine.
    """

    ca: Path | None = None
    cert_dir: Path | None = None
    verify: bool = True
    believed: str = field(default="", repr=False)

    @property
    def is_asked_for(self) -> bool:
        """Whether the caller named certificates, and so wants nothing but TLS."""
        return self.ca is not None or self.cert_dir is not None

    def portable(self) -> TLS:
        """Return the same for another machine: with what is in the files to believe, rather than with their names.

        A folder with a certificate to show must be on that machine too: its key stays where it is.
        """
        files = [self.ca] if self.ca else []
        shows = False
        if self.cert_dir:
            files += sorted(self.cert_dir.glob("*.crt"))
            shows = any(self.cert_dir.glob("*.cert"))
        texts = [self.believed, *(file.read_text(encoding="ascii", errors="ignore") for file in files)]
        return TLS(None, self.cert_dir if shows else None, self.verify, "\n".join(filter(None, texts)))

    def context(self) -> ssl.SSLContext:
        """Return the context that connections are made with.

        Raises
        ------
        ConfigurationError
            If a file is missing or is not a certificate or key in PEM form.
        """
        context = ssl.create_default_context()
        # Python 3.13 made this flag its default; the self-signed certificates of private registries often fail it.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_verify_locations(certifi.where())
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.believed:
            context.load_verify_locations(cadata=self.believed)
        authorities = [self.ca] if self.ca else []
        if self.cert_dir:
            if not self.cert_dir.is_dir():
                raise ConfigurationError(f"There is no folder {self.cert_dir}; cert_dir= takes one with *.crt files.")
            authorities += sorted(self.cert_dir.glob("*.crt"))
        for authority in authorities:
            try:
                context.load_verify_locations(authority)
            except OSError as error:
                reason = "is not a certificate in PEM form" if isinstance(error, ssl.SSLError) else "cannot be read"
                raise ConfigurationError(f"{authority} {reason}, so it cannot serve to check the registry.") from None
        for certificate in sorted(self.cert_dir.glob("*.cert")) if self.cert_dir else []:
            key = certificate.with_suffix(".key")
            try:
                context.load_cert_chain(certificate, key)
            except OSError:
                raise ConfigurationError(f"{certificate} with {key} is not a certificate and its key.") from None
        return context


def system_cert_dir(host: str) -> Path | None:
    """Return the folder in which docker, podman or skopeo keep this registry's certificates, if there is one."""
    places = [Path.home() / ".config/containers/certs.d", Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d")]
    return next((place / host for place in places if (place / host).is_dir()), None)
