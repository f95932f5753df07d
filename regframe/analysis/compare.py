"""Two images side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from regframe.analysis.selecting import select
from regframe.analysis.steps import matched, step_text
from regframe.errors import InvalidReference
from regframe.frames import COUNT, TEXT, Frames

_CHANGES = ["kept", "replaced", "changed", "added", "removed"]

Row = tuple[str, str, Any, Any, Any, Any, Any, Any]


def diff(a: Frames, b: Frames, *, platform: str | None = None) -> pd.DataFrame:
    """Return what differs between two images, and what they have in common.

    Parameters
    ----------
    a, b : Inventory
        Two inventories of one image each, such as ``registry.inventory("httpd:2.4.61")``, or parts of a larger one by
        :func:`~regframe.analysis.selecting.select`. They may be of different registries.
    platform : str, optional
        Which image of each, such as ``"linux/amd64"``, where there are several.

    Returns
    -------
    pandas.DataFrame
        First the layers, the lowest first; then the steps of the history; then the settings of the config:

        ===========  ========  ===================================================================================
        column       dtype     what
        ===========  ========  ===================================================================================
        part         category  layer, step, or the section of the config (env, label, port, entrypoint, …)
        change       category  kept, added, removed; of layers: replaced; of steps and settings: changed
        name         str       of a layer or a step: the step's text; of a setting: its name
        before       str       the layer's digest, the step's text or the setting's value in ``a``; missing if added
        after        str       the same in ``b``; missing if removed
        size_before  Int64     bytes of the layer, or of the layer that the step made, in ``a``
        size_after   Int64     the same in ``b``
        size_change  Int64     the difference, where an absent layer has no bytes; missing where a size is not known
        ===========  ========  ===================================================================================

    Raises
    ------
    InvalidReference
        If ``a`` or ``b`` has no image, or more than one for the platform.

    Notes
    -----
    Layers and steps are matched by the text of the step, in order (see :func:`~regframe.analysis.growth.growth`): a
    layer is kept if it is the same digest, or the same diff ID however it is compressed, and replaced if its step made
    another. A step is kept if it made the same layer (or none) and its text is the same but for hashes of copied files.
    Settings are matched by section and name.

    Examples
    --------
    >>> old, new = (rf.select(inventory, f"httpd:{tag}") for tag in ("2.4.61", "2.4.62"))     # doctest: +SKIP
    >>> changes = rf.diff(old, new, platform="linux/amd64")                                  # doctest: +SKIP
    >>> changes[changes["change"] != "kept"]                                                 # doctest: +SKIP
    """
    old, new = _one_image(a, b, platform)
    rows = [
        *_layers(old.layers, new.layers),
        *_steps(_with_diff_ids(old), _with_diff_ids(new)),
        *_settings(old.config, new.config),
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    part, change, name, before, after, size_before, size_after, size_change = (list(column) for column in columns)
    return pd.DataFrame(
        {
            "part": pd.Categorical(pd.Series(part, dtype=TEXT), categories=list(dict.fromkeys(part))),
            "change": pd.Categorical(pd.Series(change, dtype=TEXT), categories=_CHANGES),
            "name": pd.Series(name, dtype=TEXT),
            "before": pd.Series(before, dtype=TEXT),
            "after": pd.Series(after, dtype=TEXT),
            "size_before": pd.array(size_before, dtype=COUNT),
            "size_after": pd.array(size_after, dtype=COUNT),
            "size_change": pd.array(size_change, dtype=COUNT),
        }
    )


def _one_image(a: Frames, b: Frames, platform: str | None) -> tuple[Frames, Frames]:
    if platform is None:
        shared = [
            {str(name) for name in part.images.loc[part.images["kind"].eq("image"), "platform"].dropna()}
            for part in (a, b)
        ]
        both = shared[0] & shared[1]
        if len(both) == 1 and max(map(len, shared)) > 1:
            platform = both.pop()
        elif max(map(len, shared)) > 1:
            names = ", ".join(sorted(both or shared[0] | shared[1]))
            raise InvalidReference(f"There are images for several platforms; name one with platform=: {names}.")
    return _narrowed(a, platform, "first"), _narrowed(b, platform, "second")


def _narrowed(part: Frames, platform: str | None, which: str) -> Frames:
    part = select(part, part.images["kind"].eq("image").to_numpy(bool), platform=platform)
    digests = part.images["digest"].unique()
    if len(digests) == 0:
        of_platform = f" for {platform}" if platform else ""
        raise InvalidReference(f"The {which} inventory has no image{of_platform}.")
    if len(digests) > 1:
        names = (part.images["repository"] + ":" + part.images["tag"].fillna("")).unique()
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise InvalidReference(f"The {which} inventory has several images ({shown}); narrow it down with rf.select.")
    # Its tags are all the same image: those of one are enough.
    return select(part, part.images.index == 0) if len(part.images) > 1 else part


def _layers(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[Row]:
    texts = [
        [
            step_text(text) if isinstance(text, str) else digest
            for text, digest in zip(side["created_by"], side["layer_digest"], strict=True)
        ]
        for side in (old, new)
    ]
    for left, right in matched(*texts):
        before, after = _values(old, left), _values(new, right)
        digests = before.get("layer_digest"), after.get("layer_digest")
        change = _change(digests, _is_same_layer(before, after), "replaced")
        yield "layer", change, (after or before)["created_by"], *digests, *_sizes(before, after)


def _with_diff_ids(part: Frames) -> pd.DataFrame:
    """Return the history with the diff ID of the layer that each step made."""
    diff_ids = part.layers.drop_duplicates("layer_digest").set_index("layer_digest")["diff_id"]
    return part.history.assign(diff_id=part.history["layer_digest"].map(diff_ids))


def _is_same_layer(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether two rows have the same layer, however it is compressed, or both none."""
    is_same_content = before.get("diff_id") is not None and before.get("diff_id") == after.get("diff_id")
    return is_same_content or before.get("layer_digest") == after.get("layer_digest")


