"""How long a scan still takes, and the bar that says so."""

from __future__ import annotations

import numpy as np
import pytest

from regframe.progress import TimeToGo, progress_bar
from regframe.scan import Progress


def test_the_time_to_go_goes_by_what_was_done_since_the_lists_were_read() -> None:
    to_go, progress = TimeToGo(), Progress(lists=3)
    assert to_go.seconds(progress, 0.0) is None
    # Lists take long, and some tags are read while the last is.
    progress.tags, progress.tags_done = 1000, 20
    assert to_go.seconds(progress, 100.0) is None
    progress.lists = 0
    assert to_go.seconds(progress, 100.0) is None
    # Lists are written to files before the next tag is asked for.
    assert to_go.seconds(progress, 109.0) is None
    progress.tags_done = 30
    assert to_go.seconds(progress, 110.0) is None
    progress.tags_done = 130
    assert to_go.rate(progress, 112.0) == 50.0
    assert to_go.seconds(progress, 112.0) == (1000 - 130) / 50.0
    progress.tags_done = 1000
    assert to_go.seconds(progress, 130.0) == 0


def test_the_rate_is_what_it_was_of_late() -> None:
    to_go, progress = TimeToGo(), Progress(tags=100_000)
    for second in range(1, 901):
        progress.tags_done += 10 if second <= 400 else 40
        to_go.rate(progress, float(second))
    rate = to_go.rate(progress, 900.0)
    # It may get faster still, by no more than is believed.
    assert rate is not None
    assert 40 <= rate <= 40 * 1.15 + 1e-6
    assert to_go.rate(progress, 900.0) == rate


@pytest.mark.parametrize("slope", [-0.05, 0.0])
def test_what_gets_faster_ever_more_slowly_goes_on_so(slope: float) -> None:
    """The time of a tag changes by a twentieth each time that e times as many have been read."""
    to_go, tags, done, said = TimeToGo(), 100_000, 0, 0.0
    times = np.cumsum(0.001 * (1 + slope * np.log(np.arange(1, tags + 1) / 10_000)))
    for done in range(1, tags // 10 + 1, 50):
        said = to_go.seconds(Progress(tags=tags, tags_done=done), times[done - 1]) or 0.0
    assert said == pytest.approx(times[-1] - times[done - 1], rel=0.01)


def test_a_repository_whose_tags_take_more_documents_does_not_make_it_longer() -> None:
    to_go, progress = TimeToGo(), Progress(tags=10_000)
    for second in range(1, 601):
        # Just as fast all along: 10 tags in a second with two documents each, then 30 with one each.
        progress.tags_done += 10 if second <= 300 else 30
        progress.tags_read = progress.tags_done
        progress.documents += 20 if second <= 300 else 30
        to_go.rate(progress, float(second))
    assert to_go.rate(progress, 600.0) == pytest.approx(20, rel=0.01)


def test_a_clock_that_stands_still_is_no_rate() -> None:
    to_go, progress = TimeToGo(), Progress(tags=10)
    for progress.tags_done in (0, 1, 2):
        assert to_go.seconds(progress, 5.0) is None


def test_the_bar_says_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Not time.monotonic itself, which other threads read too.
    monkeypatch.setattr("regframe.progress.monotonic", iter([1.0, 2.0, 4.0, 5.0, 6.0]).__next__)
    monkeypatch.setattr("regframe.progress._SHOWN_AFTER_SECONDS", 0)
    progress = Progress(lists=1, tags=25, tags_done=10)
    with progress_bar(True, "localhost:5000") as show:
        show(progress)
        progress.lists, progress.tags = 0, 40
        show(progress)
        progress.tags_done = 20
        show(progress)
        progress.tags_done = 30
        show(progress)
    # 10 in a second: 1 second for the other 10.
    last = capsys.readouterr().err.split("\r")[-1]
    assert "30/40" in last
    assert "<00:01, " in last
    assert "10.00tag/s" in last
    with progress_bar(True, "localhost:5000") as show:
        show(Progress(lists=1, tags=25, tags_done=10))
    assert "/25" not in capsys.readouterr().err
