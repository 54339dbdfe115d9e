"""Somebody at the board: with a mouse, or with the keyboard alone and without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

PATIENCE = 15_000
"""Milliseconds that a busy machine may take."""
MOST_KEYS = 300


@dataclass(frozen=True)
class Running:
    """A board that is served."""

    address: str
    token: str
    folder: Path

    @property
    def link(self) -> str:
        """What `sendplan board` prints."""
        return f"{self.address}/sign-in?{urlencode({'token': self.token})}"


class Hands(Protocol):
    """What a visitor does on a page, told in what is read there."""

    tab: Any
    """The page of playwright."""

    def follow(self, name: str) -> None:
        """Follow the first link with this name."""

    def press(self, name: str) -> None:
        """Press the first button with this name."""

    def fill(self, label: str, text: str) -> None:
        """Write into the field with this label."""

    def open(self, folded: Any) -> None:
        """Open the first part that is folded within an element."""


class Mouse:
    """Clicks."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab

    def follow(self, name: str) -> None:
        """Click a link."""
        self.tab.get_by_role("link", name=name, exact=True).first.click()

    def press(self, name: str) -> None:
        """Click a button."""
        self.tab.get_by_role("button", name=name).first.click()

    def fill(self, label: str, text: str) -> None:
        """Click into a field and write."""
        self.tab.get_by_label(label).first.fill(text)

    def open(self, folded: Any) -> None:
        """Click its line."""
        folded.locator("summary").first.click()


class Keyboard:
    """Tab, Enter, blanks and letters, and nothing else."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab

    def _go_to(self, wanted: Any) -> None:
        """Press Tab until the element has the focus, and see that this can be seen."""
        wanted = wanted.element_handle()
        for _ in range(MOST_KEYS):
            self.tab.keyboard.press("Tab")
            if wanted.evaluate("element => element === document.activeElement"):
                outline = wanted.evaluate("element => getComputedStyle(element).outlineStyle")
                assert outline != "none", "nobody sees where the focus is"
                return
        raise AssertionError("the keyboard does not reach it")

    def _enter(self, wanted: Any) -> None:
        self._go_to(wanted)
        with self.tab.expect_navigation():
            self.tab.keyboard.press("Enter")

    def follow(self, name: str) -> None:
        """Tab to a link and press Enter."""
        self._enter(self.tab.get_by_role("link", name=name, exact=True).first)

    def press(self, name: str) -> None:
        """Tab to a button and press Enter."""
        self._enter(self.tab.get_by_role("button", name=name).first)

    def fill(self, label: str, text: str) -> None:
        """Tab to a field and type."""
        field = self.tab.get_by_label(label).first
        if not field.evaluate("element => element === document.activeElement"):
            self._go_to(field)
        self.tab.keyboard.type(text)

    def open(self, folded: Any) -> None:
        """Tab to its line and press Enter."""
        self._go_to(folded.locator("summary").first)
        self.tab.keyboard.press("Enter")


def sign_in(tab: Any, running: Running, name: str = "Mia") -> None:
    """Open the printed link and give a name."""
    tab.set_default_timeout(PATIENCE)
    tab.goto(running.link)
    tab.locator("#name").fill(name)
    tab.locator("main button").click()
