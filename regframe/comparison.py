"""The images of two places side by side: which are the same, and which is newer."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regframe.errors import InvalidReference
from regframe.frames import CATEGORY, OTHER_SCHEMAS, TEXT, frame
from regframe.version import tag_order

_TAG = ["repository", "tag"]
_KEY = [*_TAG, "platform"]
_KEPT = ["digest", "index_digest", "config_digest", "created"]
# Podman's name for what was built here and pushed nowhere.
_BUILT_HERE = "localhost/"
_NO_PLATFORM = ""
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
    sides = _paired(_side(here, registries), _side(there, registries))
    found = sides[0].merge(sides[1], how="outer", on=[*_KEY, "pair"], suffixes=("_here", "_there"), indicator=True)
    found["platform"] = found["platform"].where(found["platform"] != _NO_PLATFORM)
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
    """Return one place's images by what a comparison goes by, each once."""
    lacking = [name for name in (*_KEY, *_KEPT, "kind") if name not in images]
    if lacking:
        raise InvalidReference(f"A frame of images is what images() returns; this one has no column “{lacking[0]}”.")
    # Attestations in an index belong to its images, and have no platform that would tell them apart.
    images = images[(images["kind"] != "attestation") | images["index_digest"].isna()]
    side = images[[*_KEY, *_KEPT]].astype({"platform": TEXT}).reset_index(drop=True)
    side["platform"] = side["platform"].replace(_IMPLIED_VARIANTS).fillna(_NO_PLATFORM)
    # What an image is, whatever its platform is called: two of an index may be for versions of one system.
    is_image = (side["platform"] != _NO_PLATFORM) & side["config_digest"].notna()
    side["image"] = side["config_digest"].where(is_image, side["digest"]).fillna("")
    side["tag"] = side["tag"].fillna(side["index_digest"]).fillna(side["digest"]).fillna(side["config_digest"])
    names = side["repository"]
    is_exact = ~names.str.startswith(_BUILT_HERE)
    for prefix in (*(f"{registry}/" for registry in registries), _BUILT_HERE):
        names = names.str.removeprefix(prefix)
    side["repository"] = names
    # What was pushed under the registry's own name counts before what was built beside it.
    has_exact = is_exact.groupby([side[name] for name in _KEY]).transform("max")
    return side[is_exact == has_exact].drop_duplicates([*_KEY, "image"])


def _paired(here: pd.DataFrame, there: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two places' images with the platform and the number by which those belong together that are compared.

    The same image belongs to itself, though one place may say less of its platform: Podman leaves the variant out. An
    image without a variant belongs to one with a variant where there is no other.
    """
    there = _called_alike(there, here, "image")
    left, right = (side[~_rows(side, _KEY).isin(_rows(other, _KEY))] for side, other in ((there, here), (here, there)))
    left, right = (
        side.assign(base=side["platform"].str.extract("^([^/]*/[^/]*)", expand=False)) for side in (left, right)
    )
    names = _called_alike(left, right, "base")["platform"]
    is_plain = ((names == left["base"]) | (left["platform"] == left["base"])) & ~left.duplicated([*_TAG, "base"])
    there = there.assign(platform=names[is_plain].reindex(there.index).fillna(there["platform"]))
    both = _rows(here, [*_KEY, "image"]).intersection(_rows(there, [*_KEY, "image"]))
    sides = []
    for side in (here, there):
        is_same = _rows(side, [*_KEY, "image"]).isin(both)
        side = side.assign(is_other=~is_same, order=side["image"].where(is_same, ""))
        side = side.sort_values(["is_other", "order"], kind="stable").drop_duplicates([*_KEY, "image"])
        sides.append(side.assign(pair=side.groupby(_KEY).cumcount()).drop(columns=["is_other", "order", "image"]))
    return sides[0], sides[1]


def _called_alike(there: pd.DataFrame, here: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return images with the platform by which the other place knows them, where it does not know it by theirs."""
    known = here.drop_duplicates([*_TAG, by])[[*_TAG, by, "platform"]]
    names = there.merge(known, how="left", on=[*_TAG, by], suffixes=("", "_here"))["platform_here"]
    names.index = there.index
    is_known = _rows(there, [*_KEY, by]).isin(_rows(here, [*_KEY, by]))
    return there.assign(platform=names.where(~is_known).fillna(there["platform"]))


def _rows(side: pd.DataFrame, columns: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(side[columns])


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
