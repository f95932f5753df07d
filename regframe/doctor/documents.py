"""How a registry gives documents: manifests, blobs, and what refers to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from regframe.doctor.finding import Finding, not_tested
from regframe.errors import CredentialsRefused, DigestMismatch, NotFound, Unsupported, printable
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import is_verifiable
from regframe.oci.kind import kind_of_entry
from regframe.oci.manifest import Index, Manifest, parse_manifest
from regframe.oci.media_types import ACCEPT, essence
from regframe.reference import Pattern
from regframe.sources.hosted.source import HostedSource
from regframe.sources.referrers import listed_referrers
from regframe.sources.registry import pull


class DocumentExamination:
    """Looks at the documents of one image.

    Parameters
    ----------
    source : HostedSource
        The registry.
    image : Pattern
        The image, by repository and by tag or digest.
    """

    def __init__(self, source: HostedSource, image: Pattern) -> None:
        self._source = source
        self._image = image
        self._repository = image.repository
        self._digest = ""
        self._host = b""
        self._manifest: Manifest | Index | None = None

    @property
    def has_manifest(self) -> bool:
        """Whether there is something to go on with."""
        return self._manifest is not None

    async def manifest(self) -> AsyncIterator[Finding]:
        """Yield how a manifest is answered, to HEAD and to GET."""
        reference = self._image.digest or self._image.tag or "latest"
        path = f"/v2/{self._repository}/manifests/{reference}"
        scope, headers = pull(self._repository), {"Accept": ACCEPT}
        head = await self._source.ask(path, "manifest", self._repository, scope, headers, method="HEAD")
        response = await self._source.ask(path, "manifest", self._repository, scope, headers)
        if response.status_code != 200:
            raise self._source.failure(response, "manifest", f"There is no {self._image}")
        self._host = response.url.netloc
        try:
            document = self._source.document(response, self._repository, reference)
        except DigestMismatch as error:
            yield Finding("digest header", "wrong", "problem", str(error))
            return
        self._manifest = parse_manifest(document.data, document.media_type)
        self._digest = document.digest
        yield self._head(head.status_code, head.headers)
        yield self._digest_header(response.headers)
        yield self._content_type(response.headers)

    def _head(self, status: int, headers: Mapping[str, str]) -> Finding:
        if status == 200 and is_verifiable(headers.get("docker-content-digest", "")):
            meaning = "Whether a tag has moved is found out without its document."
            return Finding("HEAD", "answered, with the digest", "good", meaning)
        result = "answered, without a digest" if status == 200 else f"refused ({status})"
        meaning = "regframe asks for the document where HEAD would do: to see whether a tag has moved takes longer."
        return Finding("HEAD", result, "note", meaning)

    def _digest_header(self, headers: Mapping[str, str]) -> Finding:
        if not is_verifiable(headers.get("docker-content-digest", "")):
            return Finding("digest header", "missing", "note", "regframe hashes the document itself.")
        return Finding("digest header", "right", "good", "Documents are what the registry says that they are.")

    def _content_type(self, headers: Mapping[str, str]) -> Finding:
        assert self._manifest is not None
        sent, own = headers.get("content-type"), self._manifest.media_type
        if essence(sent) == own:
            return Finding("content type", own, "good", "Documents are called what they are.")
        meaning = f"The document is {own}, which is what counts."
        return Finding("content type", printable(sent or "missing", 100), "note", meaning)

    async def blobs(self) -> AsyncIterator[Finding]:
        """Yield from where a blob comes, and whether a part of it can be had."""
        descriptor = await self._config()
        if descriptor is None:
            yield not_tested("blobs", f"{self._image} has no config.")
            return
        path = f"/v2/{self._repository}/blobs/{descriptor.digest}"
        response = await self._source.ask(
            path, "blob", self._repository, pull(self._repository), {"Range": "bytes=0-0"}
        )
        if response.status_code not in {200, 206}:
            raise self._source.failure(response, "blob", f"There is no blob {descriptor.digest}")
        if (host := response.url.netloc) != self._host:
            meaning = "Blobs are redirected there; credentials stay with the registry."
            yield Finding("blobs", f"from {printable(host.decode('ascii'), 80)}", "good", meaning)
        else:
            yield Finding("blobs", "from the registry itself", "good", "Nothing else has to be reachable.")
        if response.status_code == 206 and len(response.content) == 1:
            yield Finding("ranges", "answered", "good", "The files in a layer can be listed without all of it.")
        else:
            meaning = "To list the files in a layer takes all of it. An inventory does not need layers."
            yield Finding("ranges", "ignored", "note", meaning)

    async def _config(self) -> Descriptor | None:
        manifest = self._manifest
        if isinstance(manifest, Index):
            images = [entry for entry in manifest.manifests if kind_of_entry(entry) is None]
            if not images:
                return None
            document = await self._source.manifest(self._repository, images[0])
            manifest = parse_manifest(document.data, images[0].media_type)
        return manifest.config if isinstance(manifest, Manifest) else None

    async def referrers(self) -> AsyncIterator[Finding]:
        """Yield whether the registry lists what refers to a manifest."""
        try:
            count = len([entry async for entry in listed_referrers(self._source, self._repository, self._digest)])
        except Unsupported as error:
            meaning = "Signatures and SBOMs are found by their tags (sha256-…), as the specification has it."
            yield Finding("referrers", f"no API ({error.status}), by tag", "note", meaning)
            return
        things = "1 thing" if count == 1 else f"{count:,} things"
        meaning = "Signatures, SBOMs and other artifacts are found by the API of OCI 1.1."
        yield Finding("referrers", f"API, {things} attached to {self._image}", "good", meaning)

    async def own_api(self) -> AsyncIterator[Finding]:
        """Yield whether the registry has a public API of its own, and whether that answers."""
        api = self._source.api
        if api is None:
            meaning = "When a tag was pushed is not known: release dates are those of the images."
            yield Finding("own API", "none that is known", "good", meaning)
            return
        tags = [self._image.tag] if self._image.tag else None
        try:
            found = [time async for time in api.push_times(self._repository, tags)]
        except (NotFound, CredentialsRefused):
            found = []
        if found:
            meaning = "Release dates are those of the pushes, and a namespace can be listed."
            yield Finding("own API", f"{api.title}, answers", "good", meaning)
        else:
            meaning = (
                f"It tells nobody but its own users about {self._repository}: release dates are those of the images."
            )
            yield Finding("own API", f"{api.title}, silent", "note", meaning)
