"""The explorer in JupyterLab, used as a person does: with the mouse, the keyboard, and the eyes."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pandas as pd
import pytest
from playwright.sync_api import Page, WebSocket, expect

import regframe as rf
from regframe import demo
from tests.browser.explorer_page import ANSWER_MS, TABS, ExplorerPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.jupyterlab_server import JupyterLab
    from tests.browser.notebook_page import NotebookPage
    from tests.parts import Certificate, Front


@pytest.fixture
def received(page: Page) -> list[str]:
    """Give what the page hears from the kernel, from its beginning."""
    heard: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived", lambda data: heard.append(data if isinstance(data, str) else data.decode(errors="replace"))
        )

    page.on("websocket", listen)
    return heard


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
    explorer = ExplorerPage(page)
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
    for title, shown in TABS.items():
        page.get_by_role("tab", name=title, exact=True).click()
        expect(page.locator(shown).first).to_be_visible(timeout=ANSWER_MS)

    explorer.press("Export CSV")
    link = page.locator(".regframe-download a")
    expect(link).to_be_visible(timeout=ANSWER_MS)
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


def test_a_password_that_is_typed_is_neither_saved_nor_sent_back(
    received: list[str], notebook: NotebookPage, front: Front, certificate: Certificate, lab: JupyterLab
) -> None:
    explorer = ExplorerPage(notebook.page)
    explorer.log_in(front.address, certificate)
    explorer.says("status", "logged in by user and password")
    saved = _saved(notebook.page, lab)
    assert "logged in by user and password" in saved
    assert any("logged in by user and password" in heard for heard in received)
    assert demo.PASSWORD not in saved
    # What other tests typed in their cells is in IPython's history, which a page asks for.
    assert [heard for heard in received if demo.PASSWORD in heard and "history_reply" not in heard] == []


def test_the_code_runs_in_the_next_cell(notebook: NotebookPage, sample: demo.SampleRegistry, lab: JupyterLab) -> None:
    page = notebook.page
    explorer = ExplorerPage(page)
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
    assert "Copy code" in _saved(page, lab)

    # In a narrow cell nothing is wider than the cell, and the titles of tabs stand whole.
    page.set_viewport_size({"width": 700, "height": 4000})
    cell = notebook.output(0).bounding_box()
    assert cell is not None
    for control in page.locator(".regframe-explorer :is(input, select, button, textarea):visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= cell["x"] + cell["width"]
    for title in page.locator(".regframe-tabs .lm-TabBar-tabLabel").all():
        assert title.evaluate("title => title.scrollWidth <= title.clientWidth")


def test_a_registry_that_stops_in_the_middle_is_in_words(
    notebook: NotebookPage, front: Front, certificate: Certificate
) -> None:
    explorer = ExplorerPage(notebook.page)
    explorer.log_in(front.address, certificate)
    explorer.says("status", "Connected")
    explorer.choose("httpd", "2.4.6*")
    front.held, front.held_after = r"/(manifests|blobs)/", 20
    explorer.press("Load")
    assert front.is_holding.wait(60)
    front.stop()
    explorer.says("errors", "could not be read")
    explorer.says("errors", front.address)
    explorer.says("load-status", "loaded")
    explorer.field("password").fill(demo.PASSWORD)
    explorer.press("Connect")
    explorer.says("status", f"Nothing listens at {front.address}")


def test_the_keyboard_alone_is_enough(notebook: NotebookPage, sample: demo.SampleRegistry) -> None:
    page = notebook.page
    keyboard = page.keyboard
    explorer = ExplorerPage(page)
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
    _tab_to(page, "Add matches")
    keyboard.press("Enter")
    explorer.says("tag-status", "1 chosen")
    _tab_to(page, "Load")
    keyboard.press("Enter")
    explorer.says("load-status", "1 tag and")
    _tab_to(page, "Table")
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    expect(page.locator(".regframe-layer-sizes img")).to_be_visible(timeout=ANSWER_MS)


def _saved(page: Page, lab: JupyterLab) -> str:
    """Save the notebook, and return what is in its file."""
    with page.expect_response(lambda answer: answer.request.method == "PUT" and ".ipynb" in answer.url) as answer:
        page.keyboard.press("Control+s")
    assert answer.value.ok
    return (lab.folder / answer.value.json()["path"]).read_text()


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus."""
    focused = "(document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent || '').trim()"
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate(focused).split("\n")[0] == name:
            return
    raise AssertionError(f"The keyboard does not come to {json.dumps(name)}.")