def _sizes(before: dict[str, Any], after: dict[str, Any]) -> tuple[int | None, int | None, int | None]:
    """Return a layer's bytes before and after, and the difference, where no layer has no bytes."""
    sizes = before.get("size"), after.get("size")
    if before.get("layer_digest") is None and after.get("layer_digest") is None:
        return *sizes, None
    was, now = (size if side.get("layer_digest") else 0 for side, size in zip((before, after), sizes, strict=True))
    return *sizes, None if was is None or now is None else now - was


def _steps(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[Row]:
    texts = [[step_text(text) if isinstance(text, str) else "" for text in side["created_by"]] for side in (old, new)]
    for left, right in matched(*texts):
        before, after = _values(old, left), _values(new, right)
        is_same = _is_same_layer(before, after) and (
            left is not None and right is not None and texts[0][left] == texts[1][right]
        )
        change = _change((left, right), is_same, "changed")
        text = before.get("created_by"), after.get("created_by")
        yield "step", change, (after or before)["created_by"], *text, *_sizes(before, after)


def _settings(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[Row]:
    before, after = _by_name(old), _by_name(new)
    sections = dict.fromkeys(section for section, _, _ in [*before, *after])
    for section in sections:
        for key in dict.fromkeys(key for key in [*before, *after] if key[0] == section):
            given = key if key in before else None, key if key in after else None
            change = _change(given, before.get(key) == after.get(key), "changed")
            yield section, change, key[1], before.get(key), after.get(key), None, None, None


def _by_name(config: pd.DataFrame) -> dict[tuple[str, Any, int], Any]:
    """Return the settings by section, name and number: an image may have several ONBUILD instructions."""
    columns = [config[name].astype(object).where(config[name].notna(), None) for name in ("section", "name", "value")]
    settings: dict[tuple[str, Any, int], Any] = {}
    for section, name, value in zip(*columns, strict=True):
        number = 0
        while (section, name, number) in settings:
            number += 1
        settings[section, name, number] = value
    return settings


def _values(side: pd.DataFrame, position: int | None) -> dict[str, Any]:
    if position is None:
        return {}
    row = side.iloc[position]
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def _change(both: tuple[Any, Any], is_same: bool, other: str) -> str:
    if both[0] is None:
        return "added"
    if both[1] is None:
        return "removed"
    return "kept" if is_same else other
