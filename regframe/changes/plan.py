"""What deleting some tags means for a repository. Pure: what is known of it in, steps out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["would go", "left", "gone", "deleted", "failed", "not tried"]

_NAMES_SHOWN = 3


@dataclass
class Holding:
    """What one repository holds, as far as its tags lead.

    Attributes
    ----------
    tags : dict of str to str
        The digest that each tag points to.
    below : mapping of str to tuple of str
        The manifests that each index names.
    above : mapping of str to tuple of str
        The indexes that name each manifest.
    by_tag : bool
        Whether the registry deletes a tag without its manifest.
    is_whole : bool
        Whether everything behind its tags could be read.
    """

    tags: dict[str, str]
    below: Mapping[str, tuple[str, ...]]
    above: Mapping[str, tuple[str, ...]]
    by_tag: bool = False
    is_whole: bool = True

    def reached(self, roots: Iterable[str]) -> dict[str, None]:
        """Return these digests and all that their indexes lead to, each after every index that names it."""
        finished: dict[str, None] = {}
        waiting = [(digest, False) for digest in roots]
        entered: set[str] = set()
        while waiting:
            digest, is_done = waiting.pop()
            if is_done:
                finished[digest] = None
            elif digest not in entered:
                entered.add(digest)
                waiting.append((digest, True))
                waiting += [(child, False) for child in self.below.get(digest, ())]
        return dict.fromkeys(reversed(finished))

    def leading_to(self, digest: str) -> set[str]:
        """Return a digest and all indexes that lead to it."""
        found = {digest}
        waiting = [digest]
        while waiting:
            new = [index for index in self.above.get(waiting.pop(), ()) if index not in found]
            found.update(new)
            waiting += new
        return found

    def tags_leading_to(self, digest: str) -> dict[str, str]:
        """Return the tags that a manifest is needed by, with what they point to."""
        roots = self.leading_to(digest)
        return {tag: root for tag, root in self.tags.items() if root in roots}


@dataclass
class Wanted:
    """What is to go from one repository.

    Attributes
    ----------
    tags : dict of str to (str or None)
        Each tag, and the digest that it is to have still.
    manifests : dict of str to None
        Manifests that are to go without a tag.
    only : frozenset of str or None
        The manifests that may go with their tags; all without it.
    """

    tags: dict[str, str | None] = field(default_factory=dict)
    manifests: dict[str, None] = field(default_factory=dict)
    only: frozenset[str] | None = None


@dataclass
class Step:
    """One tag or one manifest that is to go, and what became of it."""

    repository: str
    tag: str | None
    digest: str | None
    by: Literal["tag", "digest"] | None
    outcome: Outcome = "would go"
    reason: str | None = None
    shared_with: tuple[str, ...] = ()
    named_by: tuple[str, ...] = ()

    def end(self, outcome: Outcome, reason: str | None = None) -> None:
        """Note what became of it."""
        self.outcome, self.reason = outcome, reason


def planned(repository: str, holding: Holding, wanted: Wanted, *, even_if_moved: bool = False) -> list[Step]:
    """Return what would go from a repository, in an order in which an interruption breaks nothing that stays.

    Tags come first, then manifests that nothing names any more, each after the indexes that name it.
    """
    steps = [_tag_step(repository, holding, tag, digest, even_if_moved) for tag, digest in wanted.tags.items()]
    # By its digest, what an index names would go before the index if its tag came first.
    named = holding.reached(step.digest for step in steps if step.digest)
    order = {digest: place for place, digest in enumerate(named)}
    steps.sort(key=lambda step: order.get(step.digest or "", len(order)))
    going = {step.tag: step for step in steps if step.outcome == "would go"}
    staying = {tag: digest for tag, digest in holding.tags.items() if tag not in going}
    needed = holding.reached(staying.values())
    tags_of: dict[str, list[str]] = {}
    for tag, digest in holding.tags.items():
        tags_of.setdefault(digest, []).append(tag)
    for step in steps:
        if step.digest:
            step.shared_with = tuple(tag for tag in tags_of.get(step.digest, ()) if tag != step.tag)
            step.named_by = tuple(index for index in holding.above.get(step.digest, ()) if index in needed)
    # What is left needs nothing that is not needed already.
    for step in [step for step in going.values() if step.digest in needed and not holding.by_tag]:
        _leave(step, holding, staying, tags_of)
        del going[step.tag]
    targets = [step.digest for step in going.values() if step.digest]
    gone_with_tag = set() if holding.by_tag else set(targets)
    for digest in holding.reached([*targets, *wanted.manifests]):
        is_asked_for = digest in wanted.manifests
        may_go = wanted.only is None or digest in wanted.only or is_asked_for
        if digest in gone_with_tag or not may_go or (digest in needed and not is_asked_for):
            continue
        step = Step(repository, None, digest, "digest")
        step.shared_with = tuple(tag for tag in tags_of.get(digest, ()) if tag not in going)
        step.named_by = tuple(index for index in holding.above.get(digest, ()) if index in needed)
        if not holding.is_whole:
            step.end("left", UNREAD)
        elif digest in needed:
            step.end("left", still_needed(step))
        steps.append(step)
    return steps


UNREAD = "left: not everything in its repository could be read, and what could not may need it"


def _tag_step(repository: str, holding: Holding, tag: str, expected: str | None, even_if_moved: bool) -> Step:
    actual = holding.tags.get(tag)
    step = Step(repository, tag, actual or expected, "tag" if holding.by_tag else "digest")
    if actual is None:
        if holding.is_whole:
            step.end("gone", "there is no such tag any more")
        else:
            step.end("left", "left: what it points to could not be read")
    elif expected and actual != expected and not even_if_moved:
        step.digest = expected
        step.end("left", moved(actual))
    elif not holding.is_whole and not holding.by_tag:
        step.end("left", UNREAD)
    return step


def _leave(step: Step, holding: Holding, staying: Mapping[str, str], tags_of: Mapping[str, Sequence[str]]) -> None:
    """Note why deleting a tag by its digest would take something from a tag that stays."""
    assert step.digest is not None
    if sharing := [tag for tag in step.shared_with if tag in staying]:
        step.end("left", f"left: the registry deletes by digest, and {_listed(sharing)} has the same and stays")
    else:
        named = [tag for index in holding.leading_to(step.digest) for tag in tags_of.get(index, ()) if tag in staying]
        step.end("left", named_and_stays(named))


def named_and_stays(tags: Iterable[str]) -> str:
    """Return why a tag is left whose digest is in the index of others."""
    return f"left: the registry deletes by digest, and the index of {_listed(tags)} names it and stays"


def moved(digest: str) -> str:
    """Return why a tag is left that is no longer what it was."""
    return f"left: it has moved, and is now {digest}"


def still_needed(step: Step) -> str:
    """Return why a manifest is left."""
    names = [*step.shared_with, *step.named_by]
    return f"left: {_listed(names)} still leads to it" if names else "left: a tag that stays still leads to it"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
