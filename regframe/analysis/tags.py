"""Tags of images: which are one release, how each is written, and which of them says most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes
from regframe.frames import CATEGORY, COUNT, TEXT
from regframe.version import TagParts, read_with_order

# The numbers that a date and a commit stand for, when the most specific of several tags is looked for: 2024-01-15
# says as much as 1.25.3, and a commit as much as 1.25.
_DATE_NUMBERS, _COMMIT_NUMBERS = 3, 2
_MOVING = "latest"


def target_digest(images: pd.DataFrame) -> pd.Series[str]:
    """Return the digest that each row's tag points to: that of its index, else of its manifest."""
    return images["index_digest"].where(images["index_digest"].notna(), images["digest"])


def release_tags(images: pd.DataFrame) -> pd.DataFrame:
    """Return the tags of images (not of signatures and artifacts), the most specific of each release first.

    Returns
    -------
    pandas.DataFrame
        ``repository``, ``tag``, ``digest`` (what the tag points to), ``tag_form``, ``prefix``, ``major``, ``minor``,
        ``patch``, ``prerelease``, ``build``, ``variant``, ``order`` (natural order of the tag) and ``release`` (from 0;
        releases stand by repository, then in the natural order of their most specific tag).
    """
    of_images = images["kind"].eq("image").to_numpy(bool) & images["tag"].notna().to_numpy()
    rows = images.loc[of_images, ["repository", "tag", "digest", "index_digest"]]
    rows = rows.drop_duplicates(["repository", "tag"])
    tags = pd.DataFrame({"repository": rows["repository"], "tag": rows["tag"], "digest": target_digest(rows)})
    tags = tags.reset_index(drop=True)
    number, names = pd.factorize(tags["tag"])
    tags = pd.concat([tags, _parts(names.astype(object).tolist()).take(number).reset_index(drop=True)], axis=1)
    repository, _ = codes(tags["repository"])
    release, count = codes(tags["repository"], tags["digest"])
    # The last key counts first.
    says_most = np.lexsort((tags["order"], -tags["length"], -tags["numbers"], release))
    first = says_most[np.searchsorted(release[says_most], np.arange(count))]
    place = np.empty(count, dtype=np.int64)
    place[np.lexsort((tags["order"].to_numpy()[first], repository[first]))] = np.arange(count)
    tags["release"] = place[release]
    tags = tags.take(np.lexsort((tags["order"], -tags["length"], -tags["numbers"], tags["release"])))
    return tags.drop(columns=["numbers", "length"]).reset_index(drop=True)


def _parts(tags: list[str]) -> pd.DataFrame:
    both = [read_with_order(tag) for tag in tags]
    read, keys = [parts for parts, _ in both], [key for _, key in both]
    versions = [parts.version for parts in read]
    order = np.empty(len(tags), dtype=np.int64)
    order[sorted(range(len(tags)), key=keys.__getitem__)] = np.arange(len(tags))
    return pd.DataFrame(
        {
            "tag_form": pd.Series(pd.Categorical([parts.form for parts in read])).astype(CATEGORY),
            "prefix": pd.Series([parts.prefix for parts in read], dtype=TEXT),
            "major": pd.array([version.major if version else None for version in versions], dtype=COUNT),
            "minor": pd.array([version.minor if version else None for version in versions], dtype=COUNT),
            "patch": pd.array([version.patch if version else None for version in versions], dtype=COUNT),
            "prerelease": pd.Series([version and version.prerelease for version in versions], dtype=TEXT),
            "build": pd.Series([version and version.build for version in versions], dtype=TEXT),
            "variant": pd.Series([parts.variant for parts in read], dtype=TEXT),
            "order": order,
            "numbers": np.array([_numbers(parts) for parts in read], dtype=np.int64),
            "length": np.array([_length(tag, parts) for tag, parts in zip(tags, read, strict=True)], dtype=np.int64),
        }
    )


def _numbers(parts: TagParts) -> int:
    """Return how many numbers a tag gives, by which it is more or less specific."""
    if parts.version:
        version = parts.version
        given = (version.minor, version.patch, version.prerelease, version.build)
        return 1 + sum(part is not None for part in given)
    return {"date": _DATE_NUMBERS, "commit": _COMMIT_NUMBERS}.get(parts.form or "", 0)


def _length(tag: str, parts: TagParts) -> int:
    if tag == _MOVING:
        return -1
    return len(tag) if parts.form in {"name", None} else len(parts.variant or "")


def joined(texts: Sequence[str], lengths: Ints) -> list[str]:
    """Return runs of texts, each as one text with commas."""
    ends = np.cumsum(lengths)
    bounds = zip((ends - lengths).tolist(), ends.tolist(), strict=True)
    return [", ".join(texts[start:end]) for start, end in bounds]
