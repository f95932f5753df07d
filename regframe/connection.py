"""How a registry or another place is reached: what a user gave, checked and made ready once."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio

from regframe.errors import ConfigurationError, InvalidReference, Unsupported, printable
from regframe.oci.descriptor import Platform
from regframe.reference import DOCKER_HUB, Pattern
from regframe.sources import Source
from regframe.sources.auth import Authenticator
from regframe.sources.cache import CachedSource, DocumentCache, cache_file
from regframe.sources.credentials import Credentials, StoredLogins
from regframe.sources.hosted.source import HostedSource
from regframe.sources.local import ListedSource, open_place
from regframe.sources.registry import api_host
from regframe.sources.tls import TLS, system_cert_dir
from regframe.sources.transport import Transport, is_loopback
from regframe.sources.writing import RegistryWriter
from regframe.target import Place, Target


@dataclass(frozen=True)
class Connection:
    """A registry or another place, and everything that reading it takes; safe to share between threads and loops."""

    name: str
    default: Pattern | None
    platforms: tuple[Platform, ...]
    concurrency: int
    timeout: float
    strict: bool
    reach: RegistryAccess | Place = field(repr=False)

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
        if parsed.place is not None and credentials is not None:
            raise ConfigurationError(f"{parsed.registry} is no registry and takes no credentials.")
        wants_tls = tls.is_asked_for or target.startswith("https://")
        return cls(
            name=parsed.registry,
            default=parsed.pattern,
            platforms=parse_platforms(platform),
            concurrency=concurrency,
            timeout=timeout,
            strict=strict,
            reach=parsed.place
            or RegistryAccess.to(
                parsed.registry,
                credentials=credentials,
                tls=tls,
                plain_http=insecure or parsed.plain_http,
                may_fall_back=is_loopback(parsed.registry) and not wants_tls,
                cache=cache,
            ),
        )

    def beside(self, target: str) -> Connection:
        """Return how a place on this machine is reached, with the same limits.

        Raises
        ------
        InvalidReference
            If the target is a registry.
        """
        parsed = Target.parse(target)
        if parsed.place is None:
            raise InvalidReference(f"“{printable(target)}” is no place on this machine; one is podman: or oci:folder.")
        return replace(self, name=parsed.registry, default=parsed.pattern, platforms=(), reach=parsed.place)

    @property
    def cache(self) -> Path | None:
        """The file of the document cache; what is on this machine needs none."""
        return None if isinstance(self.reach, Place) else self.reach.cache

    @property
    def checks_certificates(self) -> bool:
        """Whether the registry's certificate must be one that is believed."""
        return not isinstance(self.reach, Place) and self.reach.context.verify_mode != ssl.CERT_NONE

    @property
    def asks_head_first(self) -> bool:
        """Whether the registry counts GET requests for manifests, but no HEAD requests."""
        return self.name == DOCKER_HUB

    def pattern(self, text: str) -> Pattern:
        """Read a repository, a reference or a glob by the rules of the place.

        Raises
        ------
        InvalidReference
            If the text is none of these.
        """
        return self.reach.pattern(text) if isinstance(self.reach, Place) else Pattern.parse(text, self.name)

    @property
    def target(self) -> str:
        """The registry or the place with what is read of it, as a user may write it."""
        if self.default is None:
            return self.name
        separator = "" if self.name.endswith(":") or self.name.endswith("]") else ":"
        return (
            f"{self.name}{separator}{self.default}" if isinstance(self.reach, Place) else f"{self.name}/{self.default}"
        )

    def full_name(self, pattern: Pattern) -> str:
        """Return a repository's name as errors and skopeo have it: with its registry, where it has one."""
        if not isinstance(self.reach, Place):
            return f"{self.name}/{pattern.repository}"
        return pattern.repository if self.reach.has_qualified_names else ""

    @asynccontextmanager
    async def source(self) -> AsyncIterator[HostedSource]:
        """Open connections to a registry, and close them all at the end.

        Raises
        ------
        Unsupported
            If it is another place.
        """
        async with self.changing() as (source, _):
            yield source

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[tuple[HostedSource, RegistryWriter]]:
        """Open connections to a registry: what reads it, and what changes it.

        Raises
        ------
        Unsupported
            If it is another place.
        """
        if isinstance(self.reach, Place):
            raise Unsupported(f"{self.name} is no registry, and only a registry can do this.")
        transport = self.reach.transport(self.timeout, self.concurrency)
        try:
            source = HostedSource(self.name, transport, Authenticator(self.name, self.reach.find_credentials))
            yield source, RegistryWriter(source, transport)
        finally:
            # Also when the scan is cancelled: no connection is left behind.
            with anyio.CancelScope(shield=True):
                await transport.aclose()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[HostedSource | ListedSource]:
        """Open the registry or the other place itself, without the cache."""
        opened = open_place(self.reach, self.timeout) if isinstance(self.reach, Place) else self.source()
        async with opened as source:
            yield source

    @asynccontextmanager
    async def documents(self) -> AsyncIterator[Source]:
        """Open connections and the cache: a source that fetches no document twice."""
        if isinstance(self.reach, Place):
            async with self.place() as place:
                yield place
        else:
            async with self.opened() as (_, documents):
                yield documents

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[HostedSource, Source]]:
        """Open connections and the cache: the registry itself, and a source that fetches no document twice."""
        async with self.source() as source, DocumentCache.opened(self.cache) as documents:
            cached = CachedSource(source, documents, head_first=self.asks_head_first) if self.cache else source
            yield source, cached


@dataclass(frozen=True)
class RegistryAccess:
    """How a registry is spoken to, and as whom."""

    registry: str
    cache: Path | None
    plain_http: bool
    may_fall_back: bool
    context: ssl.SSLContext
    find_credentials: Callable[[str], Credentials | None]
    again: Callable[[], RegistryAccess] = field(repr=False)

    def __reduce__(self) -> tuple[Callable[[], RegistryAccess], tuple[()]]:
        # In another process, perhaps on another machine, what was not given is looked for anew.
        return self.again, ()

    @classmethod
    def to(
        cls,
        registry: str,
        *,
        credentials: Credentials | None,
        tls: TLS,
        plain_http: bool,
        may_fall_back: bool,
        cache: bool | str | Path,
    ) -> RegistryAccess:
        """Return how a registry is spoken to; certificates and logins are looked for where docker and podman do."""
        context = (tls if tls.cert_dir else replace(tls, cert_dir=system_cert_dir(registry))).context()
        return cls(
            registry=registry,
            cache=cache_file(cache),
            plain_http=plain_http,
            may_fall_back=may_fall_back,
            context=context,
            find_credentials=(lambda repository: credentials) if credentials else StoredLogins(registry).find,
            again=partial(
                cls.to,
                registry,
                credentials=credentials,
                tls=tls.portable(),
                plain_http=plain_http,
                may_fall_back=may_fall_back,
                cache=cache,
            ),
        )

    def transport(self, timeout: float, connections: int) -> Transport:
        """Return connections to it, none of which is open yet."""
        return Transport(
            api_host(self.registry),
            context=self.context,
            plain_http=self.plain_http,
            may_fall_back=self.may_fall_back,
            timeout=timeout,
            connections=connections,
        )


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
