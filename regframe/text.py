"""Sizes, digests and steps as people read them; what prints and what draws writes them alike."""

from __future__ import annotations

import re

from regframe.errors import printable

# What a table's class says so that JupyterLab does not take shell variables ($A … $B) in it for a formula.
NO_FORMULAS = "tex2jax_ignore mathjax_ignore"

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
_LETTERS_OF_A_DIGEST = 12
# What docker and BuildKit write around the Dockerfile's own words.
_NOP = re.compile(r"^/bin/sh -c #\(nop\)\s*")
_ARGUMENTS = re.compile(r"^(RUN )?\|\d+ .*?(?=/bin/sh -c )", re.DOTALL)
_SHELL = re.compile(r"^(?:RUN )?/bin/sh -c\s+")
# Of what was copied, builders write the whole hash.
_CONTENT = re.compile(r"\b((?:file|dir|multi):[0-9a-f]{12})[0-9a-f]+")
_BUILDKIT = re.compile(r"\s*# buildkit\s*$")


def human_size(size: float) -> str:
    """Return bytes for people: three digits and a decimal unit, as docker writes them.

    >>> human_size(52_300_000), human_size(999_999), human_size(-1_000), human_size(17)
    ('52.3 MB', '1 MB', '-1 kB', '17 B')
    """
    value, unit = float(size), "B"
    for larger in _UNITS:
        # What would be rounded to 1000 is one of the next unit.
        if abs(value) < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def short_digest(digest: str) -> str:
    """Return the first letters of a digest, as docker shows them; its algorithm too unless that is the usual one.

    >>> short_digest("sha256:5f6b2a47a3c1d9e8f7")
    '5f6b2a47a3c1'
    """
    algorithm, _, value = digest.partition(":")
    end = len(algorithm) + 1 + _LETTERS_OF_A_DIGEST
    return value[:_LETTERS_OF_A_DIGEST] if algorithm == "sha256" else digest[:end]


def step_text(created_by: str, limit: int = 400) -> str:
    """Return a build's step as its Dockerfile has it, on one line: without the shell and BuildKit's remark.

    >>> step_text('/bin/sh -c #(nop)  CMD ["httpd-foreground"]'), step_text("RUN /bin/sh -c apk add curl # buildkit")
    ('CMD ["httpd-foreground"]', 'RUN apk add curl')
    """
    text = _BUILDKIT.sub("", created_by)
    if without_nop := _NOP.sub("", text):
        text = without_nop if without_nop != text else _SHELL.sub("RUN ", _ARGUMENTS.sub("", text))
    return printable(" ".join(_CONTENT.sub(r"\1", text).split()), limit)


def shortened(text: str, length: int) -> str:
    """Return text of no more than so many letters: words keep their beginning, a name both of its ends."""
    if len(text) <= length:
        return text
    if " " in text:
        return text[: max(length - 1, 1)].rstrip() + "…"
    end = max(length // 2 - 1, 1)
    return text[: max(length - 1 - end, 1)] + "…" + text[-end:]
