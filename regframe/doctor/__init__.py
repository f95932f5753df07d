"""What a registry offers and how, each with what that means for an inventory. Made to go into a bug report.

Nothing secret is in it: no credentials, no tokens, no user's name.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.metadata import version

from regframe.connection import Connection
from regframe.doctor import reaching
from regframe.doctor.documents import DocumentExamination
from regframe.doctor.finding import Finding, examined, not_tested
from regframe.doctor.lists import ListExamination
from regframe.errors import CertificateRefused, CredentialsRefused, RegframeError
from regframe.reference import DOCKER_HUB, Pattern
from regframe.sources.explain import shown
from regframe.sources.hosted.source import HostedSource
from regframe.sources.registry import api_host

# An image that is there for sure, where there is no catalog to find one in.
_ON_DOCKER_HUB = Pattern("library/hello-world", "latest")
_REPOSITORIES_TRIED = 10
_TIMED_REQUESTS = 5
_NAME_ONE = "That takes an image: name one, as in localhost:5000/team/app:1.0."


class Doctor:
    """Examines one registry.

    Parameters
    ----------
    connection : Connection
        How it is reached.
    source : HostedSource
        Open connections to it.
    """

    def __init__(self, connection: Connection, source: HostedSource) -> None:
        self._connection = connection
        self._source = source
        self._host = api_host(connection.name)
        self._is_reached = False

    async def findings(self, image: Pattern | None = None) -> AsyncIterator[Finding]:
        """Yield the rows of the doctor's frame.

        Parameters
        ----------
        image : Pattern, optional
            What to try things on; else something that the registry lists.
        """
        client = f"{version('regframe')}, Python {platform.python_version()}, {platform.system()}"
        yield Finding("regframe", client, "good", "What this was found out with.")
        async for finding in self._reached():
            yield finding
        if self._is_reached:
            async for finding in self._examined(image):
                yield finding
        yield not_tested("deletes", "The doctor changes nothing, so whether tags can be deleted is not known.")

    async def _reached(self) -> AsyncIterator[Finding]:
        authenticator = self._source.authenticator
        try:
            response = await self._source.ask("/v2/", "ping", "", "")
        except CertificateRefused as error:
            yield Finding("address", f"https://{self._host}", "problem", str(error))
            async for finding in self._tls():
                yield finding
            return
        except CredentialsRefused as error:
            credentials = await authenticator.credentials_for("")
            scheme = "https" if self._source.is_encrypted else "http"
            yield reaching.address(f"{scheme}://{self._host}", self._host)
            async for finding in self._tls():
                yield finding
            for finding in reaching.refused(str(error), authenticator, credentials):
                yield finding
            return
        except RegframeError as error:
            yield Finding("address", self._host, "problem", str(error))
            return
        url = shown(response.url)
        if response.status_code != 200:
            meaning = f"What is there does not answer as a registry does at /v2/ ({response.status_code})."
            yield Finding("address", url, "problem", meaning)
            return
        yield reaching.address(url, self._host)
        async for finding in self._tls():
            yield finding
        for finding in reaching.http(response.http_version, response.headers):
            yield finding
        credentials = await authenticator.credentials_for("") if authenticator.challenge else None
        for finding in reaching.login(authenticator, credentials, url, self._host):
            yield finding
        self._is_reached = True

    async def _tls(self) -> AsyncIterator[Finding]:
        if self._source.is_encrypted:
            async for finding in examined("TLS", lambda: reaching.tls(self._connection, self._host)):
                yield finding

    async def _examined(self, image: Pattern | None) -> AsyncIterator[Finding]:
        catalog = ListExamination(self._source, "catalog")
        async for finding in examined("catalog", catalog.findings):
            yield finding
        tags = None
        chosen = image or self._connection.default
        if chosen is None and self._connection.name == DOCKER_HUB:
            chosen = _ON_DOCKER_HUB
        candidates = [chosen.repository] if chosen and chosen.names_repository else catalog.names[:_REPOSITORIES_TRIED]
        findings: list[Finding] = []
        for repository in candidates:
            tags = ListExamination(self._source, "tags", repository)
            findings = [finding async for finding in examined("tags", tags.findings)]
            if tags.names:
                break
        for finding in findings:
            yield finding
        if tags is None or not (tags.names or (chosen and chosen.names_tag)):
            yield not_tested("image", _NAME_ONE)
        else:
            if chosen is None or not chosen.names_repository or not chosen.names_tag:
                chosen = Pattern(tags.repository, "latest" if "latest" in tags.names else tags.names[0])
            async for finding in self._examined_image(chosen):
                yield finding
        async for finding in examined("rate limit", self._rate_limit):
            yield finding
        async for finding in examined("response time", self._response_time):
            yield finding

    async def _examined_image(self, image: Pattern) -> AsyncIterator[Finding]:
        yield Finding("image", str(image), "good", "What the following was tried on.")
        documents = DocumentExamination(self._source, image)
        async for finding in examined("manifest", documents.manifest):
            yield finding
        if documents.has_manifest:
            for check, examine in (("blobs", documents.blobs), ("referrers", documents.referrers)):
                async for finding in examined(check, examine):
                    yield finding
        async for finding in examined("own API", documents.own_api):
            yield replace(finding, verdict="note") if finding.verdict == "problem" else finding

    async def _rate_limit(self) -> AsyncIterator[Finding]:
        asked, allowance = await self._source.limits()
        if allowance is None or allowance.remaining is None:
            yield Finding("rate limit", "none that is said", "good", f"{asked} is answered without one.")
            return
        of = f" of {allowance.limit:,}" if allowance.limit is not None else ""
        window = f" in {allowance.window:,} s" if allowance.window is not None else ""
        meaning = "plan() says what an inventory takes. What is in the cache takes none."
        verdict = "note" if allowance.remaining else "problem"
        yield Finding("rate limit", f"{allowance.remaining:,}{of} left{window}", verdict, meaning)  # type: ignore[arg-type]

    async def _response_time(self) -> AsyncIterator[Finding]:
        times = []
        for _ in range(_TIMED_REQUESTS):
            began = time.perf_counter()
            await self._source.ask("/v2/", "ping", "", "")
            times.append(time.perf_counter() - began)
        seconds, at_once = statistics.median(times), self._connection.concurrency
        meaning = f"1,000 requests take {1000 * seconds / at_once:,.2f} s or more, {at_once} at once."
        yield Finding("response time", f"{1000 * seconds:,.1f} ms", "good", meaning)
