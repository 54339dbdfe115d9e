"""Mistakes that somebody could make in the engine, as `mutants.yaml` lists them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Edit:
    """One text of the engine and what stands there instead."""

    file: str
    """Below `engine/sendplan`."""
    old: str
    new: str

    @contextmanager
    def applied(self, engine: Path) -> Iterator[None]:
        """The file changed for a while; raises ValueError unless the text is there exactly once."""
        path = engine / self.file
        text = path.read_text(encoding="utf-8")
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} holds {found} times: {self.old}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Mutant:
    """A mistake, and the tests that it must not get past."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]

    @contextmanager
    def applied(self, engine: Path) -> Iterator[None]:
        """The engine with this mistake for a while."""
        with ExitStack() as stack:
            for edit in self.edits:
                stack.enter_context(edit.applied(engine))
            yield


def read() -> tuple[Mutant, ...]:
    """All of them."""
    listed = yaml.safe_load(Path(__file__).with_name("mutants.yaml").read_text(encoding="utf-8"))
    return tuple(
        Mutant(
            each["name"],
            tuple(Edit(edit["file"], edit["old"], edit["new"]) for edit in each.get("edits", [each])),
            tuple(each["tests"]),
        )
        for each in listed
    )
