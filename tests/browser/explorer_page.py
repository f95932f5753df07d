"""An explorer in a browser: what a person does with it, in a person's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect

from regframe import demo

if TYPE_CHECKING:
    from tests.parts import Certificate

_TYPED = "another one, typed below"
# What each tab shows.
TABS = {
    "Layer sizes": ".regframe-layer-sizes img",
    "Release timeline": ".regframe-release-timeline img",
    "History": ".regframe-history table",
    "Config": ".regframe-config table",
    "Storage": ".regframe-storage table",
    "Table": ".regframe-images table",
}
# What comes from a registry behind a kernel, on a machine that does other things too.
ANSWER_MS = 60_000


class ExplorerPage:
    """An explorer on a page: its controls by what they are called."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.known = page.locator(".regframe-known select")
        expect(self.known).to_be_visible(timeout=ANSWER_MS)

    def field(self, name: str) -> Locator:
        """Return a line to type in."""
        return self.page.locator(f".regframe-{name} input")

    def says(self, name: str, text: str | re.Pattern[str]) -> None:
        """Wait until a sentence is shown."""
        expect(self.page.locator(f".regframe-{name}")).to_contain_text(text, timeout=ANSWER_MS)

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def log_in(self, address: str, certificate: Certificate | None = None, password: str = demo.PASSWORD) -> None:
        """Type an address, a user, a password and a certificate's file, and press Connect."""
        self.known.select_option(_TYPED)
        self.field("address").fill(address)
        self.field("username").fill(demo.USERNAME)
        self.field("password").fill(password)
        if certificate is not None:
            self.field("ca").fill(str(certificate.certificate))
        self.press("Connect")

    def choose(self, repository: str, tags: str) -> None:
        """Search a repository, choose it, and filter its tags."""
        options = self.page.locator(".regframe-repositories option")
        self.field("search").fill(repository[:4])
        expect(options).to_have_text([repository], timeout=ANSWER_MS)
        self.page.locator(".regframe-repositories select").select_option(repository)
        self.says("tag-status", re.compile(r"\d+ tags"))
        self.field("tag-glob").fill(tags)
        self.says("tag-status", "tags match")
