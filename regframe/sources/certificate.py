"""What a server shows of itself in a TLS handshake, whether it is believed or not.

Nothing is sent to it but the handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import httpx
from cryptography import x509

from regframe.errors import printable
from regframe.sources.explain import explained
from regframe.sources.tls import TLS

# What the server would speak if it were up to it.
_PROTOCOLS = ["h2", "http/1.1"]


@dataclass(frozen=True)
class ShownCertificate:
    """What a server shows.

    Attributes
    ----------
    tls_version : str
        The version that it chose, such as ``TLSv1.3``.
    speaks_http2 : bool
        Whether it would speak HTTP/2.
    subject, issuer : str
        Whom the certificate is made out to, and by whom.
    names : tuple of str
        The hosts in its subjectAltName.
    common_name : str
        The host in its subject, which stood there before there was a subjectAltName.
    until : datetime
        When it expires.
    is_believed : bool
        Whether this machine believes it without being told to.
    """

    tls_version: str
    speaks_http2: bool
    subject: str
    issuer: str
    names: tuple[str, ...]
    common_name: str
    until: datetime
    is_believed: bool


async def shown_certificate(host: str, seconds: float) -> ShownCertificate:
    """Return what a server shows.

    Parameters
    ----------
    host : str
        The server, with a port where it has one.
    seconds : float
        How long to wait for it.

    Raises
    ------
    NoConnection
        If there is no handshake.
    """
    url = httpx.URL(f"https://{host}")
    believing = TLS().context()
    anything = TLS(verify=False).context()
    try:
        async with asyncio.timeout(seconds):
            try:
                return await _shown(url, believing, is_believed=True)
            except ssl.SSLCertVerificationError:
                return await _shown(url, anything, is_believed=False)
    except (OSError, TimeoutError) as error:
        raise explained(error, url, seconds) from None


async def _shown(url: httpx.URL, context: ssl.SSLContext, *, is_believed: bool) -> ShownCertificate:
    context.set_alpn_protocols(_PROTOCOLS)
    _, writer = await asyncio.open_connection(url.host, url.port or 443, ssl=context, server_hostname=url.host)
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
        return ShownCertificate(
            tls_version=connection.version() or "",
            speaks_http2=connection.selected_alpn_protocol() == "h2",
            subject=_name(certificate.subject),
            issuer=_name(certificate.issuer),
            names=_alternative_names(certificate),
            common_name=", ".join(
                printable(str(one.value), 100)
                for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            ),
            until=certificate.not_valid_after_utc,
            is_believed=is_believed,
        )
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _name(name: x509.Name) -> str:
    return printable(name.rfc4514_string(), 200)


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return tuple(printable(name, 100) for name in [*extension.get_values_for_type(x509.DNSName), *addresses])
