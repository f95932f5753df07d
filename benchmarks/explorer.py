"""Whether the pickers and the explorer stay quick, with 50,000 repositories and 2,000 tags, in a real JupyterLab.

``python benchmarks/explorer.py`` serves a catalog of 50,000 repositories, opens a picker on it in this process, and
says how long that and each key takes, and by how much the process grows. Then it serves 2,000 tags of Docker's official
images (names, tags and dates are real, layers are made up) with Debian's docker-registry, and goes a person's way in
JupyterLab in chromium: search in the picker, load the tags in the explorer, run another cell meanwhile, look at each
tab, export. A probe in the page says for how long its main thread was blocked at most; where other programs take the
cores, that is in it.

It ends with status 1 if something takes longer, or is more, than the table says is wanted.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web
from corpus import TABLE, write_corpus
from playwright.sync_api import Page, expect, sync_playwright
from registry_server import start_registry
from report import OtherPrograms, machine, need, print_table
from soak import serving

import regframe as rf

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' JupyterLab and pages
from tests.browser.explorer_page import ANSWER_MS, TABS
from tests.browser.jupyterlab_server import start_jupyterlab
from tests.browser.notebook_page import NotebookPage

_PROGRAMS = ("docker-registry", "chromium")
_WANTED = "team-21/app-421"
_PAGE = 1000
_RESIDENT = "float(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0]) / 1000"
# Frames are drawn 60 times a second by a page whose main thread is free.
_PROBE = """() => {
    window.longest = 0;
    let before = performance.now();
    const frame = now => { window.longest = Math.max(window.longest, now - before); before = now;
                           requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""

Row = tuple[str, str, str]


class Catalog:
    """A registry with nothing but names, in pages."""

    def __init__(self, count: int) -> None:
        self.names = sorted(f"team-{number % 100}/app-{number}" for number in range(count))

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request for the catalog, and say that there is a registry."""
        if request.path != "/v2/_catalog":
            return web.json_response({}, status=200 if request.path == "/v2/" else 404)
        start = int(request.query.get("last", 0))
        end = start + _PAGE
        headers = {"Link": f'</v2/_catalog?last={end}&n={_PAGE}>; rel="next"'} if end < len(self.names) else {}
        return web.json_response({"repositories": self.names[start:end]}, headers=headers)


class Table:
    """What was measured, and which of it is more than it may be."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.too_much: list[str] = []

    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None:
        """Add a row."""
        self.rows.append((what, f"{value:,.2f} {unit}", "" if most is None else f"at most {most:,} {unit}"))
        if most is not None and value > most:
            self.too_much.append(what)


def main() -> int:
    """Run the benchmark, and return its exit status."""
    options = _options()
    need(_PROGRAMS, options.table)
    print(machine(), flush=True)
    table, others = Table(), OtherPrograms()
    catalog = Catalog(options.repositories)
    with tempfile.TemporaryDirectory(prefix="regframe-benchmark-") as name:
        folder = Path(name)
        notebooks = folder / "notebooks"
        notebooks.mkdir()
        corpus = write_corpus(folder / "storage", options.table, options.tags)
        with serving(catalog) as catalog_address, start_registry(corpus.storage, folder) as registry:
            _measure_picker(table, catalog_address, len(catalog.names))
            with start_jupyterlab(notebooks, {"REGFRAME_CACHE": "off"}) as lab, _page() as page:
                cells = [f"import regframe as rf\nrf.RepositoryPicker(rf.Registry({catalog_address!r}))"]
                _measure_search(table, NotebookPage(page, lab, lab.write("picker.ipynb", *cells)), catalog.names)
                cells = [
                    f"import regframe as rf\nregistry = rf.Registry({registry.address!r})",
                    "import time\nbegan = time.time()\n_ = registry.inventory()\ntime.time() - began",
                    "explorer = rf.explore(registry)\nexplorer",
                    "",
                ]
                notebook = NotebookPage(page, lab, lab.write("explorer.ipynb", *cells))
                _measure_explorer(table, notebook, corpus.totals.tags)
    print(f"Meanwhile other programs took {others.cores():.1f} cores on average.")
    print_table(("what", "measured", "wanted"), table.rows)
    if table.too_much:
        print(f"Too much: {', '.join(table.too_much)}.", file=sys.stderr)
    return 1 if table.too_much else 0


def _measure_picker(table: Table, address: str, count: int) -> None:
    """Open a picker in this process, and type a name into it."""
    registry = rf.Registry(address, insecure=True)
    # What is imported for the first of all pickers.
    rf.RepositoryPicker(registry, [])
    registry.limits()
    before = _resident()
    began = time.perf_counter()
    picker = rf.RepositoryPicker(registry)
    shown = time.perf_counter() - began
    picker.wait()
    listed = time.perf_counter() - began
    assert f"{count:,} repositories" in picker.status.text, picker.status.text
    keys = []
    for end in range(1, len(_WANTED) + 1):
        for typed in (_WANTED[:end], f"*{_WANTED[:end]}*"):
            began = time.thread_time()
            picker.search.value = typed
            keys.append(time.thread_time() - began)
    table.add(f"picker: there ({count:,} repositories)", shown, "s", 0.5)
    table.add("picker: the names are listed", listed, "s")
    table.add("picker: the slowest key, in the kernel", max(keys), "CPU s", 0.2)
    table.add("picker: memory it takes", (_resident() - before) / 1e6, "MB", 50)


def _measure_search(table: Table, notebook: NotebookPage, names: list[str]) -> None:
    """Open the picker in a browser, and type a name into it."""
    page = notebook.page
    began = time.perf_counter()
    notebook.start_all()
    status = page.locator(".regframe-repository-status")
    expect(status).to_contain_text(f"{len(names):,} repositories", timeout=ANSWER_MS)
    table.add("picker in JupyterLab: the names are listed", time.perf_counter() - began, "s")
    table.add("picker in JupyterLab: options in the page", page.locator("option").count(), "", 200)
    field = page.locator(".regframe-search input")
    with _probed(page) as longest:
        began = time.perf_counter()
        field.press_sequentially(_WANTED, delay=50)
        typed = time.perf_counter() - began
        expect(status).to_contain_text(f"{sum(_WANTED in name for name in names):,} of ", timeout=ANSWER_MS)
        found = time.perf_counter() - began
    table.add("picker in JupyterLab: from the last key to what is found", found - typed, "s", 2)
    table.add("picker in JupyterLab: the page was blocked", longest(), "s", 1)


def _measure_explorer(table: Table, notebook: NotebookPage, count: int) -> None:
    """Load all tags in the explorer, run a cell meanwhile, look at each tab, and export."""
    page = notebook.page
    notebook.start_all()
    notebook.wait_until_run(2)
    bare = float(notebook.output(1).last.inner_text())
    page.locator(".regframe-all button, button.regframe-all").click()
    status = page.locator(".regframe-tag-status")
    expect(status).to_contain_text(f"{count:,} tags", timeout=ANSWER_MS)
    loading = page.locator(".regframe-load-status")
    before = float(notebook.run_code(3, _RESIDENT).inner_text())
    answers = []
    with _probed(page) as longest:
        page.get_by_role("button", name="Load", exact=True).click()
        began = time.perf_counter()
        while "loaded" not in loading.inner_text():
            asked = time.perf_counter()
            expect(notebook.run_code(3, f"6 * {len(answers)}")).to_have_text(str(6 * len(answers)))
            answers.append(time.perf_counter() - asked)
        loaded = time.perf_counter() - began
    table.add(f"inventory() of {count:,} tags, without a widget", bare, "s")
    table.add("explorer: the same", loaded, "s", round(max(2 * bare, bare + 5), 1))
    table.add("explorer: the page was blocked while it loaded", longest(), "s", 1)
    table.add(f"explorer: another cell meanwhile, the slowest of {len(answers)}", max(answers), "s", 2)
    for title, shown in TABS.items():
        with _probed(page) as longest:
            began = time.perf_counter()
            page.get_by_role("tab", name=title, exact=True).click()
            expect(page.locator(shown).first).to_be_visible(timeout=ANSWER_MS)
            table.add(f"explorer: tab {title}", time.perf_counter() - began, "s")
        table.add(f"explorer: the page was blocked by {title}", longest(), "s", 1)
    with _probed(page) as longest:
        began = time.perf_counter()
        page.get_by_role("button", name="Export CSV", exact=True).click()
        expect(page.locator(".regframe-download")).to_contain_text("Written", timeout=ANSWER_MS)
        table.add("explorer: Export CSV", time.perf_counter() - began, "s")
    table.add("explorer: the page was blocked by Export CSV", longest(), "s", 1)
    grown = float(notebook.run_code(3, _RESIDENT).inner_text()) - before
    table.add("explorer: memory that the kernel took for all of it", grown, "MB", 300)
    if errors := notebook.errors():
        table.too_much.append(f"the notebook's errors: {errors[0]}")


@contextmanager
def _page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        # JupyterLab keeps only those cells in the page that are in sight.
        yield browser.new_page(viewport={"width": 1280, "height": 3000})
        browser.close()


@contextmanager
def _probed(page: Page) -> Iterator[Callable[[], float]]:
    """Measure for how many seconds the page's main thread was blocked at most, from now to the end of the context."""
    page.evaluate(_PROBE)
    found: list[float] = []
    yield lambda: found[0]
    found.append(page.evaluate("() => window.longest") / 1000)


def _resident() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmRSS:")[2].split()[0]) * 1024


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, default=50_000, help="how many the picker opens on (50000)")
    parser.add_argument("--tags", type=int, default=2000, help="how many tags the explorer loads (2000)")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table of the official images")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
