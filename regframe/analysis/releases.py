"""Releases: what was published when, under which tags, in which version line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes, first_rows
from regframe.analysis.tags import joined, release_tags
from regframe.frames import COUNT, TEXT

# From the best to the least known; see regframe.oci.release.
_SOURCES = ("registry", "annotation", "config", "history", "modified", "seen")
_DAY = pd.Timedelta(days=1)
_DAYS_OF_MONTH = 365.25 / 12

_RELEASE_COLUMNS = ["repository", "tag", "aliases", "digest", "tag_form", "prefix", "major", "minor", "patch"]
_RELEASE_COLUMNS += ["prerelease", "build", "variant", "version_line", "released_at", "released_source", "platforms"]
_RELEASE_COLUMNS += ["size", "previous_tag", "previous_digest", "days_since_previous", "size_change"]


def aliases(images: pd.DataFrame) -> pd.DataFrame:
    r"""Return what each image is called: one row for each digest that tags of a repository point to.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame, or some of its rows.

    Returns
    -------
    pandas.DataFrame
        In natural order of the tags:

        =============  =====  ==================================================================================
        column         dtype  what
        =============  =====  ==================================================================================
        repository     str    the repository
        digest         str    what the tags point to: an index, or a manifest
        tag            str    the most specific of the tags
        version        str    the version (or date) that this tag is of, without variant; missing for other tags
        aliases        str    all other tags, the most specific first, with commas between; empty if there is none
        tags           Int64  how many tags there are
        =============  =====  ==================================================================================

    Notes
    -----
    The most specific tag has the most numbers (``1.25.3`` before ``1.25``; a date counts as three, a commit as two),
    then the longest variant (``1.25.3-alpine3.18`` before ``1.25.3-alpine``). Names come last, ``latest`` after all.
    Signatures, attestations and artifacts are left out, and images without a tag.

    Examples
    --------
    What ``latest`` is:

    >>> names = rf.aliases(inventory.images)                              # doctest: +SKIP
    >>> names[names["aliases"].str.contains(r"\blatest\b")]                 # doctest: +SKIP
      repository          digest     tag version              aliases  tags
    3      httpd  sha256:5f6b2a…  2.4.62  2.4.62       2.4, 2, latest     4
    """
    named = _one_row_each(release_tags(images))
    texts = [named[name].astype(object) for name in ("tag", "tag_form", "prefix", "variant")]
    named["version"] = pd.Series([_version_text(*parts) for parts in zip(*texts, strict=True)], dtype=TEXT)
    return named[["repository", "digest", "tag", "version", "aliases", "tags"]]


def releases(images: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each release: a digest that tags of a repository point to, under whatever tags.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame, or some of its rows, such as those of one platform.

    Returns
    -------
    pandas.DataFrame
        By repository, in natural order of the tags:

        ===================  ===================  ===============================================================
        column               dtype                what
        ===================  ===================  ===============================================================
        repository           str                  the repository
        tag                  str                  the most specific tag; see :func:`aliases`
        aliases              str                  the other tags, with commas between
        digest               str                  what the tags point to: an index, or a manifest
        tag_form             category             how the tag is written: version, date, commit, name; missing if
                                                  it could not be read
        prefix               str                  the words before the number, such as ``beta`` of ``beta-6.8``
        major, minor, patch  Int64                the version's numbers
        prerelease           str                  such as ``rc.1``
        build                str                  such as ``28`` of ``8.0.36-28``: what tells builds apart
        variant              str                  such as ``alpine3.20``
        version_line         str                  the releases that follow each other; see below
        released_at          datetime64[us, UTC]  of its images' times of the best source, the latest
        released_source      category             that source
        platforms            Int64                how many platforms it is for
        size                 Int64                bytes of the layers of its images, of all platforms together
        previous_tag         str                  the release before it in its line
        previous_digest      str                  that release's digest
        days_since_previous  Float64              days from that release to this one
        size_change          Int64                bytes that it is larger than that one, on the platforms of both
        ===================  ===================  ===============================================================

    Notes
    -----
    A version line is the words before the number, the major and minor number, and the variant: ``1.25-alpine3.20``.
    Where no version of that major has a patch number or a build (``16.3``, ``16.4``), the minor number is what counts
    up, and the line is ``16``. Where no version of the repository has a minor number and this one no variant
    (``build-143``), the line is ``build``, or ``number``. A date's line is what stands around it (``bookworm-slim``),
    or ``date``; a commit's the same, or ``commit``; a name is a line by itself.

    In a line versions and dates follow each other in natural order, commits by ``released_at``.

    Examples
    --------
    >>> found = rf.releases(registry.images("httpd"))                                      # doctest: +SKIP
    >>> found[["tag", "version_line", "released_at", "previous_tag", "size_change"]]       # doctest: +SKIP
    """
    tags = release_tags(images)
    found = _one_row_each(tags)
    found["version_line"] = _version_lines(found)
    rows = _image_rows(images, tags)
    found = found.join(_dates(rows)).join(_sizes(rows))
    found["platforms"] = found["platforms"].astype(COUNT)
    previous = _previous(found)
    has_previous = previous >= 0
    before = found.take(np.where(has_previous, previous, 0)) if len(found) else found
    for column in ("tag", "digest"):
        found[f"previous_{column}"] = before[column].reset_index(drop=True).where(has_previous)
    gap = found["released_at"] - before["released_at"].reset_index(drop=True).where(has_previous)
    found["days_since_previous"] = _days(gap)
    found["size_change"] = _size_changes(rows, previous)
    return found[_RELEASE_COLUMNS]


