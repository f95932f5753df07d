"""The quick start, opened and run as a reader does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from regframe import demo
    from tests.browser.notebook_page import NotebookPage


def test_a_reader_runs_the_quick_start(
    open_notebook: Callable[[str], NotebookPage], sample: demo.SampleRegistry
) -> None:
    notebook = open_notebook("1-quick-start.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    # The shell's variables in a step stay what they are: $A … $B is no formula.
    step = notebook.output(4).get_by_role("cell", name="$NODE_VERSION").first
    expect(step).to_contain_text("/v$NODE_VERSION/node-v$NODE_VERSION-linux-$ARCH.tar.xz")
    expect(notebook.page.locator("mjx-container")).to_have_count(0)
    rows = notebook.output(2).locator("tbody tr")
    expect(rows).to_have_count(len(sample.content.repositories))
    counts = {name: len(tags) for name, tags in sample.content.repositories.items()}
    shown = [row.locator("td").all_inner_texts() for row in rows.all()]
    assert {name: int(count) for name, count in shown} == counts
    told = notebook.run_code(0, "demo.running()['target']")
    expect(told).to_contain_text(sample.address)
