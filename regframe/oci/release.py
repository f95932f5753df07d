"""When an image was released, as well as can be known, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

ReleasedSource = Literal["registry", "annotation", "config", "history", "modified", "seen"]

CREATED_ANNOTATION = "org.opencontainers.image.created"

# Reproducible builds write 1970-01-01, 1980-01-01T00:00:01Z, 0001-01-01 or their sources' age. There was no
# container image to release before Docker's first year, so none of these is believed.
EARLIEST = datetime(2013, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(minutes=10)


def is_believable(time: datetime | None, now: datetime) -> bool:
    """Return whether an image can have been released at this time: since 2013, and not in the future."""
    return time is not None and EARLIEST <= time <= now + _CLOCK_SKEW


def released(
    candidates: Iterable[tuple[ReleasedSource, datetime | None]], now: datetime
) -> tuple[datetime | None, ReleasedSource | None]:
    """Return the first believable candidate with its source; ``(None, None)`` if there is none.

    >>> released([("config", datetime(1970, 1, 1, tzinfo=UTC))], datetime(2024, 1, 1, tzinfo=UTC))
    (None, None)
    """
    for source, time in candidates:
        if is_believable(time, now):
            return time, source
    return None, None
