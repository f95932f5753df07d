"""The rooms of the design: who imports whom, and what importing regframe loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import regframe as rf

PACKAGE = Path(rf.__file__).parent
# From left to right; nothing imports from its right.
ROOMS = (
    ("errors", "version", "text", "folder"),
    ("reference", "oci", "target"),
    ("sources",),
    ("records", "bounds", "scan", "batches", "uncompressed", "progress", "skopeo"),
    ("frames", "rows", "formats", "order", "selection"),
    ("resume", "plan", "parts", "connection", "inventory", "dataset", "filing", "gathering"),
    ("comparison", "doctor", "referrers", "reader", "questions", "writer", "inventories", "aio", "registry"),
    ("analysis", "plot", "presentation"),
    ("changes",),
    ("demo",),
    ("cli", "widgets", "cluster", "dask"),
)
PLACES = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports when it is loaded, by their whole names."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def modules() -> list[Path]:
    return [
        path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem not in {"__init__", "__main__"}
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_from_its_right(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "regframe" and len(parts) > 1:
            assert PLACES[parts[1]] <= PLACES[room], f"{room} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_are_seen_in_their_rooms_only(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = {name.split(".")[0] for name in imports(path)}
    assert "pandas" not in names or PLACES[room] >= PLACES["frames"]
    assert not names & {"httpx", "aiohttp"} or room in {"sources", "demo"}
    assert "matplotlib" not in names or room == "plot"
    assert "ipywidgets" not in names or room == "widgets"
    assert not names & {"dask", "distributed"}


def test_the_page_of_the_rooms_has_them_all_in_their_order() -> None:
    page = (PACKAGE.parent / "docs" / "rooms.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    assert sorted(room for row in rows for room in row) == sorted(PLACES)
    assert {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()} == set(PLACES)
    places = [PLACES[room] for row in rows for room in row]
    assert places == sorted(places, reverse=True)


def test_importing_regframe_loads_neither_matplotlib_nor_ipywidgets() -> None:
    program = "import sys, regframe; sys.exit(any(name in sys.modules for name in ('matplotlib', 'ipywidgets')))"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_public_names_are_there() -> None:
    for name in rf.__all__:
        assert getattr(rf, name) is not None
    assert {"Registry", "Inventory", "RegframeError", "storage", "plot"} <= set(rf.__all__)
