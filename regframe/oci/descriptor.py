"""Descriptors and platforms, and the strict reading of JSON that every document goes through.

Source: OCI image-spec 1.1 ``descriptor.md`` and ``image-index.md``.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from regframe.errors import InvalidDocument, printable

T = TypeVar("T")

# More than images have of anything. A document of 8 MiB could name millions of what takes a hundred bytes in memory.
_MOST = msgspec.Meta(max_length=10_000)
Few = Annotated[list[T], _MOST]
FewNamed = Annotated[dict[str, T], _MOST]

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Platform(msgspec.Struct, frozen=True, gc=False, rename={"os_version": "os.version"}):
    """What an image runs on (image-spec, "Image Index Property Descriptions")."""

    os: str = ""
    architecture: str = ""
    variant: str | None = None
    os_version: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture`` or ``os/architecture/variant``."""
        os, _, rest = text.partition("/")
        architecture, _, variant = rest.partition("/")
        return cls(os, architecture, variant or None)

    def matches(self, wanted: Platform) -> bool:
        """Return whether an image for this platform is one for the wanted platform.

        A wanted platform without a variant takes any. ``v8`` is what arm64 means without a variant, and ``v1``
        what amd64 means.
        """
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        implied = {"arm64": "v8", "amd64": "v1"}.get(self.architecture)
        return wanted.variant is None or (self.variant or implied) == wanted.variant


class Descriptor(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A reference to content by digest, with its size in bytes and its media type.

    Only the layers of Docker's schema 1 are without a size.
    """

    digest: str
    size: Size | None = None
    media_type: str = ""
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    platform: Platform | None = None
    urls: list[str] | None = None

    def annotation(self, name: str) -> str | None:
        """Return one annotation, or ``None``."""
        return (self.annotations or {}).get(name)


def decode(decoder: msgspec.json.Decoder[T], data: bytes, what: str) -> T:
    """Decode JSON into a typed document, or raise ``InvalidDocument``."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidDocument(f"The {what} is not as the specification has it: {printable(str(error))}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDocument(f"The {what} is not JSON: {printable(str(error))}.") from None
    except RecursionError:
        raise InvalidDocument(f"The {what} is nested too deeply to be one.") from None
