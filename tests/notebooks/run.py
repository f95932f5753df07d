"""Runs notebooks from top to bottom: for the tests, and to save what came out (``make notebooks``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
_LONGEST_CELL_SECONDS = 120
_WIDGET = "application/vnd.jupyter.widget-view+json"


def notebooks() -> list[Path]:
    """Return the notebooks, in the order in which a reader meets them."""
    return sorted(FOLDER.glob("*.ipynb"))


def run(notebook: Path, folder: Path) -> NotebookNode:
    """Run a notebook in a folder and return it with its outputs; raise at its first error."""
    document = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        document,
        timeout=_LONGEST_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
    )
    client.execute()
    return document


def main() -> None:
    """Run all, or those named, and save them with their outputs."""
    for notebook in [Path(name) for name in sys.argv[1:]] or notebooks():
        document = run(notebook, FOLDER)
        # Versions of whoever ran it are no news to a reader.
        document.metadata["language_info"] = {"name": "python"}
        _without_widgets(document)
        nbformat.write(document, notebook)
        print(notebook.name)


def _without_widgets(document: NotebookNode) -> None:
    """Leave a widget's words alone: its view is an error message to who opens a notebook without its kernel."""
    for cell in document.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(_WIDGET, None)


if __name__ == "__main__":
    main()
