"""What a retention policy keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes
from regframe.analysis.contents import Flags
from regframe.analysis.groups import By, group_columns
from regframe.analysis.releases import in_line_order, releases
from regframe.analysis.selecting import whole_tags
from regframe.analysis.tags import target_digest
from regframe.errors import InvalidReference


def retention(
    images: pd.DataFrame,
    *,
    keep_last: int | None = None,
    keep_newer_than: str | timedelta | datetime | None = None,
    keep: str | Sequence[str] = (),
    by: By = "version_line",
    now: datetime | None = None,
) -> pd.Series[bool]:
    """Return which images a policy keeps.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame.
    keep_last : int, optional
        Keep this many releases of each group.
    keep_newer_than : str, timedelta or datetime, optional
        Keep what was released since: a time, or how long ago (``"90D"``, ``timedelta(days=90)``).
    keep : str or list of str
        Keep releases of which a tag matches a glob, such as ``"latest"`` or ``"*-lts"``.
    by : str, list of str or callable
        The groups of ``keep_last``: ``"version_line"``, ``"repository"``, or as for
        :func:`~regframe.analysis.storage.storage`.
    now : datetime, optional
        The time from which ``keep_newer_than`` is counted back; the present without it.

    Returns
    -------
    pandas.Series
        ``bool``, with the index of ``images``: true for what is kept. ``images[~mask]`` is what would go.

    Raises
    ------
    InvalidReference
        If no rule is given, or one cannot be understood.

    Notes
    -----
    A release is kept if any rule keeps it, and always as a whole: with all its tags and platforms. The last releases of
    a version line are those of the highest versions; of other groups those released last. Of a release whose date is
    not known nobody can say that it is old, so ``keep_newer_than`` keeps it. Signatures, attestations and artifacts
    stay as long as what they are about, and where that is not in the frame.

    Examples
    --------
    >>> kept = rf.retention(images, keep_last=3, keep_newer_than="180D", keep=["latest", "stable*"])   # doctest: +SKIP
    >>> rf.reclaimable(inventory, ~kept)["size"].sum()                                                 # doctest: +SKIP
    """
    globs = [keep] if isinstance(keep, str) else list(keep)
    if keep_last is None and keep_newer_than is None and not globs:
        raise InvalidReference("A retention policy needs a rule: keep_last=5, keep_newer_than='90D' or keep='latest'.")
    if keep_last is not None and keep_last < 0:
        raise InvalidReference("keep_last is how many releases to keep: a whole number from 0 on.")
    found = releases(images)
    rows = _release_of_rows(images, found)
    kept = np.zeros(len(found), dtype=bool)
    if keep_last is not None:
        kept |= _last(images, found, rows, by, keep_last)
    if keep_newer_than is not None:
        since = _since(keep_newer_than, now)
        is_known = found["released_at"].notna() & found["released_source"].ne("seen")
        kept |= (~is_known | found["released_at"].ge(since)).to_numpy(bool)
    if globs:
        names, number = np.unique(images["tag"].fillna("").astype(object).to_numpy(), return_inverse=True)
        matches = np.array([any(fnmatchcase(name, glob) for glob in globs) for name in names], dtype=bool)
        kept[rows[(rows >= 0) & matches[number]]] = True
    is_kept = np.append(kept, False)[rows]
    return pd.Series(is_kept | _follows(images, rows, is_kept), index=images.index)


def _release_of_rows(images: pd.DataFrame, found: pd.DataFrame) -> Ints:
    """Return for each row of the images frame the row of its release, or -1 for what is no image's tag."""
    of_images = images["repository"], target_digest(images)
    both = [
        pd.concat([known, row], ignore_index=True)
        for known, row in zip((found["repository"], found["digest"]), of_images, strict=True)
    ]
    number, count = codes(*both)
    release = np.full(count, -1, dtype=np.int64)
    release[number[: len(found)]] = np.arange(len(found))
    has_tag = images["tag"].notna().to_numpy()
    return np.where(has_tag, release[number[len(found) :]], -1)


def _last(images: pd.DataFrame, found: pd.DataFrame, rows: Ints, by: By, count: int) -> Flags:
    if by == "version_line":
        group, order = in_line_order(found)
    else:
        first = pd.Series(np.arange(len(images))).groupby(rows).first().reindex(range(len(found)))
        keys = group_columns(images, by).take(first.to_numpy(np.int64))
        group, _ = codes(*(keys[name] for name in keys))
        times = found["released_at"].dt.tz_localize(None).astype("int64").to_numpy()
        order = np.lexsort((times, group))
    order = order[::-1]
    place = pd.Series(group[order]).groupby(group[order]).cumcount().to_numpy()
    kept = np.zeros(len(found), dtype=bool)
    kept[order[place < count]] = True
    return kept


def _since(given: str | timedelta | datetime, now: datetime | None) -> pd.Timestamp:
    try:
        if isinstance(given, datetime):
            since = pd.Timestamp(given)
        else:
            at = pd.Timestamp.now("UTC") if now is None else pd.Timestamp(now)
            since = at - pd.Timedelta(given)
    except ValueError:
        raise InvalidReference(
            "keep_newer_than is a datetime, or how long ago as text such as “90D” or a timedelta."
        ) from None
    return since.tz_localize("UTC") if since.tz is None else since


def _follows(images: pd.DataFrame, rows: Ints, is_kept: Flags) -> Flags:
    """Return which rows are of no release, and are about something kept or about nothing in the frame."""
    others = rows < 0
    known = pd.concat([images["digest"], images["index_digest"]])[np.tile(~others, 2)]
    kept = pd.concat([images["digest"], images["index_digest"]])[np.tile(is_kept & ~others, 2)]
    subject = images["subject"]
    stays = subject.isin(kept.dropna()) | ~subject.isin(known.dropna())
    return whole_tags(images, others & stays.to_numpy(bool))
