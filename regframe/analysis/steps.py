"""Steps of builds, matched between two images by their text and order."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher

# What builders write around an instruction: docker's "#(nop)", BuildKit's "# buildkit", build arguments before a RUN,
# and the hash of what was copied, by which a COPY of another file would be another step.
_NOP = re.compile(r"^/bin/sh -c #\(nop\)\s*")
_ARGUMENTS = re.compile(r"^\|\d+ .*?(?=/bin/sh -c )", re.DOTALL)
_CONTENT = re.compile(r"\b(file|dir|multi):[0-9a-f]{8,128}\b")
_INSTRUCTION = re.compile(r"([A-Z]+)\b")


def step_text(created_by: str) -> str:
    """Return the text by which a step is recognised in another image.

    >>> step_text("/bin/sh -c #(nop) COPY file:01b0553b128d4b38 in /bin/busybox ")
    'COPY file in /bin/busybox'
    """
    text = _ARGUMENTS.sub("", created_by) if created_by.startswith("|") else created_by
    text = _NOP.sub("", text).rstrip().removesuffix("# buildkit")
    return " ".join(_CONTENT.sub(r"\1", text).split())


def instruction(text: str) -> str:
    """Return what kind of step a text is of: ``"COPY"``, ``"ENV"``, …; a shell's command is a ``"RUN"``."""
    match = _INSTRUCTION.match(text)
    return match[1] if match else "RUN"


def matched(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """Yield the positions of steps that belong together, in order; ``None`` where a step has none on the other side.

    Steps of one text belong together, in order. Between these, steps of one instruction do (one that was changed), and
    the first steps.

    >>> list(matched(["FROM x", "RUN make 1", "CMD a"], ["FROM x", "COPY y", "RUN make 2", "CMD a"]))
    [(0, 0), (None, 1), (1, 2), (2, 3)]
    """
    for start, end, other_start, other_end, is_same in _blocks(before, after):
        if is_same:
            yield from zip(range(start, end), range(other_start, other_end), strict=True)
            continue
        kinds = [instruction(text) for text in before[start:end]]
        other_kinds = [instruction(text) for text in after[other_start:other_end]]
        for first, last, other_first, other_last, is_one_kind in _blocks(kinds, other_kinds):
            left = range(start + first, start + last)
            right = range(other_start + other_first, other_start + other_last)
            if is_one_kind:
                yield from zip(left, right, strict=True)
            else:
                if left and right and left[0] == right[0] == 0:
                    # The lowest layers: each is what the image stands on, whatever made it.
                    yield 0, 0
                    left, right = left[1:], right[1:]
                yield from ((position, None) for position in left)
                yield from ((None, position) for position in right)


def _blocks(before: Sequence[Hashable], after: Sequence[Hashable]) -> Iterator[tuple[int, int, int, int, bool]]:
    """Yield runs of both sides in order: the same on both, or different."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    tail = 0
    while tail < shorter - start and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    end, other_end = len(before) - tail, len(after) - tail
    if start:
        yield 0, start, 0, start, True
    rest, other_rest = before[start:end], after[start:other_end]
    if set(rest).isdisjoint(other_rest):
        if rest or other_rest:
            yield start, end, start, other_end, False
    else:
        blocks = SequenceMatcher(None, rest, other_rest, autojunk=False).get_opcodes()
        for operation, first, last, other_first, other_last in blocks:
            yield start + first, start + last, start + other_first, start + other_last, operation == "equal"
    if tail:
        yield end, len(before), other_end, len(after), True
