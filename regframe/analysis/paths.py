"""Images as paths of layers or of steps, where images that begin alike share the nodes of their beginning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regframe.analysis.codes import Ints, codes
from regframe.analysis.contents import Flags


@dataclass(frozen=True)
class Paths:
    """One path for each image; some may be empty.

    Attributes
    ----------
    start, length : numpy.ndarray
        Where the path of each image begins in ``node``, and how many nodes it has.
    image : numpy.ndarray
        Of each node on a path: the image.
    node : numpy.ndarray
        A number that two images share where their paths are the same up to there.
    key : numpy.ndarray
        What the node adds to the path before it.
    row : numpy.ndarray
        The row of the frame that it was made from.
    """

    start: Ints
    length: Ints
    image: Ints
    node: Ints
    key: Ints
    row: Ints

    @property
    def top(self) -> Ints:
        """The last node of each image's path; -1 for an empty path."""
        return self.node_at(np.arange(len(self.length)), self.length - 1)

    def node_at(self, images: Ints, depths: Ints) -> Ints:
        """Return the node of each image at a depth (from 0); -1 where its path is shorter."""
        reaches = (depths >= 0) & (depths < self.length[images])
        found = np.full(len(images), -1, dtype=np.int64)
        found[reaches] = self.node[self.start[images[reaches]] + depths[reaches]]
        return found

    def last_below(self, is_end: Flags) -> Ints:
        """Return for each image its last node but the top that is one of some nodes; -1 if there is none."""
        depth = np.arange(len(self.node)) - self.start[self.image]
        fits = is_end[self.node] & (depth < self.length[self.image] - 1)
        found = np.full(len(self.length), -1, dtype=np.int64)
        # Of several assignments to one place the last holds.
        found[self.image[fits]] = self.node[fits]
        return found


def layer_paths(layers: pd.DataFrame, digests: pd.Series[str], root: Ints) -> Paths:
    """Return the paths of the layers of images, by diff ID, or by digest where that is not known.

    Parameters
    ----------
    layers : pandas.DataFrame
        A layers frame.
    digests : pandas.Series
        The digest of each image.
    root : numpy.ndarray
        Of each image: a number that images must share to share anything.
    """
    image, row = rows_of_images(layers, digests, "position")
    content = layers["diff_id"].where(layers["diff_id"].notna(), layers["layer_digest"])
    return _paths(image, codes(content)[0][row], row, root)


def step_paths(history: pd.DataFrame, digests: pd.Series[str], root: Ints, layers: Paths) -> Paths:
    """Return the paths of the steps of images, with what each added; empty for images without a full history."""
    image, row = rows_of_images(history, digests, "step")
    makes_layer = history["layer_digest"].notna().to_numpy(bool)[row]
    has_text = history["created_by"].notna().to_numpy(bool)[row]
    count = len(digests)
    made = np.bincount(image[makes_layer], minlength=count)
    is_full = (made == layers.length) & (made > 0) & (np.bincount(image[~has_text], minlength=count) == 0)
    use = is_full[image]
    image, row, makes_layer = image[use], row[use], makes_layer[use]
    text = codes(history["created_by"])[0][row]
    made_before = np.cumsum(makes_layer) - makes_layer
    starts = np.searchsorted(image, np.arange(count))
    number = made_before - np.append(made_before, 0)[starts][image]
    layer = np.full(len(image), -1, dtype=np.int64)
    layer[makes_layer] = layers.key[layers.start[image[makes_layer]] + number[makes_layer]]
    return _paths(image, codes(pd.Series(text), pd.Series(layer))[0], row, root)


def rows_of_images(frame: pd.DataFrame, digests: pd.Series[str], position: str) -> tuple[Ints, Ints]:
    """Return image and row of each layer or step: those of each image once, in order, image by image.

    Parameters
    ----------
    frame : pandas.DataFrame
        A layers or a history frame, where an image has rows for each of its tags.
    digests : pandas.Series
        The digest of each image; of others no rows are returned.
    position : str
        The column that gives the order.
    """
    image = pd.Index(digests).get_indexer(pd.Index(frame["digest"])).astype(np.int64)
    place = frame[position].to_numpy(np.int64)
    width = int(place.max(initial=0)) + 1
    known = np.flatnonzero(image >= 0)
    key, first = np.unique(image[known] * width + place[known], return_index=True)
    return key // width, known[first]


def _paths(image: Ints, key: Ints, row: Ints, root: Ints) -> Paths:
    length = np.bincount(image, minlength=len(root)).astype(np.int64)
    start = np.cumsum(length) - length
    depth = np.arange(len(image)) - start[image]
    by_depth = np.argsort(depth, kind="stable")
    counts = np.bincount(depth)
    ends = np.cumsum(counts)
    node = np.empty(len(image), dtype=np.int64)
    at = root.copy()
    keys, used = int(key.max(initial=0)) + 1, 0
    for first, last in zip(ends - counts, ends, strict=True):
        level = by_depth[first:last]
        number, pairs = pd.factorize(at[image[level]] * keys + key[level])
        node[level] = number + used
        at[image[level]] = node[level]
        used += len(pairs)
    return Paths(start, length, image, node, key, row)
