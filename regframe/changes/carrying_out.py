"""A plan carried out: one request after the other, each only while it is still right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import anyio

from regframe.changes.plan import UNREAD, Holding, Step, moved, named_and_stays, still_needed
from regframe.errors import CredentialsRefused, NotFound, RegframeError, Unsupported
from regframe.sources.registry import RegistrySource
from regframe.sources.writing import RegistryWriter

_STOPPED = "not tried: interrupted before"


async def carry_out(
    steps: Sequence[Step],
    holdings: Mapping[str, Holding],
    source: RegistrySource,
    writer: RegistryWriter,
    is_stopped: Callable[[], bool],
    *,
    even_if_moved: bool = False,
) -> None:
    """Carry steps out in their order, and note in each what became of it.

    Parameters
    ----------
    steps : sequence of Step
        A plan; steps that would not go are passed over.
    holdings : mapping of str to Holding
        What each repository holds; what goes is taken out of it.
    source, writer : RegistrySource, RegistryWriter
        The registry.
    is_stopped : callable
        Whether to try no further step.
    even_if_moved : bool
        Whether a tag goes that has moved since the plan was made.
    """
    refusals: dict[str, str] = {}
    for step in steps:
        if step.outcome != "would go":
            continue
        if is_stopped() and step.by == "digest" and (before := _went_before(step, holdings[step.repository])):
            step.end("deleted", _with(before))
        elif is_stopped():
            step.end("not tried", _STOPPED)
        elif step.repository in refusals:
            step.end("not tried", refusals[step.repository])
        else:
            holding = holdings[step.repository]
            # What is under way is brought to its end, and its outcome noted.
            with anyio.CancelScope(shield=True):
                try:
                    if step.tag is None:
                        await _delete_manifest(step, holding, writer)
                    else:
                        await _delete_tag(step, step.tag, holding, source, writer, even_if_moved=even_if_moved)
                except RegframeError as error:
                    step.end("failed", str(error))
                    if isinstance(error, (CredentialsRefused, Unsupported)):
                        refusals[step.repository] = f"not tried: {error}"


async def _delete_manifest(step: Step, holding: Holding, writer: RegistryWriter) -> None:
    assert step.digest is not None
    if not holding.is_whole:
        step.end("left", UNREAD)
        return
    # A tag that was to go and is still there goes on needing what it leads to.
    if needing := holding.tags_leading_to(step.digest):
        step.shared_with = tuple(tag for tag, digest in needing.items() if digest == step.digest)
        reached = holding.reached(needing.values())
        step.named_by = tuple(index for index in holding.above.get(step.digest, ()) if index in reached)
        step.end("left", still_needed(step))
        return
    try:
        await writer.delete_manifest(step.repository, step.digest)
    except NotFound:
        step.end("gone", "it was gone already")
    else:
        step.end("deleted")


async def _delete_tag(
    step: Step, tag: str, holding: Holding, source: RegistrySource, writer: RegistryWriter, *, even_if_moved: bool
) -> None:
    assert step.digest is not None
    before = _went_before(step, holding)
    try:
        now = await _digest(source, step.repository, tag)
    except NotFound:
        holding.tags.pop(tag, None)
        if before and step.by == "digest":
            step.end("deleted", _with(before))
        else:
            step.end("gone", "there is no such tag any more")
        return
    # By its digest another manifest would go, of which it is not known what else has it.
    if now != step.digest and not (even_if_moved and step.by == "tag"):
        step.end("left", moved(now))
        # What it leads to now was not read.
        holding.tags[tag], holding.is_whole = now, False
        return
    if step.by == "digest":
        # A tag that was to go before, and is still there, may need it.
        if not holding.is_whole:
            step.end("left", UNREAD)
            return
        if named := [one for one, root in holding.tags_leading_to(step.digest).items() if root != step.digest]:
            step.end("left", named_and_stays(named))
            return
    try:
        await writer.delete_manifest(step.repository, tag if step.by == "tag" else step.digest)
    except NotFound:
        step.end("gone", "it was gone already")
    else:
        step.end("deleted")
    del holding.tags[tag]


def _went_before(step: Step, holding: Holding) -> str | None:
    """Return a tag of the same digest that was deleted before, and so took this one with it."""
    return next((tag for tag in step.shared_with if tag not in holding.tags), None) if step.tag else None


def _with(tag: str) -> str:
    return f"with {tag}, which had the same digest"


async def _digest(source: RegistrySource, repository: str, tag: str) -> str:
    pointer = await source.resolve(repository, tag)
    return pointer.digest if pointer else (await source.manifest(repository, tag)).digest
