"""The private sample registry, a JupyterLab beside it, and a browser on that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from regframe import demo
from tests.browser.jupyterlab_server import JupyterLab, start_jupyterlab
from tests.browser.notebook_page import NotebookPage
from tests.notebooks.run import notebooks
from tests.parts import Certificate, Front, needs, start_front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

# JupyterLab keeps only those cells in the page that are in sight.
_TALL = {"width": 1280, "height": 4000}


@pytest.fixture(scope="session")
def sample() -> Iterator[demo.SampleRegistry]:
    """Give the sample registry, with TLS, a user and a password."""
    with demo.serve(tls=True, username=demo.USERNAME, password=demo.PASSWORD) as registry:
        yield registry


@pytest.fixture
def front(certificate: Certificate) -> Iterator[Front]:
    """Give the private sample registry behind a server that can hold answers, and go away in the middle."""
    with (
        demo.serve(username=demo.USERNAME, password=demo.PASSWORD) as registry,
        start_front(registry, tls=certificate) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def lab(sample: demo.SampleRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Give a JupyterLab on the notebooks, as “make lab” starts it, but without their outputs."""
    folder = tmp_path_factory.mktemp("lab")
    for notebook in notebooks():
        document = nbformat.read(notebook, as_version=4)
        for cell in document.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(document, folder / notebook.name)
    with start_jupyterlab(folder, sample.environment) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Give Debian's chromium; Playwright's event loop would forbid the tests of other packages one of their own."""
    program = needs("chromium")
    with sync_playwright() as playwright:
        # Tests run as root in containers, where the sandbox cannot be; its pages come from this machine alone.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a page of a person's own, in which no script fails."""
    context = browser.new_context(viewport=_TALL, accept_downloads=True)
    opened = context.new_page()
    thrown: list[str] = []
    opened.on("pageerror", lambda error: thrown.append(str(error)))
    yield opened
    context.close()
    assert thrown == []


@pytest.fixture
def open_notebook(page: Page, lab: JupyterLab) -> Callable[[str], NotebookPage]:
    """Open a notebook by its path in the folder."""
    return lambda path: NotebookPage(page, lab, path)
