"""The pickers together, and what they load."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import re
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from regframe.aio import AsyncRegistry
from regframe.connection import parse_platforms
from regframe.errors import RegframeError
from regframe.frames import frame
from regframe.inventory import Inventory
from regframe.progress import TimeToGo
from regframe.registry import Registry
from regframe.scan import Progress
from regframe.widgets.background import SETTLING_SECONDS, Latest
from regframe.widgets.parts import Sentence, button, counted, row
from regframe.widgets.registry_picker import RegistryPicker
from regframe.widgets.repository_picker import RepositoryPicker
from regframe.widgets.tag_picker import TagPicker
from regframe.widgets.views import tabs

_POLL_SECONDS = 0.2
# A download goes through the page: what is larger is only written beside the notebook.
_LARGEST_DOWNLOAD = 20_000_000
_SENTENCES_SHOWN = 5
# Titles of tabs stand whole, on a second line where the cell is narrow.
_STYLE = """<style>
.regframe-tabs { --jp-widgets-horizontal-tab-width: auto }
.regframe-tabs > .lm-TabBar > .lm-TabBar-content { flex-wrap: wrap }
</style>"""
_LINK = "color: var(--jp-content-link-color, #1565c0); text-decoration: underline"


class Explorer(widgets.VBox):  # type: ignore[misc]
    """Choose a registry, repositories and tags, load them, and look at them.

    Loading runs beside the kernel: other cells run meanwhile, and a new choice that is loaded cancels the load before.

    Parameters
    ----------
    registry : Registry, optional
        The registry; without it, one is picked first.

    Attributes
    ----------
    registry_picker, repository_picker, tag_picker
        The pickers; those that are not there yet are ``None``.
    load_button, cancel_button, progress, status, errors, tabs, export_button, code_button, code
        The controls, with the classes ``regframe-load``, ``regframe-cancel``, ``regframe-progress``,
        ``regframe-load-status``, ``regframe-errors``, ``regframe-tabs``, ``regframe-export``, ``regframe-copy-code``
        and ``regframe-code``; the link to download is ``regframe-download``.

    Examples
    --------
    >>> explorer = rf.explore()                # doctest: +SKIP
    >>> explorer                               # doctest: +SKIP
    >>> explorer.images.nlargest(10, "size")   # doctest: +SKIP
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry_picker = RegistryPicker() if registry is None else None
        self.repository_picker: RepositoryPicker | None = None
        self.tag_picker: TagPicker | None = None
        self.load_button = button("Load", "load", button_style="primary", disabled=True)
        self.cancel_button = button("Cancel", "cancel", disabled=True)
        self.progress = widgets.IntProgress(min=0, max=1, layout=widgets.Layout(width="16em"))
        self.progress.add_class("regframe-progress")
        self.status, self.errors = Sentence("load-status"), widgets.HTML()
        self.errors.add_class("regframe-errors")
        self.tabs = widgets.Tab(layout=widgets.Layout(display="none"))
        self.tabs.add_class("regframe-tabs")
        self.export_button = button("Export CSV", "export", disabled=True)
        self.code_button = button("Copy code", "copy-code", disabled=True)
        self.exported = widgets.HTML()
        self.exported.add_class("regframe-download")
        self.code = widgets.Textarea(
            placeholder="what loads the same", layout=widgets.Layout(width="calc(100% - 4px)", display="none")
        )
        self.code.add_class("regframe-code")
        self._registry: Registry | None = None
        self._inventory: Inventory | None = None
        self._reader: AsyncRegistry | None = None
        self._loads: Latest[Inventory] = Latest(self._loaded, self._failed, self._cancelled)
        self._drawings: Latest[tuple[widgets.VBox, widgets.Widget]] = Latest(self._drawn, self._not_drawn)
        self._exports: Latest[str] = Latest(self._exported, self._not_exported)
        self._pickers = widgets.VBox()
        loading = row(self.load_button, self.cancel_button, self.progress, self.status)
        taking = row(self.export_button, self.code_button, self.exported)
        first = [self.registry_picker] if self.registry_picker is not None else []
        style = widgets.HTML(_STYLE, layout=widgets.Layout(display="none"))
        super().__init__([*first, self._pickers, loading, self.errors, self.tabs, taking, self.code, style])
        self.add_class("regframe-explorer")
        self.layout.max_width = "100%"
        self.load_button.on_click(lambda _: self._load(SETTLING_SECONDS))
        self.cancel_button.on_click(lambda _: self.cancel())
        self.export_button.on_click(lambda _: self._export_clicked())
        self.code_button.on_click(lambda _: self._show_code())
        self.tabs.observe(lambda _: self._draw(), "selected_index")
        if self.registry_picker is not None:
            self.registry_picker.on_connect(self._use)
        elif registry is not None:
            self._use(registry)

    def __repr__(self) -> str:
        return f"Explorer({self._registry!r})" if self._registry else "Explorer()"

    @property
    def registry(self) -> Registry | None:
        """The registry, once one is connected to."""
        return self._registry

    @property
    def inventory(self) -> Inventory | None:
        """What is shown; nothing before something was loaded."""
        return self._inventory

    @property
    def images(self) -> pd.DataFrame:
        """The images of what is shown; none before something was loaded."""
        return frame("images") if self._inventory is None else self._inventory.images

    @property
    def layers(self) -> pd.DataFrame:
        """The layers of what is shown; none before something was loaded."""
        return frame("layers") if self._inventory is None else self._inventory.layers

    def load(self) -> None:
        """Load what is chosen, as the button does: in the background.

        Raises
        ------
        RegframeError
            If there is no registry yet.
        """
        if self._registry is None:
            raise RegframeError("There is nothing to load yet: connect to a registry first.")
        self._load(0)

    def _load(self, delay: float) -> None:
        registry, picker = self._registry, self.tag_picker
        if registry is None or picker is None:
            return
        self.errors.value, self.progress.bar_style = "", ""
        self.cancel_button.disabled = False
        self.status.say(f"Loading from {registry.name} …")

        async def read() -> Inventory:
            await asyncio.sleep(delay)
            # Whoever chooses a repository and loads in one cell means its tags, which are still being listed.
            await asyncio.to_thread(picker.wait)
            connection, platform = registry._connection, picker.platform.value
            if platform != "all":
                connection = replace(connection, platforms=parse_platforms(platform))
            reader = self._reader = AsyncRegistry(connection, warns=False)
            watching = asyncio.create_task(self._watch(reader))
            try:
                return await reader.inventory(picker.selection)
            finally:
                watching.cancel()

        self._reader = None
        self._loads.start(read)

    def cancel(self) -> None:
        """Stop loading, as the button does; what was read by then is shown."""
        self._loads.cancel()

    def wait(self, seconds: float | None = 60) -> Inventory | None:
        """Wait until nothing is being loaded, drawn or written, and return what is shown; for programs."""
        self._loads.wait(seconds)
        self._drawings.wait(seconds)
        self._exports.wait(seconds)
        return self.inventory

    def export(self, folder: str | Path | None = None) -> list[Path]:
        """Write what is shown as CSV files, and return these.

        Parameters
        ----------
        folder : str or Path, optional
            Where to; beside the notebook, in a folder named after the registry, without it.

        Raises
        ------
        RegframeError
            If nothing was loaded yet, or the folder cannot be written.
        """
        if self._inventory is None:
            raise RegframeError("There is nothing to export yet: load something first.")
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self._inventory.registry).strip("-") or "registry"
        return self._inventory.to_csv(Path(folder) if folder is not None else Path.cwd() / f"regframe-{name}")

    def _use(self, registry: Registry) -> None:
        self._loads.cancel()
        self._registry = registry
        self.repository_picker = RepositoryPicker(registry)
        self.tag_picker = TagPicker(registry, [])
        self.repository_picker.on_choice(self.tag_picker.show)
        self.tag_picker.on_choice(self._choice)
        self._pickers.children = (self.repository_picker, self.tag_picker)
        self._choice()

    def _choice(self) -> None:
        is_chosen = self.tag_picker is not None and not self.tag_picker.selection.empty
        self.load_button.disabled = not is_chosen
        self.code_button.disabled = not is_chosen
        if self.code.layout.display is None and is_chosen:
            # What it says is what is chosen.
            self._show_code()

    async def _watch(self, reader: AsyncRegistry) -> None:
        to_go = TimeToGo()
        while True:
            if reader is self._reader:
                self._show_progress(reader.progress, to_go)
            await asyncio.sleep(_POLL_SECONDS)

    def _show_progress(self, progress: Progress, to_go: TimeToGo) -> None:
        done, total, now = progress.tags_done, progress.tags, time.monotonic()
        self.progress.max, self.progress.value = max(total, 1), done
        rate, seconds = to_go.rate(progress, now), to_go.seconds(progress, now)
        parts = [f"{done:,} of {total:,} tags", f"{progress.documents:,} documents"]
        if rate:
            parts.append(f"{rate:,.0f} tags a second")
        if seconds:
            parts.append(f"{seconds:,.0f} s to go")
        if progress.errors:
            parts.append(f"{progress.errors:,} errors")
        self.status.say(", ".join(parts))

    def _loaded(self, inventory: Inventory) -> None:
        self.progress.max = self.progress.value = max(len(inventory.tags), 1)
        is_whole = inventory.errors.empty
        self.progress.bar_style = "success" if is_whole else "warning"
        self._show(inventory)
        images = inventory.images["digest"].nunique()
        counts = f"{counted(len(inventory.tags), 'tag')} and {counted(images, 'image')}"
        self.status.say(f"{counts} loaded.", "good" if is_whole else "plain")

    def _cancelled(self) -> None:
        self.progress.bar_style = "warning"
        if self._reader is not None and self._reader._so_far is not None:
            inventory = self._reader._so_far()
            self._show(inventory)
            read = int(inventory.tags["digest"].notna().sum())
            self.status.say(f"Cancelled: {read:,} of {len(inventory.tags):,} tags were read.")
        else:
            self.status.say("Cancelled.")
            self.cancel_button.disabled = True

    def _failed(self, sentence: str) -> None:
        self.progress.bar_style = "danger"
        self.cancel_button.disabled = True
        self.status.say(sentence, "bad")

    def _show(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self.cancel_button.disabled = True
        self.export_button.disabled = False
        self.exported.value = ""
        self._show_errors(inventory.errors)
        chosen = self.tabs.selected_index or 0
        self.tabs.children = [widgets.VBox() for _ in tabs()]
        self.tabs.titles = list(tabs())
        self.tabs.layout.display = None
        self.tabs.selected_index = chosen
        self._draw()

    def _show_errors(self, errors: pd.DataFrame) -> None:
        sentences = list(errors["message"].drop_duplicates())
        items = "".join(f"<li>{html.escape(str(one))}</li>" for one in sentences[:_SENTENCES_SHOWN])
        more = len(sentences) - _SENTENCES_SHOWN
        items += f"<li>and {more:,} more; they are in .inventory.errors</li>" if more > 0 else ""
        self.errors.value = (
            f'<div role="status" style="line-height: 1.4">{counted(len(errors), "thing")} could not be read:'
            f'<ul style="margin: 0; overflow-wrap: anywhere">{items}</ul></div>'
            if sentences
            else ""
        )

    def _draw(self) -> None:
        """Draw the tab that is looked at, if that has not been done."""
        index, inventory = self.tabs.selected_index, self._inventory
        if index is None or inventory is None or index >= len(self.tabs.children):
            return
        page, view = self.tabs.children[index], list(tabs().values())[index]
        if page.children and not isinstance(page.children[0], Sentence):
            return
        drawing = Sentence("drawing")
        drawing.say("Drawing …")
        page.children = (drawing,)

        async def draw() -> tuple[widgets.VBox, widgets.Widget]:
            return page, await asyncio.to_thread(view, inventory)

        self._drawings.start(draw)

    def _drawn(self, drawn: tuple[widgets.VBox, widgets.Widget]) -> None:
        page, view = drawn
        page.children = (view,)

    def _not_drawn(self, sentence: str) -> None:
        self.status.say(sentence, "bad")

    def _export_clicked(self) -> None:
        self.export_button.disabled = True
        self.exported.value = "Writing …"

        async def export() -> str:
            return await asyncio.to_thread(lambda: _written(self.export()))

        self._exports.start(export)

    def _exported(self, sentence: str) -> None:
        self.export_button.disabled = False
        self.exported.value = sentence

    def _not_exported(self, sentence: str) -> None:
        self._exported(html.escape(sentence))

    def _show_code(self) -> None:
        self.code.value = self._code()
        # With a line for a long one that is wrapped.
        self.code.rows = self.code.value.count("\n") + 3
        self.code.layout.display = None

    def _code(self) -> str:
        """Return the lines that load the same without the widget; no password is in them."""
        assert self.tag_picker is not None
        platform = self.tag_picker.platform.value
        options = {} if platform == "all" else {"platform": platform}
        if self.registry_picker is not None:
            lines = self.registry_picker.code(**options)
        else:
            lines = [f"# registry is the one that explore() was given{f', with {platform=}' if options else ''}."]
        return "\n".join(
            [*lines, f"inventory = registry.inventory({self.tag_picker.references!r})", "inventory.images"]
        )


def _written(files: list[Path]) -> str:
    where = html.escape(files[0].parent.name)
    return f"Written beside the notebook, to {where}.{_download(files)}"


def _download(files: list[Path]) -> str:
    """Return a link that holds the files, or nothing if they are too large for a page."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"{file.parent.name}/{file.name}")
    data = packed.getvalue()
    if len(data) > _LARGEST_DOWNLOAD:
        return ""
    encoded = base64.b64encode(data).decode("ascii")
    name = html.escape(f"{files[0].parent.name}.zip")
    address = f"data:application/zip;base64,{encoded}"
    return f' <a download="{name}" href="{address}" style="{_LINK}">Download {name}</a>'


def explore(registry: Registry | None = None) -> Explorer:
    """Return an explorer: choose a registry, repositories and tags, load them, and look at them.

    Parameters
    ----------
    registry : Registry, optional
        The registry; without it, one is picked first.

    Returns
    -------
    Explorer
        A widget, shown by the cell that ends with it; ``.inventory``, ``.images`` and ``.layers`` are what it shows.

    Examples
    --------
    >>> explorer = rf.explore(rf.Registry("localhost:5000"))  # doctest: +SKIP
    >>> explorer                                              # doctest: +SKIP
    """
    return Explorer(registry)
