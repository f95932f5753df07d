"""Choosing tags."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import ipywidgets as widgets
import pandas as pd

from regframe.errors import InvalidReference, printable
from regframe.frames import TEXT
from regframe.registry import Registry
from regframe.version import Version, parse_version
from regframe.widgets.background import Latest, listed
from regframe.widgets.parts import SHOWN, Sentence, button, counted, named, row, text

_ALL = "all"
_PLATFORMS = (_ALL, "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "linux/386",
              "linux/loong64", "linux/mips64le", "linux/ppc64le", "linux/riscv64", "linux/s390x",
              "windows/amd64", "windows/arm64")  # fmt: skip
_ANY_NUMBER = 10**18


class TagPicker(widgets.VBox):  # type: ignore[misc]
    """Choose tags of one or several repositories: by glob, by version, the newest, or one by one.

    Where none is chosen one by one, all that match are meant. Versions count as they are written in the tag, and the
    newest are those of the highest versions; what is no version (``latest``) comes after these.

    Parameters
    ----------
    registry : Registry
        The registry. The tags are listed in the background.
    repository : str or sequence of str
        Whose tags.

    Attributes
    ----------
    pattern, lowest, highest, newest, platform, matches, all_button, clear_button, status
        The controls: a glob, the lowest and the highest version, how many of the newest, the platform, the list, Add
        matches, None, and the sentence below. Their classes are ``regframe-tag-glob``, ``regframe-tag-from``,
        ``regframe-tag-to``, ``regframe-tag-newest``, ``regframe-platform``, ``regframe-tags``, ``regframe-all-tags``,
        ``regframe-no-tags`` and ``regframe-tag-status``.

    Examples
    --------
    >>> picker = rf.TagPicker(registry, "httpd")    # doctest: +SKIP
    >>> picker.pattern.value = "2.4.*-alpine*"      # doctest: +SKIP
    >>> registry.images(picker.selection)           # doctest: +SKIP
    """

    def __init__(self, registry: Registry, repository: str | Sequence[str]) -> None:
        self.pattern = text("Tags", "tag-glob", placeholder="a glob, such as 2.4.*-alpine*; empty for all")
        self.lowest = text("Version from", "tag-from", placeholder="such as 2.4")
        self.highest = text("to", "tag-to", placeholder="such as 2.4.62, or 3")
        self.newest = named(widgets.BoundedIntText(description="Newest", min=0, max=100_000, value=0), "tag-newest")
        self.platform = named(widgets.Dropdown(description="Platform", options=_PLATFORMS), "platform")
        self.matches = named(widgets.SelectMultiple(description="Matches", rows=8, options=[]), "tags")
        self.all_button = button("Add matches", "all-tags")
        self.clear_button = button("None", "no-tags")
        self.status = Sentence("tag-status")
        self.newest.tooltip = "how many of each repository; 0 for all"
        self._lock = threading.RLock()
        self._is_filling = False
        self._repositories: list[str] = []
        self._tags: list[tuple[str, str]] = []
        self._found: list[tuple[str, str]] = []
        self._chosen: dict[tuple[str, str], None] = {}
        self._missing = ""
        self._registry = registry
        self._work: Latest[tuple[pd.DataFrame, str]] = Latest(self._listed, self._not_listed)
        self._listeners: list[Callable[[], Any]] = []
        super().__init__(
            [
                self.pattern, row(self.lowest, self.highest), row(self.newest, self.platform), self.matches,
                row(self.all_button, self.clear_button, self.status),
            ]
        )  # fmt: skip
        self.add_class("regframe-tag-picker")
        for control in (self.pattern, self.lowest, self.highest, self.newest):
            control.observe(lambda _: self._fill(), "value")
        self.matches.observe(self._choose_shown, "value")
        self.all_button.on_click(lambda _: self._choose([*self._chosen, *self._found]))
        self.clear_button.on_click(lambda _: self._choose([]))
        self.show(repository)

    def show(self, repository: str | Sequence[str]) -> None:
        """List the tags of other repositories."""
        repositories = self._repositories = [repository] if isinstance(repository, str) else list(repository)
        with self._lock:
            self._tags, self._chosen, self._missing = [], {}, ""
            self._fill()
        if not repositories:
            self._work.cancel()
            self.status.say("Choose a repository first.")
            return
        self.status.say("Listing the tags …")
        self._work.start(lambda: listed(self._registry, lambda reader: reader.tags(repositories)))

    @property
    def value(self) -> tuple[str, ...]:
        """The tags that are chosen one by one, as ``repository:tag``; setting it chooses others.

        Raises
        ------
        InvalidReference
            If there is no such tag.
        """
        return tuple(f"{repository}:{tag}" for repository, tag in self._chosen)

    @value.setter
    def value(self, references: str | Sequence[str]) -> None:
        references = [references] if isinstance(references, str) else list(references)
        known = {f"{repository}:{tag}": (repository, tag) for repository, tag in self._tags}
        for reference in references:
            if reference not in known:
                raise InvalidReference(f"There is no tag “{printable(reference)}” to choose.")
        self._choose([known[reference] for reference in references])

    @property
    def selection(self) -> pd.DataFrame:
        """The chosen tags, or all that match, as the methods of a registry take them."""
        rows = list(self._chosen) or self._found
        return pd.DataFrame(rows, columns=["repository", "tag"]).astype(TEXT)

    @property
    def references(self) -> list[str]:
        """The same in words, as short as it can be said: ``["httpd:2.4.*"]``."""
        if self._chosen or self.newest.value or self.lowest.value.strip() or self.highest.value.strip():
            return (self.selection["repository"] + ":" + self.selection["tag"]).tolist()
        glob = self.pattern.value.strip()
        return [f"{repository}:{glob}" if glob else repository for repository in self._repositories]

    def wait(self, seconds: float | None = 60) -> None:
        """Wait until the tags are listed; for programs."""
        self._work.wait(seconds)

    def on_choice(self, listener: Callable[[], Any]) -> None:
        """Have a function called whenever something else is chosen."""
        self._listeners.append(listener)

    def _listed(self, found: tuple[pd.DataFrame, str]) -> None:
        with self._lock:
            tags, self._missing = found
            tagged = tags[tags["tag"].notna()]
            self._tags = list(zip(tagged["repository"], tagged["tag"], strict=True))
            self._fill()

    def _not_listed(self, sentence: str) -> None:
        self.status.say(sentence, "bad")

    def _fill(self) -> None:
        with self._lock:
            self._found = matching(
                self._tags, self.pattern.value.strip(), self.lowest.value, self.highest.value, self.newest.value
            )
            shown = _newest_first(self._found)[:SHOWN]
            self._is_filling = True
            try:
                self.matches.options = [(f"{repository}:{tag}", (repository, tag)) for repository, tag in shown]
                self.matches.value = [one for one in shown if one in self._chosen]
            finally:
                self._is_filling = False
            self._say()
        for listener in self._listeners:
            listener()

    def _say(self) -> None:
        count, total, chosen = len(self._found), len(self._tags), len(self._chosen)
        sentence = f"{count:,} of {total:,} tags match" if count < total else counted(total, "tag")
        if count > SHOWN:
            sentence += f", the newest {SHOWN} are shown"
        meant = f"{chosen:,} chosen" if chosen else "all of them are meant" if count else "none is meant"
        wrong = [one.value.strip() for one in (self.lowest, self.highest) if _is_wrong(one.value)]
        odd = f" “{wrong[0]}” is no version, and does not count." if wrong else ""
        sentence = f"{sentence}; {meant}.{odd}{self._missing}" if total else self._missing.strip()
        self.status.say(sentence, "bad" if odd or self._missing else "plain")

    def _choose_shown(self, change: dict[str, Any]) -> None:
        with self._lock:
            if self._is_filling:
                return
            shown = {value for _, value in self.matches.options}
            kept = [one for one in self._chosen if one not in shown]
            self._chosen = dict.fromkeys([*kept, *change["new"]])
            self._say()
        for listener in self._listeners:
            listener()

    def _choose(self, tags: Sequence[tuple[str, str]]) -> None:
        with self._lock:
            self._chosen = dict.fromkeys(tags)
            self._fill()


def matching(
    tags: Sequence[tuple[str, str]], glob: str, lowest: str, highest: str, newest: int
) -> list[tuple[str, str]]:
    """Return the tags that a glob and a range of versions mean, of each repository the newest."""
    found = [one for one in tags if not glob or fnmatchcase(one[1], glob)]
    low, high = parse_version(lowest.strip()), parse_version(highest.strip())
    if low is not None:
        found = [one for one in found if (version := parse_version(one[1])) and _key(version, 0) >= _key(low, 0)]
    if high is not None:
        # “to 2.4” is to the end of 2.4.
        last = _key(high, _ANY_NUMBER)
        found = [one for one in found if (version := parse_version(one[1])) and _key(version, 0) <= last]
    if newest:
        places: Counter[str] = Counter()
        kept = set()
        for one in _newest_first(found):
            places[one[0]] += 1
            if places[one[0]] <= newest:
                kept.add(one)
        found = [one for one in found if one in kept]
    return found


def _newest_first(tags: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    backwards = tags[::-1]
    return sorted(backwards, key=lambda one: parse_version(one[1]) is None)


def _is_wrong(version: str) -> bool:
    return bool(version.strip()) and parse_version(version.strip()) is None


def _key(version: Version, missing: int) -> tuple[int, int, int]:
    return (
        version.major,
        missing if version.minor is None else version.minor,
        missing if version.patch is None else version.patch,
    )
