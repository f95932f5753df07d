"""The explorer in JupyterLab, used as a person does: with the mouse, the keyboard, and the eyes."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

import regframe as rf
from regframe import demo

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.jupyterlab_server import JupyterLab
    from tests.browser.notebook_page import NotebookPage
    from tests.parts import Certificate, Front

_TYPED = "another one, typed below"
_TABS = {
    "Layer sizes": ".regframe-layer-sizes img",
    "Release timeline": ".regframe-release-timeline img",
    "History": ".regframe-history table",
    "Config": ".regframe-config table",
    "Storage": ".regframe-storage table",
    "Table": ".regframe-images table",
}
# What comes from a registry behind a kernel, on a machine that does other things too.
_ANSWER_MS = 60_000


class Explorer:
    """An explorer on a page: its controls by what they are called."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.known = page.locator(".regframe-known select")
        expect(self.known).to_be_visible(timeout=_ANSWER_MS)

    def field(self, name: str) -> Locator:
        """Return a line to type in."""
        return self.page.locator(f".regframe-{name} input")

    def says(self, name: str, text: str | re.Pattern[str]) -> None:
        """Wait until a sentence is shown."""
        expect(self.page.locator(f".regframe-{name}")).to_contain_text(text, timeout=_ANSWER_MS)

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def log_in(self, address: str, certificate: Certificate | None = None, password: str = demo.PASSWORD) -> None:
        """Type an address, a user, a password and a certificate's file, and press Connect."""
        self.known.select_option(_TYPED)
        self.field("address").fill(address)
        self.field("username").fill(demo.USERNAME)
        self.field("password").fill(password)
        if certificate is not None:
            self.field("ca").fill(str(certificate.certificate))
        self.press("Connect")

    def choose(self, repository: str, tags: str) -> None:
        """Search a repository, choose it, and filter its tags."""
        options = self.page.locator(".regframe-repositories option")
        self.field("search").fill(repository[:4])
        expect(options).to_have_text([repository], timeout=_ANSWER_MS)
        self.page.locator(".regframe-repositories select").select_option(repository)
        self.says("tag-status", re.compile(r"\d+ tags"))
        self.field("tag-glob").fill(tags)
        self.says("tag-status", "tags match")


@pytest.fixture
def notebook(
    open_notebook: Callable[[str], NotebookPage], lab: JupyterLab, request: pytest.FixtureRequest
) -> NotebookPage:
    """Give a notebook whose first cell shows an explorer, with an empty cell below it."""
    path = lab.write(f"{request.node.name}.ipynb", "import regframe as rf\nexplorer = rf.explore()\nexplorer", "")
    opened = open_notebook(path)
    # The empty cell gets no number.
    opened.start_all()
    opened.wait_until_run(0)
    return opened


def test_the_whole_way_from_a_password_to_a_file(
    notebook: NotebookPage, front: Front, certificate: Certificate, lab: JupyterLab
) -> None:
    page = notebook.page
    explorer = Explorer(page)
    explorer.log_in(front.address, certificate, password="wrong")
    explorer.says("status", "does not accept this user name and password")
    explorer.field("password").fill(demo.PASSWORD)
    explorer.press("Connect")
    explorer.says("status", f"Connected to {front.address}, registry/2.0")
    explorer.choose("httpd", "2.4.6[234]")

    # The registry is stopped in the middle: progress is shown, and the notebook stays usable.
    front.held, front.held_after = r"/(manifests|blobs)/", 20
    explorer.press("Load")
    assert front.is_holding.wait(60)
    explorer.says("load-status", re.compile(r"\d of 3 tags"))
    expect(notebook.run_code(1, "6 * 7")).to_have_text("42")
    explorer.press("Cancel")
    explorer.says("load-status", re.compile(r"Cancelled: \d of 3 tags were read"))
    front.release()

    explorer.press("Load")
    explorer.says("load-status", re.compile(r"3 tags and \d+ images loaded"))
    expect(page.locator(".regframe-images tbody tr").first).to_contain_text("2.4.62")
    page.locator(".regframe-images-sort select").select_option("size")
    largest = notebook.run_code(1, "print(explorer.images.sort_values('size').tag.iloc[-1])").inner_text()
    expect(page.locator(".regframe-images tbody tr").first).to_contain_text(largest.strip())
    for title, shown in _TABS.items():
        page.get_by_role("tab", name=title, exact=True).click()
        expect(page.locator(shown).first).to_be_visible(timeout=_ANSWER_MS)

    explorer.press("Export CSV")
    link = page.locator(".regframe-download a")
    expect(link).to_be_visible(timeout=_ANSWER_MS)
    with page.expect_download() as download:
        link.click()
    with ZipFile(download.value.path()) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/images.csv"))
        downloaded = archive.read(name)
    beside = lab.folder / f"regframe-localhost-{front.server_port}"
    assert downloaded == (beside / "images.csv").read_bytes()
    shown = notebook.run_code(1, "print(explorer.images.digest.str.cat(sep=' '), explorer.images['size'].sum())")
    *digests, size = shown.inner_text().split()
    written = pd.read_csv(BytesIO(downloaded))
    assert (digests, int(size)) == (list(written["digest"]), written["size"].sum())
    assert rf.Inventory.read_csv(beside).complete
    assert notebook.errors() == []


