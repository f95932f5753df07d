"""Choosing repositories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import ipywidgets as widgets
import pandas as pd

from regframe.aio import AsyncRegistry
from regframe.errors import InvalidReference, printable
from regframe.frames import frame
from regframe.reference import is_qualified, is_repository
from regframe.registry import Registry
from regframe.widgets.background import Latest, listed
from regframe.widgets.parts import SHOWN, Sentence, button, counted, named, row, text


class RepositoryPicker(widgets.VBox):  # type: ignore[misc]
    """Choose one or many repositories of a registry, by searching as you type.

    What is typed is a part of a name, or a glob (``team/*``). The list shows the first matches and says how many there
    are; what is chosen stays chosen whatever is searched for next. In a registry without a catalog a name is typed
    whole.

    Parameters
    ----------
    registry : Registry
        The registry. Its repositories are listed in the background.
    repositories : sequence of str, optional
        The names, where they are known already.

    Attributes
    ----------
    search, matches, all_button, clear_button, status
        The controls: what to search for, the list, All matches, None, and the sentence below. Their classes are
        ``regframe-search``, ``regframe-repositories``, ``regframe-all``, ``regframe-none`` and
        ``regframe-repository-status``.

    Examples
    --------
    >>> picker = rf.RepositoryPicker(registry)      # doctest: +SKIP
    >>> registry.images(picker.selection)           # doctest: +SKIP
    """

    def __init__(self, registry: Registry, repositories: Sequence[str] | None = None) -> None:
        self.search = text("Repositories", "search", placeholder="part of a name, or a glob: team/*")
        self.matches = named(
            widgets.SelectMultiple(description="Matches", rows=8, options=[]), "repositories"
        )  # fmt: skip
        self.all_button = button("All matches", "all")
        self.clear_button = button("None", "none")
        self.status = Sentence("repository-status")
        self._lock = threading.RLock()
        self._is_filling = False
        self._names: list[str] = []
        self._found: list[str] = []
        self._chosen: dict[str, None] = {}
        self._missing = ""
        self._is_listed = repositories is not None
        self._listeners: list[Callable[[list[str]], Any]] = []
        self._work: Latest[tuple[pd.DataFrame, str]] = Latest(self._listed, self._not_listed)
        super().__init__([self.search, self.matches, row(self.all_button, self.clear_button, self.status)])
        self.add_class("regframe-repository-picker")
        self.search.observe(lambda _: self._fill(), "value")
        self.matches.observe(self._choose_shown, "value")
        self.all_button.on_click(lambda _: self._choose(self._found))
        self.clear_button.on_click(lambda _: self._choose([], keep=False))
        if repositories is not None:
            self._names = list(repositories)
            self._fill()
        else:
            self.status.say("Listing the repositories …")
            self._work.start(lambda: listed(registry, AsyncRegistry.repositories))

    @property
    def value(self) -> tuple[str, ...]:
        """The chosen repositories; setting it chooses others.

        Raises
        ------
        InvalidReference
            If the registry has no such repository.
        """
        return tuple(self._chosen)

    @value.setter
    def value(self, names: str | Sequence[str]) -> None:
        names = [names] if isinstance(names, str) else list(names)
        known = set(self._names)
        for name in names:
            is_there = name in known if self._is_listed else is_repository(name) or is_qualified(name)
            if not is_there:
                raise InvalidReference(f"There is no repository “{printable(name)}” to choose.")
        self._choose(names, keep=False)

    @property
    def selection(self) -> list[str]:
        """The chosen repositories, as the methods of a registry take them."""
        return list(self._chosen)

    @property
    def frame(self) -> pd.DataFrame:
        """The chosen repositories as a frame; with all that match, if none is chosen."""
        return frame("repositories", [(name, None) for name in self._chosen or self._found])

    def wait(self, seconds: float | None = 60) -> None:
        """Wait until the repositories are listed; for programs."""
        self._work.wait(seconds)

    def on_choice(self, listener: Callable[[list[str]], Any]) -> None:
        """Have a function called with the chosen repositories whenever others are chosen."""
        self._listeners.append(listener)

    def _listed(self, found: tuple[pd.DataFrame, str]) -> None:
        names, self._missing = found
        # What is not in a list that broke off may be there, and is typed.
        self._names, self._is_listed = list(names["repository"]), not self._missing
        self._fill()

    def _not_listed(self, sentence: str) -> None:
        self.status.say(f"{sentence} Type a whole name above.", "bad")

    def _fill(self) -> None:
        """Show what matches what is typed."""
        with self._lock:
            wanted = self.search.value.strip()
            self._found = matching(self._names, wanted)
            if not self._is_listed and not self._found and (is_repository(wanted) or is_qualified(wanted)):
                self._found = [wanted]
            shown = self._found[:SHOWN]
            self._is_filling = True
            try:
                self.matches.options = shown
                self.matches.value = [name for name in shown if name in self._chosen]
            finally:
                self._is_filling = False
            if self._names or self._is_listed:
                self._say()

    def _say(self) -> None:
        count, total = len(self._found), len(self._names)
        sentence = (f"{count:,} of " if count < total else "") + counted(total, "repository", "repositories")
        if count > SHOWN:
            sentence += f", the first {SHOWN} are shown"
        chosen = list(self._chosen)
        if chosen:
            names = ", ".join(chosen[:3]) + (f" and {len(chosen) - 3:,} others" if len(chosen) > 3 else "")
            sentence += f"; chosen: {names}"
        self.status.say(f"{sentence}.{self._missing}", "bad" if self._missing else "plain")

    def _choose_shown(self, change: dict[str, Any]) -> None:
        with self._lock:
            if self._is_filling:
                return
            shown = set(self.matches.options)
            kept = [name for name in self._chosen if name not in shown]
            self._chosen = dict.fromkeys([*kept, *change["new"]])
            self._say()
        self._tell()

    def _choose(self, names: Sequence[str], *, keep: bool = True) -> None:
        with self._lock:
            self._chosen = dict.fromkeys([*(self._chosen if keep else ()), *names])
            self._fill()
            self._say()
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self.selection)


def matching(names: Sequence[str], wanted: str) -> list[str]:
    """Return the names that contain what is wanted, or match it as a glob; capitals do not matter."""
    wanted = wanted.lower()
    if not wanted:
        return list(names)
    if any(character in wanted for character in "*?["):
        return [name for name in names if fnmatchcase(name.lower(), wanted)]
    return [name for name in names if wanted in name.lower()]