def cadence(
    releases: pd.DataFrame, by: str | Sequence[str] = "version_line", *, now: datetime | None = None
) -> pd.DataFrame:
    """Return how often something is released.

    Parameters
    ----------
    releases : pandas.DataFrame
        A frame of :func:`releases`, or some of its rows.
    by : str or list of str
        ``"version_line"`` (of each repository), ``"repository"``, or other columns.
    now : datetime, optional
        The time from which days since the last release are counted; the present without it.

    Returns
    -------
    pandas.DataFrame
        The columns of ``by`` (with ``repository`` before ``version_line``), and ``releases`` (Int64), ``first_release``
        and ``last_release`` (datetime64[us, UTC]), ``last_tag`` (str, of the last release), ``days_since_last``,
        ``median_gap_days`` and ``releases_per_month`` (Float64). The last two are missing for a single release.

    Notes
    -----
    ``releases_per_month`` is the number of gaps divided by the months (of 30.44 days) from the first release to the
    last. Releases whose date is not known better than when they were first seen count as releases, not as dates.

    Examples
    --------
    >>> rf.cadence(rf.releases(images)).sort_values("days_since_last")     # doctest: +SKIP
    """
    keys = ["repository", "version_line"] if by == "version_line" else [by] if isinstance(by, str) else list(by)
    number, count = codes(*(releases[key] for key in keys))
    groups = releases[keys].take(first_rows(number, count)).reset_index(drop=True)
    groups["releases"] = pd.array(np.bincount(number, minlength=count), dtype=COUNT)
    dated = releases["released_at"].notna() & releases["released_source"].ne("seen")
    times = pd.DataFrame({"group": number, "at": releases["released_at"].array, "tag": releases["tag"].array})
    times = times[dated.to_numpy(bool)].sort_values(["group", "at"], kind="stable")
    times["gap"] = _days(times.groupby("group")["at"].diff())
    grouped = times.groupby("group")
    first, last = grouped["at"].first().reindex(groups.index), grouped["at"].last().reindex(groups.index)
    at = pd.Timestamp.now("UTC") if now is None else pd.Timestamp(now)
    at = at.tz_localize("UTC") if at.tz is None else at
    groups["first_release"], groups["last_release"] = first, last
    groups["last_tag"] = grouped["tag"].last().reindex(groups.index).astype(TEXT)
    groups["days_since_last"] = _days(at - last)
    groups["median_gap_days"] = grouped["gap"].median().reindex(groups.index)
    months = _days(last - first) / _DAYS_OF_MONTH
    gaps = grouped.size().reindex(groups.index).sub(1)
    groups["releases_per_month"] = (gaps / months.where(months > 0)).astype("Float64")
    return groups


def _days(time: Any) -> pd.Series[float]:
    days: pd.Series[float] = (time / _DAY).astype("Float64")
    return days


def version_lines(images: pd.DataFrame) -> pd.Series[str]:
    """Return the version line of each row of an images frame; missing for what has no tag or is no image."""
    tags = release_tags(images)
    line = _version_lines(_one_row_each(tags)).to_numpy()[tags["release"].to_numpy()]
    known = pd.Series(line, index=pd.MultiIndex.from_frame(tags[["repository", "tag"]]), dtype=TEXT)
    wanted = pd.MultiIndex.from_frame(images[["repository", "tag"]])
    return pd.Series(known.reindex(wanted).array, index=images.index, dtype=TEXT)


def _one_row_each(tags: pd.DataFrame) -> pd.DataFrame:
    """Return the most specific tag of each release, with ``aliases`` and ``tags``, by the release's number."""
    counts = np.bincount(tags["release"].to_numpy()) if len(tags) else np.zeros(0, dtype=np.int64)
    starts = np.cumsum(counts) - counts
    found = tags.take(starts).reset_index(drop=True)
    is_other = np.ones(len(tags), dtype=bool)
    is_other[starts] = False
    others = tags.loc[is_other, "tag"].tolist()
    found["aliases"] = pd.Series(joined(others, counts - 1), dtype=TEXT)
    found["tags"] = pd.array(counts, dtype=COUNT)
    return found


