"""Which platforms tags are for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regframe.analysis.codes import codes
from regframe.analysis.releases import releases
from regframe.analysis.tags import joined, target_digest
from regframe.frames import TEXT, YES_OR_NO


def platforms(images: pd.DataFrame) -> pd.DataFrame:
    """Return which platforms each tag is for, and which its release has lost or gained.

    Parameters
    ----------
    images : pandas.DataFrame
        An images frame, or some of its rows.

    Returns
    -------
    pandas.DataFrame
        One row for each tag of images, in the order of the images frame:

        ===============  =======  ==============================================================================
        column           dtype    what
        ===============  =======  ==============================================================================
        repository, tag  str      the tag
        version_line     str      the line of its release; see :func:`~regframe.analysis.releases.releases`
        previous_tag     str      the release before it in that line
        lost             str      the platforms that the release before had and this one lacks, with commas between
        gained           str      the platforms that this one has and the release before lacked
        linux/amd64, …   boolean  one column for each platform of the frame, by name: whether the tag is for it
        ===============  =======  ==============================================================================

        ``lost`` and ``gained`` are missing where there is no release before it, and empty if nothing was.

    Examples
    --------
    >>> found = rf.platforms(registry.images("httpd"))                # doctest: +SKIP
    >>> found[found["lost"].fillna("") != ""]                         # doctest: +SKIP
    """
    of_images = images[images["kind"].eq("image").to_numpy(bool) & images["tag"].notna().to_numpy()]
    found = releases(images)
    tag, count = codes(of_images["repository"], of_images["tag"])
    first = pd.Series(np.arange(len(of_images))).groupby(tag).first().to_numpy(np.int64)
    names = sorted({str(name) for name in of_images["platform"].dropna()})
    place = of_images["platform"].astype(object).map({name: place for place, name in enumerate(names)})
    has = np.zeros((count, len(names)), dtype=bool)
    is_known = place.notna().to_numpy(bool)
    has[tag[is_known], place[is_known].to_numpy(np.int64)] = True

    shown = of_images.take(first)[["repository", "tag"]].reset_index(drop=True)
    shown["digest"] = target_digest(of_images.take(first)).array
    columns = ["repository", "digest", "version_line", "previous_tag"]
    shown = shown.merge(found[columns], on=["repository", "digest"], how="left").drop(columns="digest")
    rows = shown[["repository", "tag"]].assign(row=np.arange(count))
    before = shown.merge(
        rows.rename(columns={"tag": "previous_tag", "row": "before"}), on=["repository", "previous_tag"], how="left"
    )["before"]
    has_before = before.notna().to_numpy(bool)
    had = has[before.fillna(0).to_numpy(np.int64)] if count else has
    for name, changed in (("lost", had & ~has), ("gained", has & ~had)):
        row, column = np.nonzero(changed)
        texts = joined([names[one] for one in column], np.bincount(row, minlength=count))
        shown[name] = pd.Series(texts, dtype=TEXT).where(has_before)
    columns_of = pd.DataFrame(has, columns=names).astype(YES_OR_NO)
    return pd.concat([shown, columns_of], axis=1)
