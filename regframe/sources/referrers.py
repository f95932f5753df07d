"""The referrers API: what is attached to a manifest.

Source: OCI distribution-spec 1.1, "Listing Referrers".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from regframe.errors import InvalidDocument, TooLarge, Unsupported
from regframe.oci.descriptor import Descriptor
from regframe.oci.manifest import Index, parse_manifest
from regframe.oci.media_types import OCI_INDEX
from regframe.sources.explain import shown
from regframe.sources.registry import RegistrySource, pull

_MOST_PAGES = 1_000
# By the specification 404; those that never heard of it answer otherwise, too.
_NOT_OFFERED = frozenset({400, 404, 405, 501})


async def listed_referrers(
    source: RegistrySource, repository: str, digest: str, artifact_type: str | None = None
) -> AsyncIterator[Descriptor]:
    """Yield the descriptors of what refers to a manifest.

    With an artifact type, a registry may leave out the others or list all (it says which by ``OCI-Filters-Applied``).

    Raises
    ------
    Unsupported
        If the registry has no referrers API.
    RegframeError
        If it does not let this user read the list, or the list has no end.
    """
    url: str | None = f"/v2/{repository}/referrers/{digest}"
    if artifact_type is not None:
        url = f"{url}?artifactType={quote(artifact_type, safe='')}"
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        assert url is not None
        response = await source.ask(url, "referrers", repository, pull(repository), {"Accept": OCI_INDEX})
        if response.status_code in _NOT_OFFERED and not seen:
            raise Unsupported("There is no referrers API.", operation="referrers", status=response.status_code)
        if response.status_code != 200:
            raise source.failure(response, "referrers", f"There is no such page of referrers of {digest}")
        try:
            index = parse_manifest(response.content, response.headers.get("content-type"))
        except InvalidDocument as error:
            error.operation, error.url = "referrers", shown(response.url)
            raise
        if not isinstance(index, Index):
            raise Unsupported("There is no referrers API.", operation="referrers", status=response.status_code)
        page = [entry for entry in index.manifests if entry.digest not in seen]
        for entry in page:
            yield entry
        seen |= {entry.digest for entry in page}
        url = source.next_page(response, "referrers")
        if url is None or not page:
            return
    raise TooLarge(f"The list of referrers of {digest} has no end.", operation="referrers")
