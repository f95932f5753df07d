"""Answers are the same whether text is kept by Python, as in regframe's frames, or by pyarrow, as in one's own."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import regframe as rf
from regframe import analysis
from tests.analysis.made import Made, inventory

IMAGES = (
    Made("app", "1.0", ("base 100", "one 10"), platform="linux/amd64", index="1.0"),
    Made("app", "1.0", ("base 90", "one 9"), platform="linux/arm64", index="1.0"),
    Made("app", "1.1", ("base 100", "two 20"), settings=(("env", "A", "1"),)),
    Made("app", "latest", ("base 100", "two 20"), settings=(("env", "A", "1"),)),
    Made("base", "1.0", ("base 100",)),
    Made("app", "1.1.sig", ("signature 1",), kind="signature", platform=None),
)

ANSWERS: dict[str, Callable[[rf.Inventory], pd.DataFrame]] = {
    "aliases": lambda made: analysis.aliases(made.images),
    "bases": analysis.bases,
    "cadence": lambda made: analysis.cadence(analysis.releases(made.images), now=made.taken_at),
    "diff": lambda made: analysis.diff(analysis.select(made, "app:1.1"), analysis.select(made, "base")),
    "drift": lambda made: analysis.drift(made, analysis.select(made, "app:1.1")),
    "growth": analysis.growth,
    "platforms": lambda made: analysis.platforms(made.images),
    "reclaimable": lambda made: analysis.reclaimable(made, "app"),
    "releases": lambda made: analysis.releases(made.images),
    "retention": lambda made: analysis.retention(made.images, keep_last=1).to_frame("kept"),
    "storage": lambda made: analysis.storage(made, by=["repository", "platform"]),
    "summary": lambda made: analysis.summary(made).largest_layers,
    "tag_history": lambda made: analysis.tag_history([made]),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("frames", [["tags", "images", "layers", "history", "config", "errors"], ["images"]])
def test_either_string_storage_gives_the_same_answer(name: str, frames: list[str]) -> None:
    pytest.importorskip("pyarrow")
    made = inventory(*IMAGES)
    kept_by_pyarrow = pd.StringDtype("pyarrow", na_value=np.nan)
    others = {}
    for kind in frames:
        own = getattr(made, kind)
        others[kind] = own.astype(dict.fromkeys(own.select_dtypes("str"), kept_by_pyarrow))
        assert others[kind]["repository"].dtype != own["repository"].dtype
    answers = [ANSWERS[name](one) for one in (made, dataclasses.replace(made, **others))]
    assert len(answers[0])
    for column in answers[0]:
        assert (
            answers[0][column].astype(object).fillna("").tolist()
            == answers[1][column].astype(object).fillna("").tolist()
        )
    assert answers[0].dtypes.astype(str).to_dict() == answers[1].dtypes.astype(str).to_dict()
