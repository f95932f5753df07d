"""A selection to a plan, and a plan to a frame: between what a user holds and :mod:`regframe.changes.plan`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from regframe.analysis.reclaimable import reclaimable
from regframe.analysis.tags import target_digest
from regframe.changes.plan import Holding, Step, Wanted
from regframe.errors import InvalidReference, NotFound, RegframeError
from regframe.frames import Frames, frame
from regframe.oci.manifest import Index
from regframe.order import place
from regframe.records import Records
from regframe.reference import Pattern
from regframe.selection import Selection, choose
from regframe.sources.writing import Permission


def patterns_of(selection: Selection, read: Callable[[str], Pattern]) -> tuple[Pattern, ...]:
    """Return what is meant by a selection of what is to go; of a plan, the rows that would.

    Raises
    ------
    InvalidReference
        If it is none: everything is not meant by leaving it out.
    """
    if selection is None:
        raise InvalidReference("Say what is to go: a frame, or a selection such as httpd:2.2*.")
    if isinstance(selection, pd.DataFrame):
        if "outcome" in selection:
            selection = selection[selection["outcome"] == "would go"]
        _refuse_vague(selection)
        if "aliases" in selection and "tag" in selection:
            others = selection.assign(tag=selection["aliases"].str.split(", ")).explode("tag")
            selection = pd.concat([selection, others[others["tag"].fillna("") != ""]], ignore_index=True)
    return choose(selection, read, None).patterns


def _refuse_vague(frame: pd.DataFrame) -> None:
    """Refuse rows that have lost what they named, and would stand for a tag whatever it is, or for a repository."""
    columns = ["digest"] if "outcome" in frame else ["tag", "digest", "index_digest"]
    is_vague = frame.reindex(columns=columns).isna().all(axis=1)
    if ("outcome" in frame or "tag" in frame) and is_vague.any():
        lost = "digest" if "outcome" in frame else "tag or digest"
        raise InvalidReference(f"{int(is_vague.sum()):,} of the frame's rows have no {lost}; nothing is deleted.")


def read_for(patterns: Iterable[Pattern]) -> list[Pattern]:
    """Return what has to be read: all of each repository, and manifests that are named without a tag."""
    found: dict[Pattern, None] = {}
    for pattern in patterns:
        found[Pattern(pattern.repository)] = None
        if pattern.digest and not pattern.tag:
            found[pattern] = None
    return list(found)


def holdings_of(records: Records) -> dict[str, Holding]:
    """Return what each repository holds."""
    below = {
        digest: tuple(dict.fromkeys(entry.digest for entry in document.manifests))
        for digest, document in records.manifests.items()
        if isinstance(document, Index)
    }
    above: dict[str, tuple[str, ...]] = {}
    for index, digests in below.items():
        above |= {digest: (*above.get(digest, ()), index) for digest in digests}
    holdings = {repository: Holding({}, below, above) for repository in records.repositories}
    order = {repository: number for number, repository in enumerate(holdings)}
    for tag in sorted(records.tags, key=lambda tag: place(order, tag.repository, tag.tag, tag.digest)):
        holding = holdings.setdefault(tag.repository, Holding({}, below, above))
        if tag.tag and tag.digest:
            holding.tags[tag.tag] = tag.digest
        if tag.digest and any(
            digest in above and not isinstance(error, NotFound) for digest, error in records.missing(tag.digest)
        ):
            holding.is_whole = False
    for failure in records.failures:
        # A tag that leads to nothing needs nothing.
        is_gone = (failure.digest and not failure.tag) or (failure.tag and isinstance(failure.error, NotFound))
        if failure.repository in holdings and not is_gone:
            holdings[failure.repository].is_whole = False
    return holdings


def wanted_of(patterns: Iterable[Pattern], selection: Selection, holdings: Mapping[str, Holding]) -> dict[str, Wanted]:
    """Return what is to go from each repository."""
    wanted: dict[str, Wanted] = {}
    # Frames of layers, steps and settings have the digest of an image, of which the tag may be the index.
    has_images = isinstance(selection, pd.DataFrame) and "platform" in selection and "index_digest" not in selection
    for pattern in patterns:
        named = [pattern.repository] if pattern.names_repository else holdings
        for repository in [name for name in named if name in holdings and pattern.matches_repository(name)]:
            own, tags = wanted.setdefault(repository, Wanted()), holdings[repository].tags
            if pattern.digest and not pattern.tag:
                own.manifests[pattern.digest] = None
            elif pattern.tag and pattern.names_tag:
                actual, digest = tags.get(pattern.tag), pattern.digest
                if has_images and actual and digest in holdings[repository].reached([actual]):
                    digest = actual
                # Of several rows for a tag, one that it has moved away from counts.
                if own.tags.get(pattern.tag) in {None, actual}:
                    own.tags[pattern.tag] = digest
            else:
                own.tags.update({tag: own.tags.get(tag) for tag in tags if pattern.matches_tag(tag)})
    if isinstance(selection, pd.DataFrame) and "outcome" in selection:
        # A manifest that somebody took out of a plan is not to go.
        for own in wanted.values():
            own.only = frozenset(own.manifests)
    return wanted


def freed(steps: Sequence[Step], records: Records, frames: Frames) -> list[int | None]:
    """Return the bytes that each step frees; what several need is counted at the first of them."""
    going = {(step.repository, step.tag) for step in steps if step.outcome == "would go" and step.tag}
    digests = {step.digest for step in steps if step.outcome == "would go" and step.tag is None}
    images = frames.images
    target = target_digest(images)
    mask = [
        (repository, tag) in going or (pd.isna(tag) and digest in digests)
        for repository, tag, digest in zip(images["repository"], images["tag"], target, strict=True)
    ]
    with warnings.catch_warnings():
        # What could not be read has a row in errors.
        warnings.simplefilter("ignore")
        found = reclaimable(frames, mask)
    left = dict(zip(found["digest"], found["size"].fillna(0), strict=True))
    sums: list[int | None] = []
    for step in steps:
        if step.outcome != "would go" or step.digest is None:
            sums.append(None)
        elif step.by == "tag":
            sums.append(0)
        else:
            sums.append(sum(int(left.pop(digest, 0)) for digest in held(step.digest, records)))
    return sums


def held(digest: str, records: Records) -> list[str]:
    """Return the digest of a manifest and those of the config and the layers that it names."""
    manifest = records.manifests.get(digest)
    if manifest is None or isinstance(manifest, Index):
        return [digest]
    config = [manifest.config.digest] if manifest.config else []
    return list(dict.fromkeys([digest, *config, *(layer.digest for layer in manifest.layers)]))


def deletions(
    steps: Sequence[Step], sizes: Sequence[int | None], records: Records, permissions: Mapping[str, Permission]
) -> pd.DataFrame:
    """Return the frame of a plan, or of what became of it."""
    return frame("deletions", [_row(step, size, records, permissions) for step, size in zip(steps, sizes, strict=True)])


def with_rest(done: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Return what became of a plan with those of its rows that were not to go, as they were."""
    if not isinstance(selection, pd.DataFrame) or "outcome" not in selection:
        return done
    rest = selection[selection["outcome"] != "would go"].reindex(columns=done.columns)
    # Of a plan that somebody has edited, what is no text may be anything.
    rows = pd.concat([done.astype(object), rest.assign(freed=None, allowed=None).astype(object)])
    return frame("deletions", rows.where(rows.notna(), None).itertuples(index=False, name=None))


def _row(step: Step, size: int | None, records: Records, permissions: Mapping[str, Permission]) -> tuple[Any, ...]:
    document = records.manifests.get(step.digest or "")
    kind = None if document is None else "index" if isinstance(document, Index) else "manifest"
    permission = permissions.get(step.repository)
    return (
        step.repository, step.tag, step.digest, kind, step.by,
        ", ".join(step.shared_with) or None, ", ".join(step.named_by) or None,
        size, permission and permission.refusal is None, step.outcome, step.reason,
    )  # fmt: skip


def refused(steps: Iterable[Step], permissions: Mapping[str, Permission]) -> list[RegframeError]:
    """Mark what the registry does not let the user delete as left, and return why."""
    errors = [permission.refusal for permission in permissions.values() if permission.refusal]
    for step in steps:
        refusal = permissions[step.repository].refusal
        if refusal is not None and step.outcome == "would go":
            step.end("left", f"left: {refusal}")
    return errors
