"""What changes a registry: the only module that asks it to with PUT or DELETE.

Sources: OCI distribution-spec 1.1, "Pushing Manifests" and "Content Management"; CNCF Distribution's ``spec/api.md``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from regframe.errors import (
    CredentialsRefused,
    DigestMismatch,
    ErrorDetails,
    NotFound,
    RegframeError,
    RegistryError,
    Unsupported,
    printable,
)
from regframe.oci.digest import digest_of, is_verifiable
from regframe.sources import DOCUMENT_LIMIT
from regframe.sources.registry import RegistrySource
from regframe.sources.transport import Transport
from regframe.sources.wire import Answer

# A registry that knows the route and deletes by tag says that there is no such tag, rather than no such page.
_KNOWN_TO_BE_MISSING = frozenset({"MANIFEST_UNKNOWN", "TAG_UNKNOWN"})


@dataclass(frozen=True)
class Permission:
    """What a registry lets a user delete in one repository.

    Attributes
    ----------
    refusal : RegframeError or None
        Why manifests cannot be deleted; ``None`` where they can.
    by_tag : bool
        Whether a tag can be deleted without the manifest that it points to (OCI distribution-spec 1.1).
    """

    refusal: RegframeError | None
    by_tag: bool = False


class RegistryWriter:
    """Deletes and pushes in one registry.

    Parameters
    ----------
    source : RegistrySource
        The registry, and how one logs in to it.
    transport : Transport
        The connections that it is read over.
    """

    def __init__(self, source: RegistrySource, transport: Transport) -> None:
        self._source = source
        self._transport = transport

    async def permission(self, repository: str) -> Permission:
        """Find out what can be deleted, by asking to delete a manifest and a tag that nobody has.

        Raises
        ------
        NoConnection
            If no answer came.
        """
        absent = digest_of(secrets.token_bytes(32))
        try:
            await self.delete_manifest(repository, absent)
        except NotFound:
            pass
        except (CredentialsRefused, RegistryError) as error:
            return Permission(error)
        try:
            await self.delete_manifest(repository, f"regframe-{secrets.token_hex(16)}")
        except NotFound as missing:
            return Permission(None, missing.code in _KNOWN_TO_BE_MISSING)
        except (CredentialsRefused, RegistryError):
            pass
        return Permission(None)

    async def delete_manifest(self, repository: str, reference: str) -> None:
        """Delete a tag, or a manifest by its digest.

        Raises
        ------
        NotFound
            If there is none.
        Unsupported
            If the registry deletes nothing, or nothing by tag.
        CredentialsRefused
            If this user may not.
        """
        path = f"/v2/{repository}/manifests/{reference}"
        await self._delete(path, repository, f"{repository} has no manifest {reference}")

    async def delete_blob(self, repository: str, digest: str) -> None:
        """Delete a blob; raises as :meth:`delete_manifest` does."""
        await self._delete(f"/v2/{repository}/blobs/{digest}", repository, f"{repository} has no blob {digest}")

    async def push_manifest(self, repository: str, reference: str, data: bytes, media_type: str, digest: str) -> None:
        """Push a manifest or an index, which has the digest, under a tag or that digest.

        Raises
        ------
        DigestMismatch
            If the registry says that it has stored something else.
        CredentialsRefused
            If this user may not.
        RegistryError
            If it does not take the document, such as for a blob that it lacks.
        """
        path, scope = f"/v2/{repository}/manifests/{reference}", f"repository:{repository}:pull,push"
        response = await self._send("PUT", path, "push", repository, scope, data, {"Content-Type": media_type})
        if response.status_code not in {200, 201, 202}:
            error = self._failure(response, "push", f"{self._source.name} takes no manifest at {repository}")
            if error.code == "MANIFEST_BLOB_UNKNOWN":
                raise RegistryError(
                    f"{self._source.name} does not take {repository}:{reference}, since {repository} lacks a blob or a "
                    f"manifest that it names ({error.code}): push that there first.",
                    operation="push", status=error.status, code=error.code, url=error.url,
                )  # fmt: skip
            raise error
        stored = response.headers.get("docker-content-digest") or digest
        if is_verifiable(stored) and stored != digest:
            raise DigestMismatch(
                f"{self._source.name} says that it stored {printable(stored)} as {repository}:{reference}, "
                f"but {digest} was pushed.", operation="push",
            )  # fmt: skip

    async def _delete(self, path: str, repository: str, missing: str) -> None:
        scope = f"repository:{repository}:pull,push,delete"
        response = await self._send("DELETE", path, "delete", repository, scope)
        if response.status_code not in {200, 202, 204}:
            raise self._failure(response, "delete", f"{missing} at {self._source.name}")

    async def _send(
        self,
        method: str,
        path: str,
        operation: str,
        repository: str,
        scope: str,
        data: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        async def send(authorization: str | None) -> Answer:
            return await self._transport.write(method, path, data, headers or {}, DOCUMENT_LIMIT, authorization)

        return await self._source.authorized(send, operation, repository, scope)

    def _failure(self, response: Answer, operation: str, missing: str) -> RegframeError:
        error = self._source.failure(response, operation, missing)
        details: ErrorDetails = {"operation": operation, "status": error.status, "code": error.code, "url": error.url}
        name, act = self._source.name, "delete from" if operation == "delete" else "push to"
        if isinstance(error, CredentialsRefused):
            sentence = f"{name} does not let this user {act} it: log in as one who may, or ask for the right."
            return CredentialsRefused(sentence, **details)
        if isinstance(error, Unsupported) and operation == "delete":
            return Unsupported(
                f"{name} does not allow deleting ({error.code or error.status}): whoever runs it has to switch that "
                "on; for CNCF Distribution it is REGISTRY_STORAGE_DELETE_ENABLED=true.", **details,
            )  # fmt: skip
        return error
