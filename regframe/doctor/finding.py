"""One thing that the doctor has found out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from regframe.errors import RegframeError

Verdict = Literal["good", "note", "problem", "not tested"]


@dataclass(frozen=True)
class Finding:
    """A row of the doctor's frame.

    Attributes
    ----------
    check : str
        What was looked at.
    result : str
        What was found.
    verdict : str
        Whether that is ``good``, worth a ``note``, a ``problem`` for an inventory, or was ``not tested``.
    meaning : str
        What it means for an inventory.
    """

    check: str
    result: str
    verdict: Verdict
    meaning: str


def not_tested(check: str, why: str) -> Finding:
    """Return a row for what was not looked at."""
    return Finding(check, "not tested", "not tested", why)


async def examined(check: str, examine: Callable[[], AsyncIterator[Finding]]) -> AsyncIterator[Finding]:
    """Yield what an examination finds; what makes it fail is a finding, too."""
    try:
        async for finding in examine():
            yield finding
    except RegframeError as error:
        status = f", {error.status}" if error.status else ""
        yield Finding(check, f"failed{status}", "problem", str(error))
