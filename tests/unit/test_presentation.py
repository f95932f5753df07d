"""Frames and steps as people read them; the data stays as it is."""

from __future__ import annotations

import pandas as pd
import pytest

import regframe as rf
from regframe.frames import SCHEMAS, frame
from regframe.text import shortened, step_text

DIGEST = "sha256:" + "0123456789abcdef" * 4


def one_image(**columns: object) -> pd.DataFrame:
    given = {
        "repository": "app",
        "tag": "1.0",
        "digest": DIGEST,
        "size": pd.array([52_300_000], dtype="Int64"),
        "layers": pd.array([1234], dtype="Int64"),
        "released_at": pd.Series([pd.Timestamp("2024-05-06T07:08:09Z")]).dt.as_unit("us"),
    }
    return frame("images").reindex(range(1)).assign(**{**given, **columns})


def test_people_see_sizes_dates_and_short_digests_and_the_data_stays() -> None:
    images = one_image()
    before = images.copy(deep=True)
    styler = rf.style(images)
    shown = styler.to_html()
    for text in ("52.3\N{NO-BREAK SPACE}MB", "1,234", "2024-05-06\N{NO-BREAK SPACE}07:08", ">0123456789ab<"):
        assert text in shown
    assert DIGEST not in shown
    assert "<NA>" not in shown
    pd.testing.assert_frame_equal(styler.data, before)
    pd.testing.assert_frame_equal(images, before)


def test_what_others_wrote_is_text_and_no_markup() -> None:
    evil = '<script>alert(1)</script><a href="https://evil.example">x</a>'
    images = one_image(repository=evil, tag="https://evil.example", digest=evil, media_type=evil)
    images = images.assign(created_by=f"RUN {evil}\x1b[31m").set_index(pd.Index([evil], name=evil))
    images[evil] = evil
    images.columns.name = evil
    shown = rf.style(images).to_html()
    assert "<script>alert" not in shown
    assert "<a " not in shown
    assert "\x1b" not in shown


def test_what_is_no_frame_is_said_in_a_sentence() -> None:
    with pytest.raises(rf.ConfigurationError, match=r"such as inventory\.images, and was given Series"):
        rf.style(one_image()["size"])  # type: ignore[arg-type]


def test_a_large_frame_is_its_first_rows_and_says_so() -> None:
    images = pd.concat([one_image()] * 5000)
    shown = rf.style(images, rows=50).to_html()
    assert shown.count("<tr") == 51
    assert "The first 50 of 5,000 rows" in shown


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_frame_can_be_shown_empty_too(name: str) -> None:
    assert "<table" in rf.style(frame(name)).to_html()
    assert "<table" in rf.style(frame(name).reindex(range(2))).to_html()


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ('/bin/sh -c #(nop)  CMD ["httpd"]', 'CMD ["httpd"]'),
        ("/bin/sh -c apk add curl", "RUN apk add curl"),
        ("RUN /bin/sh -c apk add curl # buildkit", "RUN apk add curl"),
        ("RUN |1 A=b /bin/sh -c apk add curl # buildkit", "RUN apk add curl"),
        ("|2 A=b C=d /bin/sh -c make", "RUN make"),
        ("/bin/sh -c #(nop) ADD file:" + "ab12" * 16 + " in / ", "ADD file:ab12ab12ab12 in /"),
        ("RUN a\n\tb\x1b[0m", "RUN a b [0m"),
    ],
)
def test_a_step_is_as_in_its_dockerfile(created_by: str, text: str) -> None:
    assert step_text(created_by) == text


@pytest.mark.parametrize("length", range(2, 40))
def test_shortened_text_is_no_longer_than_asked(length: int) -> None:
    for text in ("team/very-long-name-of-an-image:1.2.3-alpine", "RUN some words of a step that is very long indeed"):
        assert len(shortened(text, length)) <= max(length, 3)
