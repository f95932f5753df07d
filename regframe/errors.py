"""Everything that regframe raises.

::

    RegframeError
    ├── InvalidReference     text that is not a reference, a selection or a target
    ├── ConfigurationError   a file or setting of this machine that cannot be used
    ├── NotFound             the registry says there is no such thing
    ├── CredentialsRefused   no credentials, wrong ones, or ones without the right
    ├── RateLimited          the registry asks to come back later
    ├── NoConnection         no usable answer came from the host
    │   └── CertificateRefused   the host's certificate was not accepted
    ├── RegistryError        any other answer that is not a success
    │   └── Unsupported      the registry does not offer this operation
    └── InvalidDocument      bytes that are not the document they should be
        ├── DigestMismatch   the bytes do not have the digest they were asked by
        └── TooLarge         more bytes than a document may have
"""

from __future__ import annotations

from typing import Self, TypedDict, Unpack

__all__ = [
    "CertificateRefused",
    "ConfigurationError",
    "CredentialsRefused",
    "DigestMismatch",
    "ErrorDetails",
    "InvalidDocument",
    "InvalidReference",
    "NoConnection",
    "NotFound",
    "RateLimited",
    "RegframeError",
    "RegframeWarning",
    "RegistryError",
    "TooLarge",
    "Unsupported",
    "printable",
]


def printable(text: str, limit: int = 300) -> str:
    """Return text from outside as one bounded line without control characters.

    What a registry says goes into messages, and from there to terminals and logs.
    """
    line = "".join(character if character.isprintable() else " " for character in text[: limit + 1])
    return line[:limit] + "…" if len(line) > limit else line


class ErrorDetails(TypedDict, total=False):
    """What an error may know besides its sentence; see :class:`RegframeError`."""

    operation: str | None
    status: int | None
    code: str | None
    url: str | None


class RegframeError(Exception):
    """The base of every error that regframe raises.

    Attributes
    ----------
    operation : str or None
        What was being done, such as ``"manifest"`` or ``"tags"``.
    status : int or None
        The HTTP status of the answer, where there was one.
    code : str or None
        The registry's own error code, such as ``"MANIFEST_UNKNOWN"`` (distribution-spec, "Error Codes").
    url : str or None
        What was asked, without user, password and query.
    """

    def __init__(
        self,
        message: str,
        **details: Unpack[ErrorDetails],
    ) -> None:
        super().__init__(message)
        self.operation = details.get("operation")
        self.status = details.get("status")
        self.code = details.get("code")
        self.url = details.get("url")

    def without_frames(self) -> Self:
        """Let go of the frames it was raised in, and with them of what was read there, before it is kept."""
        self.__traceback__ = self.__context__ = None
        return self


class RegframeWarning(UserWarning):
    """Part of what was asked for could not be read."""


class InvalidReference(RegframeError):
    """The text is not a reference, a selection or a target."""


class ConfigurationError(RegframeError):
    """A file or a setting of this machine cannot be used."""


class NotFound(RegframeError):
    """The registry says that there is no such repository, tag, manifest or blob."""


class CredentialsRefused(RegframeError):
    """The registry wants credentials, or does not accept those it got."""


class RateLimited(RegframeError):
    """The registry asks to come back later."""


class NoConnection(RegframeError):
    """No usable answer came from the host."""


class CertificateRefused(NoConnection):
    """The host's certificate was not accepted."""


class RegistryError(RegframeError):
    """The registry answered, but not with a success."""


class Unsupported(RegistryError):
    """The registry does not offer this operation."""


class InvalidDocument(RegframeError):
    """The bytes are not the document that they should be."""


class DigestMismatch(InvalidDocument):
    """The bytes do not have the digest that they were asked by."""


class TooLarge(InvalidDocument):
    """The document is larger than one may be."""
