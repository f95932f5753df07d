"""How a registry lists: the catalog and a repository's tags, and their pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from regframe.doctor.finding import Finding, not_tested
from regframe.errors import CredentialsRefused, InvalidDocument
from regframe.reference import DOCKER_HUB
from regframe.sources.registry import CATALOG_SCOPE, PAGE_LIMIT, PAGE_SIZES, RegistrySource, pull

_TOO_MANY_NAMES = frozenset({400, 413, 416, 422})
_NOT_OFFERED = frozenset({401, 403, 404, 405, 501})


class _Names(msgspec.Struct):
    repositories: list[str] | None = None
    tags: list[str] | None = None


@dataclass(frozen=True)
class _Page:
    """One page: its names, the link that came with it as it came, and where that leads."""

    status: int
    names: list[str] = field(default_factory=list)
    link: str | None = None
    next: str | None = None


@dataclass
class ListExamination:
    """Looks at one list.

    Parameters
    ----------
    source : RegistrySource
        The registry.
    what : str
        ``"catalog"``, or ``"tags"`` of a repository.
    repository : str
        The repository.
    """

    source: RegistrySource
    what: str
    repository: str = ""
    names: list[str] = field(default_factory=list)

    @property
    def _path(self) -> str:
        return f"/v2/{self.repository}/tags/list" if self.repository else "/v2/_catalog"

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield what the list is like; its first page is then in ``names``."""
        asked, page = None, _Page(0)
        for asked in PAGE_SIZES:
            page = await self._page(f"{self._path}?n={asked}" if asked else self._path)
            if page.status not in _TOO_MANY_NAMES:
                break
        if page.status != 200:
            yield self._refused(page.status)
            return
        self.names = page.names
        if not self.repository:
            meaning = "An inventory without a selection reads everything that this user may see."
            yield Finding("catalog", "offered", "good", meaning)
        yield self._size(page, asked)
        yield await self._paging(page)

    async def _page(self, url: str) -> _Page:
        scope = pull(self.repository) if self.repository else CATALOG_SCOPE
        try:
            response = await self.source.ask(url, self.what, self.repository, scope, limit=PAGE_LIMIT)
        except CredentialsRefused as error:
            return _Page(error.status or 401)
        if response.status_code in _TOO_MANY_NAMES | _NOT_OFFERED:
            return _Page(response.status_code)
        if response.status_code != 200:
            raise self.source.failure(response, self.what, "There is no list")
        try:
            read = msgspec.json.decode(response.content, type=_Names)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidDocument("The answer is no list of names.", operation=self.what) from None
        link = response.links.get("next", {}).get("url")
        return _Page(200, read.repositories or read.tags or [], link, self.source.next_page(response, self.what))

    def _refused(self, status: int) -> Finding:
        if self.repository:
            meaning = f"The tags of {self.repository} cannot be listed; name them, as in {self.repository}:latest."
            return Finding("tags", f"not offered ({status})", "problem", meaning)
        if self.source.name == DOCKER_HUB:
            meaning = "Docker Hub has none: ask for one namespace, as in “library/*”, or name the repositories."
        else:
            meaning = "An inventory needs names: of repositories, or of a namespace where the registry has an own API."
        return Finding("catalog", f"not offered ({status})", "note", meaning)

    def _size(self, page: _Page, asked: int | None) -> Finding:
        check, count = f"{self.what} page", len(page.names)
        names = "1 name" if count == 1 else f"{count:,} names"
        if asked != PAGE_SIZES[0]:
            result = f"n={PAGE_SIZES[0]} is refused, {f'n={asked}' if asked else 'none'} is taken"
            return Finding(check, result, "note", f"Long lists take a request for each {count:,} names.")
        if page.link:
            is_full = count >= PAGE_SIZES[0]
            result = names if is_full else f"{names} of the {asked:,} asked for"
            meaning = f"Long lists take a request for each {count:,} names."
            return Finding(check, result, "good" if is_full else "note", meaning)
        if count and count in PAGE_SIZES:
            meaning = "As many as are often a page, and nothing says where the list goes on: it may be cut short."
            return Finding(check, f"{names}, no next page", "note", meaning)
        meaning = f"One request lists everything: n={asked} is taken."
        return Finding(check, f"{names}, all of them", "good", meaning)

    async def _paging(self, whole: _Page) -> Finding:
        """Ask for pages of one name: where the second is, and whether it is another one."""
        check = f"{self.what} paging"
        if len(whole.names) < 2:
            return not_tested(check, "That takes two names or more.")
        first = await self._page(f"{self._path}?n=1")
        if first.status != 200 or len(first.names) > 1:
            result = "n=1 is refused" if first.status != 200 else "n is ignored"
            meaning = "The registry decides how much a page has; regframe follows its links."
            return Finding(check, result, "note", meaning)
        if not first.next:
            meaning = "A page does not say where the list goes on, so long lists may be cut short."
            return Finding(check, "no next link", "problem", meaning)
        second = await self._page(first.next)
        if second.names == first.names:
            meaning = "Page two is page one again; regframe stops there, and the list is cut short."
            return Finding(check, "the next link leads nowhere", "problem", meaning)
        form = "absolute" if "://" in (first.link or "") else "relative"
        return Finding(check, f"{form} next links", "good", "Links are followed as they come.")