def test_the_code_runs_in_the_next_cell_and_no_password_is_saved(
    notebook: NotebookPage, sample: demo.SampleRegistry, lab: JupyterLab, request: pytest.FixtureRequest
) -> None:
    page = notebook.page
    explorer = Explorer(page)
    explorer.known.select_option("the sample registry")
    explorer.press("Connect")
    explorer.says("status", f"Connected to {sample.address}")
    explorer.choose("httpd", "2.4.6*-alpine")
    page.locator(".regframe-platform select").select_option("linux/arm64")
    explorer.press("Load")
    explorer.says("load-status", "loaded")
    explorer.press("Copy code")
    code = page.locator(".regframe-code textarea")
    expect(code).to_be_visible()
    notebook.run_code(
        1, f"{code.input_value()}\nprint(inventory.images.equals(explorer.images), len(inventory.images))"
    )
    expect(notebook.output(1).first).to_contain_text(re.compile(r"^True [1-9]"))
    with page.expect_response(lambda answer: answer.request.method == "PUT" and ".ipynb" in answer.url) as answer:
        page.keyboard.press("Control+s")
    assert answer.value.ok
    saved = lab.folder / f"{request.node.name}.ipynb"
    assert "Copy code" in saved.read_text()
    assert demo.PASSWORD not in saved.read_text()


def test_a_registry_that_stops_in_the_middle_is_in_words(
    notebook: NotebookPage, front: Front, certificate: Certificate
) -> None:
    explorer = Explorer(notebook.page)
    explorer.log_in(front.address, certificate)
    explorer.says("status", "Connected")
    explorer.choose("httpd", "2.4.6*")
    front.refused["/blobs/"] = 404
    explorer.press("Load")
    explorer.says("errors", "could not be read")
    explorer.says("errors", front.address)
    front.stop()
    explorer.press("Connect")
    explorer.says("status", re.compile("cannot be reached|does not answer|connect", re.IGNORECASE))


def test_the_keyboard_alone_is_enough(notebook: NotebookPage, sample: demo.SampleRegistry) -> None:
    page = notebook.page
    keyboard = page.keyboard
    explorer = Explorer(page)
    explorer.known.focus()
    keyboard.type("the sample")
    _tab_to(page, "Connect")
    keyboard.press("Enter")
    explorer.says("status", f"Connected to {sample.address}")
    _tab_to(page, "Repositories")
    keyboard.type("httpd")
    expect(page.locator(".regframe-repositories option")).to_have_text(["httpd"])
    # JupyterLab keeps the arrow keys for its cells, also in a list.
    _tab_to(page, "All matches")
    keyboard.press("Enter")
    explorer.says("repository-status", "chosen: httpd")
    explorer.says("tag-status", "143 tags")
    _tab_to(page, "Tags")
    keyboard.type("2.4.62")
    explorer.says("tag-status", "1 of 143 tags match")
    _tab_to(page, "Load")
    keyboard.press("Enter")
    explorer.says("load-status", "1 tag and")
    _tab_to(page, "Table")
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    expect(page.locator(".regframe-layer-sizes img")).to_be_visible(timeout=_ANSWER_MS)


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus."""
    focused = "(document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent || '').trim()"
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate(focused).split("\n")[0] == name:
            return
    raise AssertionError(f"The keyboard does not come to {json.dumps(name)}.")
