"""A remote registry, through the Registry HTTP API V2.

Sources: OCI distribution-spec 1.1; CNCF Distribution's ``spec/api.md`` (catalog, paging).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import msgspec

from regframe.errors import (
    CredentialsRefused,
    ErrorDetails,
    InvalidDocument,
    NotFound,
    RateLimited,
    RegframeError,
    RegistryError,
    TooLarge,
    Unsupported,
    printable,
)
from regframe.oci import media_types
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import digest_of, is_verifiable, verify
from regframe.oci.media_types import essence
from regframe.oci.schema1 import signed_bytes
from regframe.reference import DOCKER_HUB, is_digest
from regframe.sources import DOCUMENT_LIMIT, Document, Pointer
from regframe.sources.auth import Authenticator, refused
from regframe.sources.explain import shown
from regframe.sources.pace import Allowance
from regframe.sources.transport import Transport
from regframe.sources.wire import Answer

_DOCKER_HUB_HOST = "registry-1.docker.io"
PAGE_LIMIT = 32 * 1024 * 1024
# The most that ECR and CNCF Distribution give; quay gives 100; some take no number at all.
PAGE_SIZES = (1000, 100, None)
# What is left of an answer that should be a few bytes: an error's sentence, and not a layer.
_ERROR_LIMIT = 64 * 1024
# Ten times what the largest public repository has; a list that goes on is not an honest one.
_MOST_PAGES = 10_000
_MOST_NAMES = 2_000_000
_LISTS = {"catalog": "a list of repositories", "tags": "a list of tags", "referrers": "a list of referrers"}
CATALOG_SCOPE = "registry:catalog:*"


def api_host(registry: str) -> str:
    """Return the host that answers for a registry's name; Docker Hub's is another one."""
    return _DOCKER_HUB_HOST if registry == DOCKER_HUB else registry


class _Page(msgspec.Struct):
    repositories: list[str] | None = None
    tags: list[str] | None = None
    manifest: msgspec.Raw = msgspec.Raw()
    child: msgspec.Raw = msgspec.Raw()


class _ErrorEntry(msgspec.Struct):
    code: str = ""
    message: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_ErrorEntry] | None = None


class RegistrySource:
    """Documents of one remote registry.

    Parameters
    ----------
    name : str
        The registry's name, for messages.
    transport : Transport
        Connections to it.
    authenticator : Authenticator
        What to send so that it answers.

    Attributes
    ----------
    name, authenticator
        As given.
    """

    def __init__(self, name: str, transport: Transport, authenticator: Authenticator) -> None:
        self.name = name
        self._transport = transport
        self.authenticator = authenticator
        self._takes_head = True

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken to over TLS, as far as is known by now."""
        return self._transport.is_encrypted

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests were made so far, by method; what had to be tried again counts once."""
        return self._transport.requests

    @property
    def is_local(self) -> bool:
        """Whether it is a place on this machine: no."""
        return False

    @property
    def allowance(self) -> Allowance | None:
        """What the registry last said of its rate limit, if it has said anything."""
        return self._transport.pace.allowance

    async def ping(self) -> dict[str, str | None]:
        """Return how the registry presents itself (distribution-spec, "Determining Support").

        Raises
        ------
        RegframeError
            If it does not answer as a registry, or refuses the credentials.
        """
        response = await self.ask("/v2/", "ping", "", "")
        if response.status_code != 200:
            raise self.failure(response, "ping", f"{self.name} does not answer as a registry does at /v2/")
        return {
            "registry": self.name,
            "url": shown(response.url),
            "api_version": response.headers.get("docker-distribution-api-version"),
            "auth": self.authenticator.scheme,
            "server": response.headers.get("server"),
        }

    async def limits(self) -> tuple[str, Allowance | None]:
        """Ask for the rate limit, by a request that does not count; return that request, and what was learned."""
        if self.name == DOCKER_HUB:
            # What Docker's documentation names for this ("Pull usage and limits").
            await self.resolve("ratelimitpreview/test", "latest")
            return "HEAD /v2/ratelimitpreview/test/manifests/latest", self.allowance
        await self.ask("/v2/", "limits", "", "")
        return "GET /v2/", self.allowance

    async def repositories(self, namespaces: Collection[str] = ()) -> AsyncIterator[str]:
        """Yield the names in the catalog, whatever the namespaces.

        Raises
        ------
        Unsupported
            If the registry does not offer its catalog to this user.
        """
        way_out = f"name the repositories that you want, as in “{self.name}/team/app”"
        if self.name == DOCKER_HUB:
            way_out = f"ask for one namespace, as in “library/*”, or {way_out}"
        try:
            async for page in self._pages("/v2/_catalog", "catalog", "", CATALOG_SCOPE):
                for name in page.repositories or []:
                    yield name
        except (NotFound, CredentialsRefused, RegistryError) as error:
            refused_login = isinstance(error, CredentialsRefused) and error.operation == "login"
            if refused_login or error.status not in {401, 403, 404, 405, 501}:
                raise
            raise Unsupported(
                f"{self.name} does not offer a list of its repositories to this user; {way_out}.",
                operation="catalog", status=error.status, code=error.code, url=error.url,
            ) from None  # fmt: skip

    async def tags(self, repository: str) -> AsyncIterator[str]:
        """Yield the tags of a repository.

        Raises
        ------
        NotFound
            If there is no such repository.
        """
        async for page in self.tag_lists(repository):
            for tag in page.tags or []:
                yield tag

    def tag_lists(self, repository: str) -> AsyncIterator[_Page]:
        """Yield the pages of a repository's list of tags."""
        return self._pages(f"/v2/{repository}/tags/list", "tags", repository, pull(repository))

    async def resolve(self, repository: str, reference: str, known: str | None = None) -> Pointer | None:
        """Return what a tag or a digest means by a HEAD request, which Docker Hub does not count.

        ``None`` is no answer: the registry has no such manifest, takes no HEAD or names no digest. GET says which.
        With a known digest the registry is asked whether it is another by now (RFC 9110, section 13.1.2), for which
        docker-registry need not read the manifest: its entity tag is the digest.
        """
        if not self._takes_head:
            return None
        path = f"/v2/{repository}/manifests/{reference}"
        headers = {"Accept": media_types.ACCEPT}
        if known is not None and is_verifiable(known):
            headers["If-None-Match"] = f'"{known}"'
        response = await self.ask(path, "manifest", repository, pull(repository), headers, method="HEAD")
        if response.status_code == 304 and known is not None and "If-None-Match" in headers:
            return Pointer(known)
        digest = response.headers.get("docker-content-digest", "")
        if response.status_code != 200 or not is_verifiable(digest):
            self._takes_head = response.status_code not in {200, 400, 405, 501}
            return None
        return Pointer(digest, response.headers.get("content-type"), _time(response.headers.get("last-modified")))

    async def manifest(self, repository: str, reference: str | Descriptor) -> Document:
        """Return the manifest or the index that a tag or a digest means, or that a document names by descriptor.

        Raises
        ------
        NotFound
            If the repository has no such manifest.
        DigestMismatch
            If the bytes have not the digest that was asked for, or that the registry names.
        """
        reference = reference if isinstance(reference, str) else reference.digest
        path = f"/v2/{repository}/manifests/{reference}"
        headers = {"Accept": media_types.ACCEPT}
        response = await self.ask(path, "manifest", repository, pull(repository), headers)
        return self.document(response, repository, reference)

    def document(self, response: Answer, repository: str, reference: str) -> Document:
        """Return what an answer to a request for a manifest is; raises as :meth:`manifest` does."""
        separator = "@" if is_digest(reference) else ":"
        if response.status_code != 200:
            raise self.failure(response, "manifest", f"{self.name} has no {repository}{separator}{reference}")
        content_type = response.headers.get("content-type")
        data = response.content
        signed = signed_bytes(data) if essence(content_type) in media_types.SCHEMA1_MANIFESTS else data
        named = response.headers.get("docker-content-digest", "")
        digest = reference if separator == "@" else named if is_verifiable(named) else digest_of(signed)
        self._check(response, signed, digest, "manifest")
        return Document(data, digest, content_type, _time(response.headers.get("last-modified")))

    async def blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a blob of at most ``DOCUMENT_LIMIT`` bytes.

        Raises
        ------
        TooLarge
            If it has, or should have, more bytes.
        NotFound
            If the repository has no such blob.
        DigestMismatch
            If the bytes have another digest.
        """
        path = f"/v2/{repository}/blobs/{descriptor.digest}"
        if descriptor.size is not None and descriptor.size > DOCUMENT_LIMIT:
            raise TooLarge(
                f"{descriptor.digest} has {descriptor.size:,} bytes; regframe reads documents of at most "
                f"{DOCUMENT_LIMIT:,}.", operation="blob",
            )  # fmt: skip
        response = await self.ask(path, "blob", repository, pull(repository))
        if response.status_code != 200:
            raise self.failure(response, "blob", f"{self.name} has no blob {descriptor.digest} in {repository}")
        self._check(response, response.content, descriptor.digest, "blob")
        return response.content

    async def end_of_blob(self, repository: str, descriptor: Descriptor, count: int) -> bytes | None:
        """Return a blob's last bytes by a range request (RFC 9110, section 14); these cannot be checked.

        ``None`` is no answer: the registry takes no ranges.

        Raises
        ------
        NotFound
            If the repository has no such blob.
        """
        path = f"/v2/{repository}/blobs/{descriptor.digest}"
        headers = {"Range": f"bytes=-{count}"}
        try:
            response = await self.ask(path, "blob", repository, pull(repository), headers, limit=_ERROR_LIMIT)
        except TooLarge:
            return None
        if response.status_code == 206:
            return response.content[-count:]
        if response.status_code in {200, 416}:
            return None
        raise self.failure(response, "blob", f"{self.name} has no blob {descriptor.digest} in {repository}")

    async def _pages(self, path: str, operation: str, repository: str, scope: str) -> AsyncIterator[_Page]:
        sizes = iter(PAGE_SIZES)
        seen: set[str] = set()
        pages = 0
        url: str | None = f"{path}?n={next(sizes)}"
        first = True
        while url:
            response = await self.ask(url, operation, repository, scope, limit=PAGE_LIMIT)
            if first and response.status_code in {400, 413, 416, 422} and (size := next(sizes, 0)) != 0:
                url = f"{path}?n={size}" if size else path
                continue
            first = False
            if response.status_code != 200:
                raise self.failure(response, operation, f"{self.name} has no repository {repository}")
            page = self._page(response, operation)
            names = set(page.repositories or page.tags or []) - seen
            if not names and seen:
                # Some registries answer page one again past the end.
                return
            seen |= names
            pages += 1
            if pages > _MOST_PAGES or len(seen) > _MOST_NAMES:
                raise TooLarge(f"{self.name} sends {_LISTS[operation]} without an end.", operation=operation)
            yield page
            url = self.next_page(response, operation)

    def _page(self, response: Answer, operation: str) -> _Page:
        try:
            return msgspec.json.decode(response.content, type=_Page)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidDocument(
                f"{self.name} answered something else than {_LISTS[operation]}: {printable(str(error))}.",
                operation=operation, url=shown(response.url),
            ) from None  # fmt: skip

    def next_page(self, response: Answer, operation: str) -> str | None:
        """Return where a list goes on: the link as it came, if it leads to the same host.

        Raises
        ------
        RegistryError
            If it leads to another host.
        """
        link = response.links.get("next", {}).get("url")
        if not link:
            return None
        here = response.url
        there = here.join(link)
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise RegistryError(
                f"{self.name} says that {_LISTS[operation]} goes on at {printable(there.host)}; regframe does not "
                "follow a list to another host.", operation=operation, url=shown(here),
            )  # fmt: skip
        return str(there)

    async def ask(
        self,
        url: str,
        operation: str,
        repository: str,
        scope: str,
        headers: dict[str, str] | None = None,
        limit: int = DOCUMENT_LIMIT,
        method: Literal["GET", "HEAD"] = "GET",
    ) -> Answer:
        """Return the answer to a request, after logging in as far as the registry wants it.

        Parameters
        ----------
        url : str
            A path of the registry, or a URL.
        operation : str
            What is being done, for errors.
        repository, scope : str
            Whose credentials to use, and what a token is to allow.
        headers : dict of str to str, optional
            What to send besides.
        limit : int
            How many bytes the answer may have.
        method : str
            GET or HEAD.

        Raises
        ------
        CredentialsRefused
            If the registry does not accept the credentials, or asks for some where there are none.
        NoConnection
            If no answer came.
        TooLarge
            If the answer has more bytes.
        """

        async def send(authorization: str | None) -> Answer:
            return await self._transport.get(url, headers or {}, limit, authorization, method=method)

        return await self.authorized(send, operation, repository, scope)

    async def authorized(
        self,
        send: Callable[[str | None], Awaitable[Answer]],
        operation: str,
        repository: str,
        scope: str,
    ) -> Answer:
        """Return the answer to what ``send`` sends with an authorization; the rest is as in :meth:`ask`."""
        try:
            sent = await self.authenticator.authorization(self._transport, repository, scope)
            response = await send(sent)
            if response.status_code == 401:
                self.authenticator.challenged(response, scope, sent)
                again = await self.authenticator.authorization(self._transport, repository, scope)
                if again is None or (again == sent and not again.startswith("Bearer")):
                    raise refused(self.name, response, had_credentials=again is not None)
                response = await send(again)
                if response.status_code == 401 and again.startswith("Basic"):
                    raise refused(self.name, response, had_credentials=True)
        except RegframeError as error:
            error.operation = error.operation or operation
            raise
        return response

    def _check(self, response: Answer, data: bytes, digest: str, operation: str) -> None:
        try:
            verify(data, digest)
        except InvalidDocument as error:
            error.operation, error.url = operation, shown(response.url)
            raise

    def failure(self, response: Answer, operation: str, missing: str) -> RegframeError:
        """Return what an answer other than a success means; ``missing`` is the sentence for a 404."""
        status = response.status_code
        code, said = _said(response)
        reason = f" ({code}{': ' if code and said else ''}{said})" if code or said else ""
        url = shown(response.url)
        details: ErrorDetails = {"operation": operation, "status": status, "code": code or None, "url": url}
        if status == 404:
            return NotFound(f"{missing}{reason}.", **details)
        if status in {401, 403}:
            return CredentialsRefused(f"{self.name} does not let this user read {url}{reason}.",
                                      **details)  # fmt: skip
        if status == 429:
            return RateLimited(f"{self.name} asks to come back later: its rate limit is used up{reason}.", **details)
        if status in {405, 501}:
            return Unsupported(f"{self.name} does not offer this ({operation}){reason}.", **details)
        return RegistryError(f"{self.name} answered {status} to {operation}{reason}.", **details)


def pull(repository: str) -> str:
    """Return the scope of a token that reads a repository (distribution, ``docs/spec/auth/scope.md``)."""
    return f"repository:{repository}:pull"


def _said(response: Answer) -> tuple[str, str]:
    """Return the registry's error code and message (distribution-spec, "Error Codes")."""
    try:
        errors = msgspec.json.decode(response.content, type=_Errors).errors or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    return (printable(errors[0].code, 60), printable(errors[0].message or "")) if errors else ("", "")


def _time(header: str | None) -> datetime | None:
    """Read an HTTP date (RFC 9110, section 5.6.7)."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except (ValueError, OverflowError):
        return None
