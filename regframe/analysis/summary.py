"""An inventory at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from regframe.analysis.contents import LAYER, Contents
from regframe.analysis.releases import releases
from regframe.analysis.steps import step_text
from regframe.analysis.storage import storage
from regframe.errors import printable
from regframe.frames import COUNT
from regframe.inventory import Inventory
from regframe.text import NO_FORMULAS, human_size, short_digest

_BYTES = {"logical", "stored", "exclusive", "shared", "artifacts_size", "documents_size", "size"}
_LONGEST_STEP = 60


@dataclass(frozen=True, repr=False)
class Summary:
    """What an inventory comes to; it shows itself as text, and in a notebook as tables.

    Attributes
    ----------
    facts : pandas.Series
        ``registry``, ``taken_at``, ``repositories``, ``tags``, ``images``, ``platforms``, ``layers``, ``logical``,
        ``stored``, ``artifacts``, ``artifacts_size``, ``documents``, ``documents_size`` (as for
        :func:`~regframe.analysis.storage.storage`), ``oldest_release``, ``newest_release`` (with the date) and
        ``errors``.
    largest_repositories : pandas.DataFrame
        The rows of ``rf.storage(inventory)`` that store most.
    largest_layers : pandas.DataFrame
        ``layer_digest``, ``size``, ``images`` (how many hold it), ``repositories`` and ``created_by``.
    """

    facts: pd.Series[Any]
    largest_repositories: pd.DataFrame
    largest_layers: pd.DataFrame

    def __repr__(self) -> str:
        facts = _for_people(self.facts)
        width = max(map(len, facts))
        lines = [f"{name.replace('_', ' '):<{width}}  {text}" for name, text in facts.items()]
        tables = [f"{title}:\n{_shown(frame).to_string(index=False)}" for title, frame in self._tables()]
        return "\n\n".join(["\n".join(lines), *tables])

    def _repr_html_(self) -> str:
        facts = "".join(
            f"<tr><th style='text-align:left'>{escape(name.replace('_', ' '))}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in _for_people(self.facts).items()
        )
        tables = "".join(
            f"<h4>{title}</h4>{_shown(frame).to_html(index=False, border=0, escape=True, classes=NO_FORMULAS)}"
            for title, frame in self._tables()
        )
        return f"<table><tbody>{facts}</tbody></table>{tables}"

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        tables = [("Largest repositories", self.largest_repositories), ("Largest layers", self.largest_layers)]
        return [(title, frame) for title, frame in tables if len(frame)]


def summary(inventory: Inventory, *, largest: int = 5) -> Summary:
    """Return what an inventory comes to.

    Parameters
    ----------
    inventory : Inventory
        An inventory.
    largest : int
        How many of the largest repositories and layers to name.

    Returns
    -------
    Summary
        Counts, bytes, the largest repositories and layers, the oldest and the newest release.

    Examples
    --------
    >>> inventory.summary()                                        # doctest: +SKIP
    >>> rf.summary(inventory).facts["stored"]                      # doctest: +SKIP
    """
    whole = storage(inventory, by="registry")
    totals = whole.iloc[0].drop("registry") if len(whole) else pd.Series(0, index=whole.columns[1:])
    is_image = inventory.images["kind"].eq("image")
    found = releases(inventory.images)
    dated = found[found["released_at"].notna() & found["released_source"].ne("seen")].sort_values("released_at")
    facts = {
        "registry": inventory.registry,
        "taken_at": inventory.taken_at,
        "repositories": len(inventory.repositories),
        "tags": len(inventory.tags),
        "platforms": inventory.images.loc[is_image, "platform"].nunique(),
        **{name: int(value) for name, value in totals.items() if name not in {"exclusive", "shared"}},
        "oldest_release": _named(dated.head(1)),
        "newest_release": _named(dated.tail(1)),
        "errors": len(inventory.errors),
    }
    return Summary(
        pd.Series(facts, dtype=object), storage(inventory).head(largest), _largest_layers(inventory, largest)
    )


def _named(release: pd.DataFrame) -> str | None:
    for row in release.itertuples():
        return f"{row.repository}:{row.tag} ({row.released_at:%Y-%m-%d})"
    return None


def _largest_layers(inventory: Inventory, count: int) -> pd.DataFrame:
    contents = Contents.of(inventory)
    held = contents.held(contents.manifest)[1]
    layers, holders = np.unique(held[contents.kind[held] == LAYER], return_counts=True)
    order = np.argsort(-contents.size[layers], kind="stable")[:count]
    largest = layers[order]
    digests = contents.digests.take(largest)
    of_largest = inventory.layers[inventory.layers["layer_digest"].isin(digests).to_numpy(bool)]
    first = of_largest.drop_duplicates("layer_digest").set_index("layer_digest").reindex(digests)
    pairs = of_largest[["layer_digest", "repository"]].drop_duplicates().groupby("layer_digest")["repository"]
    return pd.DataFrame(
        {
            "layer_digest": digests.array,
            "size": contents.sizes(largest),
            "images": pd.array(holders[order], dtype=COUNT),
            "repositories": pairs.agg(", ".join).reindex(digests).array,
            "created_by": first["created_by"].array,
        }
    )


def _for_people(facts: pd.Series[Any]) -> dict[str, str]:
    """Return the facts as text; one that is not known is left out."""
    texts = {}
    for name, value in facts.items():
        if value is None:
            continue
        if name in _BYTES:
            texts[str(name)] = human_size(value)
        elif isinstance(value, int):
            texts[str(name)] = f"{value:,}"
        else:
            texts[str(name)] = f"{value:%Y-%m-%d %H:%M} UTC" if name == "taken_at" else printable(str(value))
    return texts


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as text for people: human sizes, short digests, what others wrote in one bounded line."""
    shown = pd.DataFrame(index=frame.index)
    for name in frame.columns:
        values = frame[name].astype(object).where(frame[name].notna(), None)
        if name in _BYTES:
            shown[name] = ["" if value is None else human_size(value) for value in values]
        elif name == "created_by":
            shown[name] = ["" if value is None else printable(step_text(value), _LONGEST_STEP) for value in values]
        elif name == "layer_digest":
            shown[name] = [short_digest(str(value)) for value in values]
        else:
            shown[name] = ["" if value is None else printable(str(value), _LONGEST_STEP) for value in values]
    return shown
