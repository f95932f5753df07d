"""How many rows a place on this machine may come to: a small archive can name one thing a million times."""

from __future__ import annotations

from collections import Counter

from regframe.errors import TooLarge
from regframe.oci.config import ImageConfig, settings
from regframe.oci.descriptor import Platform
from regframe.oci.manifest import Index, Manifest
from regframe.records import Image, Records

# All of Docker's official images, of one platform, have 3.9 million of these, which take 0.5 GB of memory.
_MOST_ROWS = 5_000_000


def rows_of(document: Manifest | Index | ImageConfig | None) -> int:
    """Return how many layers, steps and settings a document names."""
    if isinstance(document, ImageConfig):
        return len(document.history or ()) + len(settings(document))
    return len(document.layers) + rows_of(document.embedded_config) if isinstance(document, Manifest) else 0


def refuse_more(rows: int) -> None:
    """Raise if this is more than the frames of a place may have.

    Raises
    ------
    TooLarge
        If it is.
    """
    if rows > _MOST_ROWS:
        raise TooLarge(
            f"This comes to {rows:,} layers, steps and settings or more, and regframe reads at most {_MOST_ROWS:,} of "
            "a place on this machine at once: name some of its images, or write the inventory to files."
        )


def images_within(
    records: Records, wanted: tuple[Platform, ...], only: frozenset[str], *, is_local: bool
) -> dict[str, list[Image]]:
    """Return the images behind each digest that a tag points to.

    Raises
    ------
    TooLarge
        If those of a place on this machine come to more rows than they may.
    """
    behind: dict[str, list[Image]] = {}
    rows = 0
    for digest, names in Counter(tag.digest for tag in records.tags if tag.digest).items():
        behind[digest] = records.images(digest, wanted, only)
        if is_local:
            each = sum(1 + len(image.manifest.layers) + rows_of(image.config) for image in behind[digest])
            rows += names * (each + sum(1 for _ in records.missing(digest)))
            refuse_more(rows)
    return behind
