"""How much memory frames take whose rows share texts."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pandas as pd


def memory_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Return the bytes of each frame without its text, and those of ``texts``, in which each is once.

    ``memory_usage(deep=True)`` counts a text that rows share once for each row.
    """
    sizes = {name: int(frame.memory_usage().sum()) for name, frame in frames.items()}
    columns = (frame[name] for frame in frames.values() for name in frame.select_dtypes("str"))
    texts = {id(text): sys.getsizeof(text) for column in columns for text in column.unique()}
    return {**sizes, "texts": sum(texts.values())}
