"""How a registry is reached: what a user gave, checked and made ready once."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from regframe.errors import ConfigurationError, InvalidReference
from regframe.oci.descriptor import Platform
from regframe.reference import DOCKER_HUB, Pattern, Target
from regframe.sources import Source
from regframe.sources.auth import Authenticator
from regframe.sources.cache import CachedSource, DocumentCache, cache_file
from regframe.sources.credentials import Credentials, StoredLogins
from regframe.sources.hosted.source import HostedSource
from regframe.sources.registry import api_host
from regframe.sources.tls import TLS, system_cert_dir
from regframe.sources.transport import Transport, is_loopback


@dataclass(frozen=True)
class Connection:
    """A registry, and everything that reading it takes; safe to share between threads and event loops."""

    name: str
    default: Pattern | None
    platforms: tuple[Platform, ...]
    concurrency: int
    timeout: float
    strict: bool
    cache: Path | None
    plain_http: bool
    may_fall_back: bool
    context: ssl.SSLContext = field(repr=False)
    find_credentials: Callable[[str], Credentials | None] = field(repr=False)

    @property
    def asks_head_first(self) -> bool:
        """Whether the registry counts GET requests for manifests, but no HEAD requests."""
        return self.name == DOCKER_HUB

    @classmethod
    def to(
        cls,
        target: str,
        *,
        credentials: Credentials | None,
        tls: TLS,
        insecure: bool,
        concurrency: int,
        timeout: float,
        platform: str | Sequence[str],
        strict: bool,
        cache: bool | str | Path,
    ) -> Connection:
        """Return how the target is reached; the parameters are those of :class:`regframe.Registry`."""
        parsed = Target.parse(target)
        if concurrency < 1 or timeout <= 0:
            raise ConfigurationError("concurrency is at least 1, and timeout more than 0 seconds.")
        if tls.cert_dir is None:
            tls = TLS(tls.ca, system_cert_dir(parsed.registry), tls.verify)
        wants_tls = tls.is_asked_for or target.startswith("https://")
        return cls(
            name=parsed.registry,
            default=parsed.pattern,
            platforms=parse_platforms(platform),
            concurrency=concurrency,
            timeout=timeout,
            strict=strict,
            cache=cache_file(cache),
            plain_http=insecure or parsed.plain_http,
            may_fall_back=is_loopback(parsed.registry) and not wants_tls,
            context=tls.context(),
            find_credentials=(lambda repository: credentials) if credentials else StoredLogins(parsed.registry).find,
        )

    @asynccontextmanager
    async def source(self) -> AsyncIterator[HostedSource]:
        """Open connections, and close them all at the end."""
        transport = Transport(
            api_host(self.name),
            context=self.context,
            plain_http=self.plain_http,
            may_fall_back=self.may_fall_back,
            timeout=self.timeout,
            connections=self.concurrency,
        )
        try:
            yield HostedSource(self.name, transport, Authenticator(self.name, self.find_credentials))
        finally:
            # Also when the scan is cancelled: no connection is left behind.
            with anyio.CancelScope(shield=True):
                await transport.aclose()

    @asynccontextmanager
    async def documents(self) -> AsyncIterator[Source]:
        """Open connections and the cache: a source that fetches no document twice."""
        async with self.opened() as (_, documents):
            yield documents

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[HostedSource, Source]]:
        """Open connections and the cache: the registry itself, and a source that fetches no document twice."""
        async with self.source() as source, DocumentCache.opened(self.cache) as documents:
            cached = CachedSource(source, documents, head_first=self.asks_head_first) if self.cache else source
            yield source, cached


def given_credentials(username: str | None, password: str | None, token: str | None) -> Credentials | None:
    """Return the credentials that were given outright, or ``None``.

    Raises
    ------
    ConfigurationError
        If there is a user name without a password, or the other way round.
    """
    if token is not None:
        return Credentials(registry_token=token)
    if (username is None) != (password is None):
        raise ConfigurationError("A user name and a password go together: give both, or neither for the stored login.")
    return None if username is None else Credentials(username, password)


def parse_platforms(names: str | Sequence[str]) -> tuple[Platform, ...]:
    """Read ``"all"`` (as no platform), a platform or several.

    Raises
    ------
    InvalidReference
        If a name is not os/architecture or os/architecture/variant.
    """
    if names == "all":
        return ()
    platforms = tuple(Platform.parse(name) for name in ([names] if isinstance(names, str) else names))
    if not platforms or not all(platform.os and platform.architecture for platform in platforms):
        raise InvalidReference(
            "A platform is os/architecture, such as linux/amd64 or linux/arm/v7; “all” is all of them."
        )
    return platforms
