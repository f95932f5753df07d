"""Questions to a hosted registry's own API, answered in JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from regframe.errors import (
    CredentialsRefused,
    ErrorDetails,
    InvalidDocument,
    NotFound,
    RateLimited,
    RegistryError,
    TooLarge,
)
from regframe.sources.explain import shown
from regframe.sources.transport import Transport
from regframe.sources.wire import Answer

T = TypeVar("T")

# The most that any of these APIs gives.
PAGE_SIZE = 100
# A hundred thousand names; a list that goes on is not an honest one.
_MOST_PAGES = 1_000
_ANSWER_LIMIT = 8 * 1024 * 1024


class HostedAnswers:
    """Asks one API.

    Parameters
    ----------
    title : str
        Whose API it is, for messages.
    transport : Transport
        Connections to its host.
    authorization : callable, optional
        Gives what to send for a repository, if anything; without it nothing of the user's is sent.
    """

    def __init__(
        self, title: str, transport: Transport, authorization: Callable[[str], Awaitable[str | None]] | None = None
    ) -> None:
        self.title = title
        self._transport = transport
        self._authorization = authorization

    def page_numbers(self, operation: str) -> Iterator[int]:
        """Yield the numbers of pages to ask for, until there have been too many.

        Raises
        ------
        TooLarge
            If the pages have no end.
        """
        yield from range(1, _MOST_PAGES + 1)
        raise TooLarge(f"{self.title} sends pages without an end.", operation=operation)

    async def get(
        self,
        path: str,
        query: dict[str, str | int],
        kind: type[T],
        operation: str,
        repository: str = "",
        namespace: str = "",
    ) -> tuple[T, Answer]:
        """Return an answer about a repository or a namespace, as what it is read and as it came.

        Raises
        ------
        NotFound
            If there is no such thing, or none that this user may see.
        CredentialsRefused
            If it is not for this user.
        RegistryError
            If the API does not answer as it should.
        """
        sent = await self._authorization(repository or namespace) if self._authorization else None
        asked_for = repository or f"namespace {namespace}"
        url = f"{path}?{urlencode(query)}" if query else path
        response = await self._transport.get(url, {"Accept": "application/json"}, _ANSWER_LIMIT, sent)
        status, where = response.status_code, shown(response.url)
        details: ErrorDetails = {"operation": operation, "status": status, "url": where}
        if status == 404:
            raise NotFound(f"{self.title} has no {asked_for}, or none that everybody may see.", **details)
        if status in {401, 403}:
            raise CredentialsRefused(f"{self.title} does not show {asked_for} to this user.", **details)
        if status == 429:
            raise RateLimited(f"{self.title} asks to come back later: too much was asked of its API.", **details)
        if status != 200:
            raise RegistryError(f"{self.title} answered {status} at {where}.", **details)
        try:
            return msgspec.json.decode(response.content, type=kind), response
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            del details["status"]
            raise InvalidDocument(f"{self.title} answered something else than its API does.", **details) from None
