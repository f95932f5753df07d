"""What images hold: each digest once, with its kind and size, and which image needs which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from regframe.analysis.codes import Ints, distinct_pairs, expanded, first_rows
from regframe.frames import Frames

KINDS = ("index", "manifest", "config", "layer")
LAYER = KINDS.index("layer")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Contents:
    """What each row of an images frame holds in its registry: index, manifest, config and stored layers.

    Digests are numbered. One that is a document somewhere is a document (artifacts have the empty blob ``{}`` for
    their config and their layer); what has no known size counts as nothing.

    Attributes
    ----------
    digests : pandas.Series
        Each digest.
    kind, size, has_size : numpy.ndarray
        Of each digest: the position in `KINDS`, the bytes, and whether these are known.
    manifest, index : numpy.ndarray
        Of each row: the number of its manifest and of its index (or -1).
    is_image : numpy.ndarray
        Of each row: whether it is an image, rather than an artifact, an attestation or a signature.
    """

    digests: pd.Series[str]
    kind: npt.NDArray[np.int8]
    size: Ints
    has_size: Flags
    manifest: Ints
    index: Ints
    is_image: Flags
    _held: Ints
    _starts: Ints
    _counts: Ints

    @classmethod
    def of(cls, frames: Frames) -> Contents:
        """Return the contents of an inventory's images."""
        images, layers = frames.images, frames.layers
        parts = (
            (images["index_digest"], images["index_size"]),
            (images["digest"], images["manifest_size"]),
            (images["config_digest"], images["config_size"]),
            # An engine keeps layers unpacked.
            (layers["layer_digest"], layers["size"].fillna(layers["uncompressed_size"])),
        )
        found, names = pd.factorize(pd.concat([digest for digest, _ in parts], ignore_index=True))
        numbers, count = found.astype(np.int64), len(names)
        index, manifest, config, layer = np.split(numbers, np.cumsum([len(images)] * 3))
        kinds = np.repeat(np.arange(len(KINDS), dtype=np.int8), [len(digest) for digest, _ in parts])
        known = np.flatnonzero(numbers >= 0)
        size, has_size = _known_sizes(numbers, pd.concat([size for _, size in parts], ignore_index=True), count)

        holder = pd.Index(names).get_indexer(pd.Index(layers["digest"])).astype(np.int64)
        is_held = (holder >= 0) & (layer >= 0) & layers["stored"].fillna(True).to_numpy(bool)
        has_config = config >= 0
        left, held = distinct_pairs(
            np.concatenate([manifest, manifest[has_config], holder[is_held]]),
            np.concatenate([manifest, config[has_config], layer[is_held]]),
        )
        counts = np.bincount(left, minlength=count).astype(np.int64)
        return cls(
            digests=pd.Series(names, dtype=images["digest"].dtype),
            kind=kinds[known[first_rows(numbers[known], count)]],
            size=size,
            has_size=has_size,
            manifest=manifest,
            index=index,
            is_image=images["kind"].eq("image").to_numpy(bool),
            _held=held,
            _starts=np.cumsum(counts) - counts,
            _counts=counts,
        )

    def held(self, groups: Ints, rows: Flags | None = None) -> tuple[Ints, Ints]:
        """Return the digests that each group of rows holds: pairs of group and digest, each once.

        Parameters
        ----------
        groups : numpy.ndarray
            The group of each row.
        rows : numpy.ndarray, optional
            Which rows count; all without it.
        """
        chosen = np.ones(len(groups), dtype=bool) if rows is None else rows
        group, manifest = distinct_pairs(groups[chosen], self.manifest[chosen])
        counts = self._counts[manifest]
        in_index = chosen & (self.index >= 0)
        return distinct_pairs(
            np.concatenate([np.repeat(group, counts), groups[in_index]]),
            np.concatenate([self._held[expanded(self._starts[manifest], counts)], self.index[in_index]]),
        )

    def layer_bytes(self) -> Ints:
        """Return for each digest that is a manifest the bytes of its distinct layers."""
        sizes = np.where(self.kind[self._held] == LAYER, self.size[self._held], 0)
        total = np.concatenate([[0], np.cumsum(sizes)])
        return np.asarray(total[self._starts + self._counts] - total[self._starts], dtype=np.int64)

    def sizes(self, digests: Ints) -> Any:
        """Return the sizes of digests, missing where they are not known."""
        return pd.arrays.IntegerArray(self.size[digests], ~self.has_size[digests])


def _known_sizes(numbers: Ints, sizes: pd.Series[int], count: int) -> tuple[Ints, Flags]:
    """Return the size of each digest where one is known (Docker's schema 1 gives none), and whether one is."""
    given = np.flatnonzero((numbers >= 0) & sizes.notna().to_numpy(bool))
    known, is_known = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    known[numbers[given]] = sizes.fillna(0).to_numpy(np.int64)[given]
    is_known[numbers[given]] = True
    return known, is_known
