"""A long scan in a notebook: its progress, the stop button, and a registry that goes away."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from regframe import demo

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.jupyterlab_server import JupyterLab
    from tests.browser.notebook_page import NotebookPage
    from tests.parts import Certificate, Front

_LET_THROUGH = 150
# The time in which a registry that has gone away is given up on.
_GIVEN_UP_MS = 90_000


@pytest.fixture
def notebook(
    open_notebook: Callable[[str], NotebookPage], lab: JupyterLab, front: Front, certificate: Certificate
) -> NotebookPage:
    """Give a notebook that has begun to read a registry, which holds its answers in the middle."""
    login = {
        "target": front.address,
        "username": demo.USERNAME,
        "password": demo.PASSWORD,
        "ca": str(certificate.certificate),
    }
    path = lab.write(
        f"{front.server_port}.ipynb",
        "import regframe as rf",
        f"registry = rf.Registry(**{json.dumps(login)})",
        "inventory = registry.inventory()",
        "",
    )
    front.held, front.held_after = r"/(manifests|blobs)/", _LET_THROUGH
    opened = open_notebook(path)
    opened.start_all()
    assert front.is_holding.wait(60)
    return opened


def test_the_stop_button_leaves_what_was_read(notebook: NotebookPage, front: Front) -> None:
    expect(notebook.output(2)).to_contain_text(re.compile(rf"\d+/\d+.*documents={_LET_THROUGH}\b"))
    notebook.interrupt()
    expect(notebook.output(2).last).to_contain_text("Interrupted")
    front.release()
    read = "partial.images.digest.nunique()"
    said = notebook.run_code(3, f"import sys; partial = sys.last_value.inventory; 0 < {read} <= {_LET_THROUGH}")
    expect(said).to_have_text("True")
    asked = front.requests.total()
    notebook.run_code(3, "whole = registry.inventory(resume=partial)")
    assert front.requests.total() > asked
    said = notebook.run_code(3, "len(whole.tags), whole.errors.empty")
    expect(said).to_have_text(str((sum(map(len, demo.sample_content().repositories.values())), True)))


def test_a_registry_that_goes_away_is_errors_and_sentences(notebook: NotebookPage, front: Front) -> None:
    front.stop()
    notebook.wait_until_run(2, _GIVEN_UP_MS)
    said = notebook.run_code(3, "print(*registry.errors['message'].unique(), sep='\\n')")
    expect(said).to_contain_text(re.compile("connect|answer", re.IGNORECASE))
    assert demo.PASSWORD not in said.inner_text()
