"""Two places side by side."""

from __future__ import annotations

import pandas as pd

from regframe.comparison import compared
from regframe.errors import InvalidReference
from regframe.inventory import Inventory
from regframe.registry import Registry

Images = Registry | Inventory | pd.DataFrame


def compare(here: Images | str, there: Images | str) -> pd.DataFrame:
    """Return which images of two places are the same, which differ, and which are in one of them only.

    Images are the same if their config digest (the image ID) is, whatever the manifest's format or compression; where
    a place does not know that, and for what is no image, if the manifest's or the index's digest is. One whose platform
    is called otherwise, such as an engine of Podman's, which leaves the variant out, is the same all the same.

    Parameters
    ----------
    here, there : Registry, str, Inventory or DataFrame
        The places: registries or targets such as ``"podman:"`` (all images are read that they name), inventories, or
        frames of images.
        What a place on this machine calls ``localhost:5000/app`` is compared with the ``app`` of the registry
        ``localhost:5000``, where that is the other place; and so is ``localhost/app``, as podman calls what was built
        here, if there is no other. In frames of images, repositories are compared as they are named.

    Returns
    -------
    pandas.DataFrame
        One row for each repository, tag and platform, sorted by these:

        ===================  ===================  ======================================================================
        column               dtype                what
        ===================  ===================  ======================================================================
        repository           str                  without the registry of one of the places before it
        tag                  str                  of an image without a tag, its digest
        platform             category             os/architecture/variant, as it is called here; missing for no image
        state                category             same, different, only here, only there
        newer                category             here or there, where they differ and the configs' dates tell
        digest_here          str                  the manifest's digest; missing where the place does not know it
        digest_there         str                  the same
        config_digest_here   str                  the image ID
        config_digest_there  str                  the same
        created_here         datetime64[us, UTC]  when the config says that it was made
        created_there        datetime64[us, UTC]  the same
        ===================  ===================  ======================================================================

    Raises
    ------
    InvalidReference
        If a frame is no frame of images, or a place is none of these.
    RegframeError
        If a place cannot be read.

    Examples
    --------
    >>> found = rf.compare(rf.Registry("podman:"), rf.Registry("localhost:5000/team/app"))  # doctest: +SKIP
    >>> found[found["state"] == "different"]                                                # doctest: +SKIP
    """
    here, there = _place(here), _place(there)
    names = tuple(name for place in (here, there) if (name := _name(place)))
    return compared(_images(here), _images(there), names)


def _place(place: Images | str) -> Images:
    if isinstance(place, str):
        return Registry(place)
    if not isinstance(place, Images):
        raise InvalidReference(
            f"A {type(place).__name__} is no place to compare; registries, targets such as “podman:”, inventories and "
            "frames of images are."
        )
    return place


def _images(place: Images) -> pd.DataFrame:
    if isinstance(place, pd.DataFrame):
        return place
    return place.images() if isinstance(place, Registry) else place.images


def _name(place: Images) -> str | None:
    """Return the name that a place on this machine may put before a repository; other places have none."""
    if isinstance(place, Registry):
        return place.name
    return place.registry if isinstance(place, Inventory) else None
