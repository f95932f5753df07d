from datetime import UTC, datetime

from regframe.analysis import summary
from regframe.frames import frame
from tests.analysis.made import Made, inventory

ERRORS = frame("errors", [("web", "2.0", None, "manifest", 500, None, "It failed.", None)])
MADE = inventory(
    Made("app", "1.0", ("base 100000", "one 10"), released="2023-02-03"),
    Made("app", "1.1", ("base 100000", "two 20"), released="2024-05-06"),
    Made("app", "latest", ("base 100000", "two 20"), released="2024-05-06"),
    Made("web", "1.0", ("base 100000", "foreign 900000"), released="2025-01-01", source="seen"),
    Made("web", "1.0.sig", ("signature 3",), platform=None, kind="signature"),
    errors=ERRORS,
    taken_at=datetime(2024, 6, 7, 8, 9, tzinfo=UTC),
)


def test_the_facts() -> None:
    facts = summary(MADE).facts
    assert facts.drop(["taken_at", "documents", "documents_size"]).to_dict() == {
        "registry": "localhost:5000",
        "repositories": 2,
        "tags": 5,
        "platforms": 1,
        "images": 3,
        "layers": 3,
        "logical": 300030,
        "stored": 100030,
        "artifacts": 1,
        "artifacts_size": 3,
        "oldest_release": "app:1.0 (2023-02-03)",
        "newest_release": "app:1.1 (2024-05-06)",
        "errors": 1,
    }


def test_the_largest_repositories_and_layers() -> None:
    found = summary(MADE, largest=2)
    assert found.largest_repositories["repository"].tolist() == ["app", "web"]
    assert found.largest_layers[["size", "images", "repositories", "created_by"]].to_numpy().tolist() == [
        [100000, 3, "app, web", "COPY base 100000 /"],
        [20, 1, "app", "COPY two 20 /"],
    ]


def test_it_shows_itself_for_people() -> None:
    text = repr(summary(MADE))
    assert "stored          100 kB" in text
    assert "2024-06-07 08:09 UTC" in text
    assert "COPY base 100000 /" in text


def test_what_an_image_says_is_not_run_in_a_notebook() -> None:
    evil = Made("app", "1.0", ("evil 1",), steps=(("RUN <script>alert(1)</script>\x1b[31m", "evil 1"),))
    html = summary(inventory(evil))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html + repr(summary(inventory(evil)))


def test_nothing_is_also_a_summary() -> None:
    found = summary(inventory())
    assert found.facts["stored"] == 0
    assert "Largest" not in repr(found) + found._repr_html_()
