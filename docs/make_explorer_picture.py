"""Takes the README's picture of the explorer, in JupyterLab on the sample registry.

``python -m docs.make_explorer_picture`` in the checkout; it needs the packages of the tests and Debian's chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from regframe import demo
from tests.browser.jupyterlab_server import start_jupyterlab
from tests.browser.notebook_page import NotebookPage

_PICTURE = Path(__file__).with_name("explorer.png")
_WAIT_MS = 60_000
_CELL = """\
import regframe as rf
from regframe import demo

explorer = rf.explore(rf.Registry(**demo.running(), platform="linux/amd64"))
explorer"""


def main() -> None:
    """Choose, load and look at layer sizes as a person does, and take a picture of that."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Not here: chromium. On Debian: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        demo.serve(tls=True, username=demo.USERNAME, password=demo.PASSWORD) as sample,
        start_jupyterlab(Path(folder), sample.environment) as lab,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1150, "height": 1600})
        notebook = NotebookPage(page, lab, lab.write("explorer.ipynb", _CELL))
        notebook.start_all()
        page.locator(".regframe-search input").fill("httpd", timeout=_WAIT_MS)
        expect(page.locator(".regframe-repositories option")).to_have_text(["httpd"], timeout=_WAIT_MS)
        page.locator(".regframe-repositories select").select_option("httpd")
        expect(page.locator(".regframe-tag-status")).to_contain_text("tags", timeout=_WAIT_MS)
        page.locator(".regframe-tag-glob input").fill("2.4.6*-alpine*")
        page.get_by_role("button", name="Load", exact=True).click()
        expect(page.locator(".regframe-load-status")).to_contain_text("loaded", timeout=_WAIT_MS)
        page.get_by_role("tab", name="Layer sizes", exact=True).click()
        expect(page.locator(".regframe-layer-sizes img")).to_be_visible(timeout=_WAIT_MS)
        notebook.output(0).screenshot(path=_PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
