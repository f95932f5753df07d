"""What hosted registries tell through public APIs of their own: lists of a namespace, and when tags were pushed.

One small module each. They are asked for public data, and whatever they do not tell is read from the images instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from regframe.reference import DOCKER_HUB
from regframe.sources.auth import Authenticator
from regframe.sources.hosted import docker_hub, google, harbor, quay
from regframe.sources.hosted.asking import HostedAnswers
from regframe.sources.transport import Transport


class HostedAPI(Protocol):
    """The public API of one hosted registry.

    Attributes
    ----------
    title : str
        Whose it is, for messages.
    """

    title: str

    def repositories(self, namespace: str) -> AsyncIterator[str]:
        """Yield the names of the repositories below a namespace (or of more than these)."""

    def push_times(self, repository: str, tags: Sequence[str] | None) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were last pushed: those that are named, or all."""


def hosted_api(
    registry: str,
    transport: Transport,
    authenticator: Authenticator,
    tag_lists: Callable[[str], AsyncIterator[google.TagList]],
) -> HostedAPI | None:
    """Return the API of a registry's own, known by its host or by how it asks for credentials; else ``None``.

    Parameters
    ----------
    registry : str
        The registry's name.
    transport : Transport
        Connections to it.
    authenticator : Authenticator
        What it has asked for so far.
    tag_lists : callable
        Gives the pages of a repository's list of tags.
    """
    if registry == DOCKER_HUB:
        return docker_hub.DockerHub(HostedAnswers("Docker Hub", transport.beside(docker_hub.HOST)))
    if google.is_host(registry):
        return google.Google(tag_lists)
    challenge = authenticator.challenge
    if quay.is_quay(registry, challenge):
        return quay.Quay(HostedAnswers("Quay", transport.beside(registry)))
    if harbor.is_harbor(challenge):
        basic: Callable[[str], Awaitable[str | None]] = authenticator.basic
        return harbor.Harbor(HostedAnswers("Harbor", transport.beside(registry), basic))
    return None