def _version_text(tag: str, form: Any, prefix: Any, variant: Any) -> str | None:
    """Return a tag without the words before its version and its variant: ``1.25.3`` of ``v1.25.3-alpine``."""
    if form not in {"version", "date"}:
        return None
    start = len(prefix) + 1 if isinstance(prefix, str) else 0
    end = len(tag) - len(variant) - 1 if isinstance(variant, str) else len(tag)
    return tag[start:end].removeprefix("v").removeprefix("V")


def _version_lines(found: pd.DataFrame) -> pd.Series[str]:
    by_prefix, _ = codes(found["repository"], found["prefix"])
    by_major, _ = codes(found["repository"], found["prefix"], found["major"])
    has_minor = _any(found["minor"].notna(), by_prefix)
    has_patch = _any(found["patch"].notna() | found["build"].notna(), by_major)
    columns = [found[name].astype(object).to_numpy() for name in ("tag", "tag_form", "prefix", "variant")]
    majors = found["major"].astype(TEXT).to_numpy(object)
    minors = found["minor"].astype(TEXT).to_numpy(object)
    lines = []
    for tag, form, prefix, variant, major, minor, any_minor, any_patch in zip(
        *columns, majors, minors, has_minor, has_patch, strict=True
    ):
        if not isinstance(form, str) or form in {"name", "digest"}:
            lines.append(tag)
            continue
        number = None
        if form == "version" and (any_minor or isinstance(variant, str)):
            number = f"{major}.{minor}" if any_patch and isinstance(minor, str) else major
        around = [part for part in (prefix, number, variant) if isinstance(part, str)]
        lines.append("-".join(around) or ("number" if form == "version" else form))
    return pd.Series(lines, dtype=TEXT)


def _any(values: pd.Series[bool], numbers: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each row whether the value holds in any row of its group."""
    found = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=bool)
    found[numbers[values.to_numpy(bool)]] = True
    return found[numbers]


def _image_rows(images: pd.DataFrame, tags: pd.DataFrame) -> pd.DataFrame:
    """Return the images of each release: one row for each of its platforms."""
    columns = ["repository", "tag", "digest", "index_digest", "platform", "released_at", "released_source", "size"]
    rows = images.loc[images["kind"].eq("image").to_numpy(bool) & images["tag"].notna().to_numpy(), columns]
    first = tags.drop_duplicates("release")[["repository", "tag", "release"]]
    rows = rows.merge(first, on=["repository", "tag"])
    platform, _ = codes(rows["platform"])
    rows["platform_number"] = platform
    return rows.drop_duplicates(["release", "platform_number", "digest"])


def _dates(rows: pd.DataFrame) -> pd.DataFrame:
    rank = rows["released_source"].astype(object).map({source: rank for rank, source in enumerate(_SOURCES)})
    best = rows.assign(rank=rank).sort_values(["release", "rank", "released_at"], ascending=[True, True, False])
    return best.drop_duplicates("release").set_index("release")[["released_at", "released_source"]]


def _sizes(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby("release")
    return pd.DataFrame({"size": grouped["size"].sum(min_count=1), "platforms": grouped["platform_number"].nunique()})


def in_line_order(found: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the number of each release's line, and the releases line by line, in each in the order of its releases."""
    line, _ = codes(found["repository"], found["version_line"])
    # Commits have no order of their own; the releases of other forms stand in theirs already.
    times = found["released_at"].dt.tz_localize(None).astype("int64").to_numpy()
    return line, np.lexsort((np.where(found["tag_form"].eq("commit"), times, 0), line))


def _previous(found: pd.DataFrame) -> Ints:
    """Return the number of the release before each in its line, or -1."""
    line, order = in_line_order(found)
    previous = np.full(len(found), -1, dtype=np.int64)
    follows = line[order[1:]] == line[order[:-1]]
    previous[order[1:][follows]] = order[:-1][follows]
    return previous


def _size_changes(rows: pd.DataFrame, previous: Ints) -> pd.Series[int]:
    sizes = rows.groupby(["release", "platform_number"])["size"].sum(min_count=1).rename("now").reset_index()
    sizes["previous"] = previous[sizes["release"].to_numpy()]
    both = sizes.merge(
        sizes[["release", "platform_number", "now"]].rename(columns={"release": "previous", "now": "before"}),
        on=["previous", "platform_number"],
    )
    change = (both["now"] - both["before"]).groupby(both["release"]).sum(min_count=1)
    return change.reindex(range(len(previous))).astype(COUNT)
