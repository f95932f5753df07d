"""Runs notebooks from top to bottom: for the tests, and to save what came out (``make notebooks``)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
_LONGEST_CELL_SECONDS = 120
_REGISTRY = re.compile(r"^REGISTRY = .*", re.MULTILINE)
_STYLED = re.compile(r"\bT_[0-9a-f]{5}\b|\bT_[0-9a-f]{5}(?=_)|(?<=Styler) at 0x[0-9a-f]+")
_WIDGET = "application/vnd.jupyter.widget-view+json"


def notebooks() -> list[Path]:
    """Return the notebooks, in the order in which a reader meets them."""
    return sorted(FOLDER.glob("*.ipynb"))


def run(notebook: Path, folder: Path, registry: dict[str, Any] | None = None) -> NotebookNode:
    """Run a notebook in a folder and return it with its outputs; raise at its first error.

    It runs on the sample registry, or on another, for which one line is changed, as a reader does.
    """
    document = nbformat.read(notebook, as_version=4)
    if registry:
        (cell,) = (cell for cell in document.cells if cell.cell_type == "code" and _REGISTRY.search(cell.source))
        cell.source = _REGISTRY.sub(lambda line: f"REGISTRY = {registry!r}", cell.source)
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
        _named_alike(document)
        nbformat.write(document, notebook)
        print(notebook.name)


def _without_widgets(document: NotebookNode) -> None:
    """Leave a widget's words alone: its view is an error message to who opens a notebook without its kernel."""
    for cell in document.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(_WIDGET, None)


def _named_alike(document: NotebookNode) -> None:
    """Give tables the same names on every run, so that a difference is one that a reader sees."""
    for number, cell in enumerate(document.cells):
        for output in cell.get("outputs", []):
            for kind in {"text/html", "text/plain"}.intersection(output.get("data", {})):
                named = f"T_{number:05}"
                output["data"][kind] = _STYLED.sub(
                    lambda found, named=named: "" if "0x" in found[0] else named, output["data"][kind]
                )


if __name__ == "__main__":
    main()
