"""A remote registry that may have a public API of its own besides the Registry HTTP API V2."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

from regframe.errors import CredentialsRefused, NotFound, RegframeError, Unsupported
from regframe.sources.auth import Authenticator
from regframe.sources.hosted import HostedAPI, hosted_api
from regframe.sources.hosted.google import upload_times
from regframe.sources.registry import RegistrySource
from regframe.sources.transport import Transport

# So many tags are asked for one by one, rather than by a list of all.
_FEW_TAGS = 5


class HostedSource(RegistrySource):
    """Documents of one remote registry, and what its own API tells where it has one.

    Whatever that API does, nothing is lost that the registry itself gives.

    Parameters
    ----------
    name, transport, authenticator
        As for :class:`RegistrySource`.
    """

    def __init__(self, name: str, transport: Transport, authenticator: Authenticator) -> None:
        super().__init__(name, transport, authenticator)
        self._api: HostedAPI | None = None
        self._api_has_failed = False
        self._listed: dict[str, dict[str, datetime]] = {}

    @property
    def api(self) -> HostedAPI | None:
        """The registry's own API, as far as it is known by now; some are known by how they ask for a token."""
        if self._api is None:
            self._api = hosted_api(self.name, self._transport, self.authenticator, self.tag_lists)
        return self._api

    async def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names of repositories; of namespaces by the registry's own API, else by the catalog.

        Raises
        ------
        Unsupported
            If the registry does not offer its catalog to this user.
        """
        failure: RegframeError | None = None
        was_asked = self.api is not None and bool(namespaces)
        if was_asked:
            try:
                async for name in self._in_namespaces(namespaces):
                    yield name
            except RegframeError as error:
                failure = error
            else:
                return
        try:
            async for name in super().repositories():
                yield name
        except Unsupported:
            if failure is not None:
                raise failure from None
            if was_asked or self.api is None or not namespaces:
                raise
            async for name in self._in_namespaces(namespaces):
                yield name

    async def _in_namespaces(self, namespaces: Collection[str]) -> AsyncIterator[str]:
        assert self.api is not None
        for namespace in namespaces:
            async for name in self.api.repositories(namespace):
                yield name

    async def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository, and keep what the list says of when they were pushed.

        Raises
        ------
        NotFound
            If there is no such repository.
        """
        async for page in self.tag_lists(repository):
            for tag, time in upload_times(page):
                self._listed.setdefault(repository, {})[tag] = time
            for tag in page.tags or []:
                yield tag

    async def push_times(
        self, repository: str, tags: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, datetime]]:
        """Yield when tags were pushed, where the registry tells. What is not public it does not tell: no error.

        Raises
        ------
        Unsupported
            If it tells of some tags only.
        RegframeError
            If its API fails, which is then not asked again.
        """
        if listed := self._listed.pop(repository, None):
            for found in listed.items():
                yield found
            return
        if self.api is None or self._api_has_failed:
            return
        try:
            few = tags if tags and len(tags) <= _FEW_TAGS else None
            async for found in self.api.push_times(repository, few):
                yield found
        except (NotFound, CredentialsRefused):
            return
        except Unsupported:
            raise
        except RegframeError as error:
            error.operation = "push times"
            # Many may be waiting for it, and one error says it.
            if not self._api_has_failed:
                self._api_has_failed = True
                raise
