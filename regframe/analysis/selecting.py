"""Which rows of an images frame are meant: by a mask, a frame, or text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, Union

import numpy as np
import pandas as pd

from regframe.analysis.codes import codes
from regframe.analysis.contents import Flags
from regframe.analysis.tags import target_digest
from regframe.errors import InvalidReference, printable
from regframe.frames import TEXT, Frames
from regframe.oci.descriptor import Platform
from regframe.reference import Pattern

F = TypeVar("F", bound=Frames)

Mask = Union[Sequence[bool], "np.ndarray[Any, Any]", "pd.Series[Any]"]
Which = str | Sequence[str] | Mask | pd.DataFrame | Callable[[pd.DataFrame], Mask]
"""Which images: a boolean mask of the images frame (or a function from that frame to one), a frame with a column
``repository`` (and perhaps ``tag``, ``digest``), or text such as ``"httpd:2.*"`` or a list of such texts."""


def select(inventory: F, which: Which, *, platform: str | None = None) -> F:
    """Return the part of an inventory that is about some images.

    Parameters
    ----------
    inventory : Inventory
        An inventory.
    which : Which
        A boolean mask of ``inventory.images``, or a function from it to one; a frame with a column ``repository`` (and
        perhaps ``tag``, ``digest``), such as filtered rows of ``images`` or of ``releases``; or text such as
        ``"httpd:2.4.62"``, ``"team/*"``, or a list of such texts.
    platform : str, optional
        Such as ``"linux/amd64"``: these images only.

    Returns
    -------
    Inventory
        The same frames with the rows of these images; ``errors`` with those of their repositories.

    Raises
    ------
    InvalidReference
        If nothing is meant by ``which``, or it is nothing that selects.

    Examples
    --------
    >>> rf.storage(rf.select(inventory, "team/*", platform="linux/amd64"))     # doctest: +SKIP
    """
    images = inventory.images
    rows = rows_meant(images, which, getattr(inventory, "registry", ""))
    if platform is not None:
        rows = rows & _of_platform(images, platform)
    chosen = images[rows]
    below = {name: _matching(getattr(inventory, name), chosen, ["repository", "tag", "digest", "platform"])
             for name in ("layers", "history", "config")}  # fmt: skip
    return dataclasses.replace(
        inventory,
        repositories=_matching(inventory.repositories, chosen, ["repository"]),
        tags=_matching(inventory.tags, chosen, ["repository", "tag"]),
        images=chosen.reset_index(drop=True),
        errors=_matching(inventory.errors, chosen, ["repository"]),
        **below,
    )


def rows_meant(images: pd.DataFrame, which: Which, registry: str = "") -> Flags:
    """Return which rows of an images frame are meant.

    Raises
    ------
    InvalidReference
        If it is nothing that selects, or text that nothing matches.
    """
    if callable(which):
        which = which(images)
    if isinstance(which, pd.DataFrame):
        return _of_frame(images, which)
    if isinstance(which, str):
        return _of_text(images, [which], registry)
    values = list(which)
    if not values and isinstance(which, list):
        return np.zeros(len(images), dtype=bool)
    if values and all(isinstance(value, str) for value in values):
        return _of_text(images, [str(value) for value in values], registry)
    return _of_mask(images, which)


def whole_tags(images: pd.DataFrame, rows: Flags) -> Flags:
    """Return the rows of all tags of which a row is marked: a tag has all its platforms, or is gone."""
    tag, count = codes(images["repository"], images["tag"], target_digest(images))
    marked = np.zeros(count, dtype=bool)
    marked[tag[rows]] = True
    return marked[tag]


def _of_mask(images: pd.DataFrame, values: Any) -> Flags:
    mask = pd.Series(values)
    if isinstance(values, pd.Series) and not mask.index.equals(images.index):
        raise InvalidReference("The mask has another index than the images frame; make it from that frame.")
    if len(mask) != len(images):
        raise InvalidReference(f"The mask has {len(mask):,} values, but the images frame {len(images):,} rows.")
    if len(mask) and not pd.api.types.is_bool_dtype(mask.dtype):
        raise InvalidReference("Images are selected by a mask of True and False, a frame, or text such as httpd:2.*.")
    return mask.fillna(False).to_numpy(bool)


def _of_frame(images: pd.DataFrame, frame: pd.DataFrame) -> Flags:
    if "repository" not in frame:
        raise InvalidReference("A frame that selects images needs a column “repository” (and perhaps “tag”, “digest”).")
    columns = [name for name in ("repository", "tag", "digest") if name in frame]
    wanted = frame[columns]
    if "aliases" in frame and "tag" in frame:
        others = wanted.assign(tag=frame["aliases"].str.split(", ")).explode("tag")
        wanted = pd.concat([wanted, others])
    if "digest" not in columns:
        return _is_among(images, wanted, columns)
    by_index = images[columns].assign(digest=images["index_digest"])
    return _is_among(images, wanted, columns) | _is_among(by_index, wanted, columns)


def _of_text(images: pd.DataFrame, texts: list[str], registry: str) -> Flags:
    repository, repositories = pd.factorize(images["repository"])
    tags = images["tag"].astype(object).to_numpy()
    digests = images["digest"].astype(object).to_numpy(), images["index_digest"].astype(object).to_numpy()
    meant = np.zeros(len(images), dtype=bool)
    for text in texts:
        pattern = Pattern.parse(text, registry)
        names = np.array([pattern.matches_repository(name) for name in repositories], dtype=bool)
        rows = names[repository] if len(names) else meant.copy()
        if pattern.digest:
            rows &= (digests[0] == pattern.digest) | (digests[1] == pattern.digest)
        elif pattern.tag:
            rows[rows] = [isinstance(tag, str) and pattern.matches_tag(tag) for tag in tags[rows]]
        if not rows.any():
            raise InvalidReference(f"The inventory has no image “{printable(text)}”.")
        meant |= rows
    return meant


def _of_platform(images: pd.DataFrame, platform: str) -> Flags:
    wanted = Platform.parse(platform)
    number, names = pd.factorize(images["platform"].astype(object))
    matches = np.array([*(Platform.parse(name).matches(wanted) for name in names), False], dtype=bool)
    return matches[number]


def _matching(frame: pd.DataFrame, chosen: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    near = frame[frame["repository"].isin(chosen["repository"].unique()).to_numpy(bool)]
    return near[_is_among(near, chosen, columns)].reset_index(drop=True)


def _is_among(rows: pd.DataFrame, wanted: pd.DataFrame, columns: list[str]) -> Flags:
    """Return which rows are equal to one that is wanted in some columns."""
    both = [pd.concat([rows[name].astype(TEXT), wanted[name].astype(TEXT)], ignore_index=True) for name in columns]
    number, count = codes(*both)
    is_wanted = np.zeros(count, dtype=bool)
    is_wanted[number[len(rows) :]] = True
    return is_wanted[number[: len(rows)]]
