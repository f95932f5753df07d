"""Every notebook runs from top to bottom, and is committed with what came out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat import NotebookNode

import regframe as rf
from regframe import demo
from regframe.demo.shapes import add_shapes
from tests.notebooks.run import notebooks, run

# Where people and CI keep things, and where programs put what they make.
_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|Users|tmp|var|work|builds|mnt|opt)/[\w.-]+|[A-Z]:\\\\Users")
_SECRET = re.compile(re.escape(demo.PASSWORD) + r"|Basic [A-Za-z0-9+/=]{8,}|Bearer \S{8,}|\"auth\": *\"[^\"]+\"")


def each_notebook() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("notebook", notebooks(), ids=lambda path: path.stem)


def outputs(document: NotebookNode) -> list[NotebookNode]:
    return [output for cell in document.cells if cell.cell_type == "code" for output in cell.outputs]


def printed(document: NotebookNode) -> str:
    """Return what a reader may read in the outputs; of a picture only its bytes are left out."""
    texts = []
    for output in outputs(document):
        texts.append(output.get("text", ""))
        texts += [str(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/")]
    return "\n".join([*texts, str(document.metadata)])


@each_notebook()
def test_it_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    document = run(notebook, tmp_path)
    assert [output.text for output in outputs(document) if output.get("name") == "stderr"] == []
    assert not _SECRET.search(printed(document))


@pytest.fixture(scope="module")
def other_registry() -> Iterator[demo.SampleRegistry]:
    """Give a private registry that has nothing of what the sample registry is known for."""
    builder = demo.ContentBuilder()
    add_shapes(builder)
    content = builder.content()
    with demo.serve(tls=True, username="other", password=demo.PASSWORD, content=content, writable=True) as registry:
        yield registry


@each_notebook()
def test_it_runs_on_a_readers_own_registry(notebook: Path, other_registry: demo.SampleRegistry, tmp_path: Path) -> None:
    theirs = {"target": other_registry.address, "username": "other", "password": demo.PASSWORD}
    theirs["ca"] = str(other_registry.ca)
    before = rf.Registry(**theirs, progress=False, cache=False).tags()
    run(notebook, tmp_path, theirs)
    pd.testing.assert_frame_equal(rf.Registry(**theirs, progress=False, cache=False).tags(), before)


@each_notebook()
def test_it_is_committed_as_it_came_out(notebook: Path) -> None:
    document = nbformat.read(notebook, as_version=4)
    nbformat.validate(document)
    cells = [cell for cell in document.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run it from top to bottom"
    assert outputs(document)
    assert [output for output in outputs(document) if output.output_type == "error"] == []
    assert not _PATH.search(printed(document))
    assert not _SECRET.search(printed(document))
    assert _SECRET.search(nbformat.writes(document)) is None


@each_notebook()
def test_it_has_words_and_stays_short(notebook: Path) -> None:
    document = nbformat.read(notebook, as_version=4)
    assert document.cells[0].cell_type == "markdown"
    assert document.cells[0].source.startswith("# ")
    words = sum(cell.cell_type == "markdown" for cell in document.cells)
    assert words >= len(document.cells) / 3
    assert len(nbformat.writes(document)) < 400_000


@pytest.mark.parametrize(
    "text",
    [
        "[PosixPath('/tmp/tmp8/inventory')]",
        "File /home/me/x.py",
        f"password={demo.PASSWORD!r}",
        "Authorization: Basic bXl1c2VyOm15cGFzczEyMw==",
    ],
)
def test_what_does_not_belong_in_an_output_is_found(text: str) -> None:
    assert _PATH.search(text) or _SECRET.search(text)


@pytest.mark.parametrize("text", ["/v2/httpd/tags/list", "/usr/local/apache2/bin", "https://example.org/home/me"])
def test_what_an_image_says_is_not_a_path_of_ours(text: str) -> None:
    assert not _PATH.search(text)


def test_links_between_notebooks_lead_somewhere() -> None:
    for notebook in notebooks():
        for cell in nbformat.read(notebook, as_version=4).cells:
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source if cell.cell_type == "markdown" else ""):
                assert (notebook.parent / target).exists(), f"{notebook.name}: {target}"
