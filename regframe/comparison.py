"""The images of two places side by side: which are the same, and which is newer."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regframe.errors import InvalidReference
from regframe.frames import CATEGORY, OTHER_SCHEMAS, TEXT, frame
from regframe.version import tag_order

_KEY = ["repository", "tag", "platform"]
_KEPT = ["digest", "index_digest", "config_digest", "created"]
# Podman's name for what was built here and pushed nowhere.
_BUILT_HERE = "localhost/"
# What an architecture means without a variant (image-spec, ``image-index.md``, "Platform Variants").
_IMPLIED_VARIANTS = {"linux/arm64/v8": "linux/arm64", "linux/amd64/v1": "linux/amd64"}


def compared(here: pd.DataFrame, there: pd.DataFrame, registries: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return which images are the same in two places.

    Parameters
    ----------
    here, there : pandas.DataFrame
        Frames of images.
    registries : tuple of str
        Registries whose name before a repository is left out, so that what an engine calls ``localhost:5000/app``
        meets the ``app`` of that registry.

    Returns
    -------
    pandas.DataFrame
        The frame ``comparison``; see :func:`regframe.compare`.

    Raises
    ------
    InvalidReference
        If one of the frames is no frame of images.
    """
    if here.empty and there.empty:
        return frame("comparison")
    sides = [_side(images, registries) for images in (here, there)]
    found = sides[0].merge(sides[1], how="outer", on=_KEY, suffixes=("_here", "_there"), indicator=True)
    same_digest = _equal(found, "digest_here", "digest_there") | _equal(found, "digest_here", "index_digest_there")
    same_digest |= _equal(found, "index_digest_here", "digest_there")
    # Artifacts may all have the one empty config; an engine may know no manifest's digest, or no config's.
    both_known = found[["config_digest_here", "config_digest_there"]].notna().all(axis=1)
    is_image = found["platform"].notna() & both_known
    same = _equal(found, "config_digest_here", "config_digest_there").where(is_image, same_digest)
    found["state"] = "different"
    found.loc[same, "state"] = "same"
    found.loc[found["_merge"] == "left_only", "state"] = "only here"
    found.loc[found["_merge"] == "right_only", "state"] = "only there"
    newer = pd.Series(None, index=found.index, dtype=TEXT)
    is_different = found["state"] == "different"
    newer[is_different & (found["created_here"] > found["created_there"])] = "here"
    newer[is_different & (found["created_here"] < found["created_there"])] = "there"
    found["newer"] = newer
    order = sorted(found.index, key=lambda row: (found.at[row, "repository"], tag_order(str(found.at[row, "tag"]))))
    found = found.loc[order]
    schema = OTHER_SCHEMAS["comparison"]
    return found[list(schema)].astype(dict(schema)).reset_index(drop=True)


def _side(images: pd.DataFrame, registries: tuple[str, ...]) -> pd.DataFrame:
    """Return one place's images by the key of a comparison, each once."""
    lacking = [name for name in (*_KEY, *_KEPT, "kind") if name not in images]
    if lacking:
        raise InvalidReference(f"A frame of images is what images() returns; this one has no column “{lacking[0]}”.")
    # Attestations in an index belong to its images, and have no platform that would tell them apart.
    images = images[(images["kind"] != "attestation") | images["index_digest"].isna()]
    side = images[[*_KEY, *_KEPT]].astype({"platform": TEXT}).reset_index(drop=True)
    side["platform"] = side["platform"].replace(_IMPLIED_VARIANTS)
    side["tag"] = side["tag"].fillna(side["index_digest"]).fillna(side["digest"]).fillna(side["config_digest"])
    names = side["repository"]
    side["is_exact"] = ~names.str.startswith(_BUILT_HERE)
    for prefix in (*(f"{registry}/" for registry in registries), _BUILT_HERE):
        names = names.str.removeprefix(prefix)
    side["repository"] = names
    # What was pushed under the registry's own name counts before what was built beside it.
    return side.sort_values("is_exact", kind="stable").drop_duplicates(_KEY, keep="last").drop(columns="is_exact")


def _equal(found: pd.DataFrame, one: str, other: str) -> pd.Series[Any]:
    return (found[one] == found[other]) & found[one].notna()


def pulled(here: pd.DataFrame, there: pd.DataFrame, registry: str) -> pd.DataFrame:
    """Return which of a registry's tags are on this machine, and which of those are out of date.

    Parameters
    ----------
    here : pandas.DataFrame
        The images on this machine that are named after the registry.
    there : pandas.DataFrame
        The same tags' images in the registry.
    registry : str
        The registry's name.

    Returns
    -------
    pandas.DataFrame
        The frame ``pulled``; see :meth:`regframe.Registry.pulled`.
    """
    found = compared(here, there, (registry,))
    found = found[found["state"] != "only there"]
    ahead = (found["state"] == "different") & (found["newer"] == "here")
    names = {"same": "current", "different": "out of date", "only here": "gone"}
    states = found["state"].astype(TEXT).map(names).mask(ahead, "ahead")
    return found.assign(state=states.astype(CATEGORY))[list(OTHER_SCHEMAS["pulled"])].reset_index(drop=True)
