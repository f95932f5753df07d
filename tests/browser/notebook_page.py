"""A notebook in a browser: what a person does with it, in a person's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.jupyterlab_server import JupyterLab

_OPEN_MS = 60_000
_RUN_MS = 120_000
_IDLE = re.compile(r"Python 3 .*\| Idle")
_NUMBER = re.compile(r"\[\d+\]")


class NotebookPage:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Page, lab: JupyterLab, path: str) -> None:
        self.page = page
        page.goto(lab.address(path), timeout=_OPEN_MS)
        self._cells = page.locator(".jp-Notebook .jp-CodeCell")
        expect(self._cells.first).to_be_visible(timeout=_OPEN_MS)
        self._wait_for_kernel()

    def start_all(self) -> None:
        """Run → Run All Cells."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def run_all(self) -> None:
        """Run → Run All Cells, and wait until each has run: its prompt has a number."""
        self.start_all()
        prompts = self._cells.locator(".jp-InputPrompt").filter(has_not_text=_NUMBER)
        expect(prompts).to_have_count(0, timeout=_RUN_MS)

    def interrupt(self) -> None:
        """Press the stop button."""
        self.page.get_by_title("Interrupt the kernel").click()

    def wait_until_run(self, number: int, milliseconds: float = _RUN_MS) -> None:
        """Wait until a code cell has run: its prompt has a number."""
        expect(self.cell(number).locator(".jp-InputPrompt")).to_have_text(_NUMBER, timeout=milliseconds)

    def cell(self, number: int) -> Locator:
        """Return a code cell, counted from 0; -1 is the last."""
        return self._cells.nth(number)

    def output(self, number: int) -> Locator:
        """Return what a code cell has shown."""
        return self.cell(number).locator(".jp-OutputArea-output")

    def errors(self) -> list[str]:
        """Return the tracebacks and warnings that are shown."""
        kinds = ("application/vnd.jupyter.stderr", "application/vnd.jupyter.error")
        shown = ", ".join(f'.jp-Notebook [data-mime-type="{kind}"]' for kind in kinds)
        return self.page.locator(shown).all_inner_texts()

    def run_code(self, number: int, code: str) -> Locator:
        """Write over a code cell, run it and return its output."""
        editor, prompt = self.cell(number).locator(".cm-content"), self.cell(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        editor.click()
        editor.fill(code)
        editor.press("Control+Enter")
        expect(prompt).not_to_have_text(before)
        self.wait_until_run(number)
        return self.output(number)

    def _wait_for_kernel(self) -> None:
        # The notebook's own mark is idle before there is a kernel; the status bar names it.
        expect(self.page.get_by_title("Change kernel for")).to_have_text(_IDLE, timeout=_OPEN_MS)
