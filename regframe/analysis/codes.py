"""Columns to integer codes, so that grouping and counting is arithmetic on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]


def codes(*columns: pd.Series[Any]) -> tuple[Ints, int]:
    """Return a number for each row, the same for rows that agree in all columns, and how many numbers there are.

    Numbers start at 0 in order of first appearance. A missing value is a value like any other.
    """
    combined: Ints | None = None
    count = 1
    for column in columns:
        own, values = pd.factorize(column, use_na_sentinel=False)
        own = own.astype(np.int64)
        if combined is None:
            combined, count = own, len(values)
        else:
            combined, both = pd.factorize(combined * len(values) + own)
            combined, count = combined.astype(np.int64), len(both)
    assert combined is not None
    return combined, count


def first_rows(numbers: Ints, count: int) -> Ints:
    """Return the position of the first row of each number."""
    first = np.full(count, len(numbers), dtype=np.int64)
    np.minimum.at(first, numbers, np.arange(len(numbers)))
    return first


def distinct_pairs(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Return each pair of numbers once, in order of the left, then of the right number."""
    width = int(right.max(initial=0)) + 1
    # numpy.unique takes ten times as long.
    pairs = np.sort(left * width + right)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs
    return pairs // width, pairs % width


def expanded(starts: Ints, lengths: Ints) -> Ints:
    """Return ``start, start + 1, …`` for each start, as many as its length says, one after the other."""
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts, lengths) + within


def sums(numbers: Ints, values: Ints, count: int) -> Ints:
    """Return the sum of the values of each number; exact, unlike ``numpy.bincount`` with weights."""
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, numbers, values)
    return total
