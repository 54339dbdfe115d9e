"""What is spoiled, and the commands that then look at it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from mutations import NASTY, mutated

from sendplan.board.application import ACTING, SHOWING

Command = tuple[str, ...]

ROOT = Path(__file__).parents[2]
NOW = ("--now", "2026-08-24 12:00")
BOARD = "board request"
"""In the place of a command: a request to the board, by its method, its path and its fields."""
MESSAGES = ("E-2050/feedback-reminder", "E-2047/dunning/payment-reminder", "S-3101/first-contact")
LOOKS = (
    ("check",),
    ("check", "--strict", "--format", "json"),
    ("plan", *NOW),
    ("plan", *NOW, "--funnel"),
    ("plan", *NOW, "--format", "html"),
    ("explain", "E-2050", *NOW),
    ("status",),
    ("simulate", "--from", "2026-08-23", "--to", "2026-08-26"),
    ("test",),
    ("diff", "--rules-from", "../base", *NOW),
    *(("preview", each, *NOW) for each in MESSAGES),
)
IMPORTS = (("import", "export", "--dry-run"), ("import", "export"), ("status",), ("plan", *NOW))
PLANS = (
    ("send", "plan.json", *NOW, "--to-dir", "mails"),
    ("diff", "plan.json", "good.json"),
    ("send", "plan.json", *NOW, "--approve", "3", "--to-dir", "mails"),
)
SENDING = (("run", *NOW), ("send", "good.json", *NOW), ("status",), ("run", *NOW, "--format", "json"))
PAGES = (*SHOWING, *ACTING)
FIELDS = (
    *("account", "at", "class", "day", "find", "from", "id", "key", "language", "live", "name", "of", "order", "page"),
    *("plan", "reason", "rule", "seen", "sender", "state", "status", "to", "until", "verb"),
)


@dataclass(frozen=True)
class Good:
    """What there is to spoil."""

    base: Path
    """The good project's folder."""
    files: Sequence[Path]
    texts: Sequence[str]
    exports: Sequence[tuple[Path | None, Path]]
    """Each with its mapping where it has one."""

    def spoil(self, source: Path, target: Path, chance: random.Random) -> None:
        """Write a file with some changes."""
        target.write_bytes(mutated(source.read_bytes(), chance, self.texts))


Kind = Callable[[Good, Path, random.Random], Iterator[Command]]


def _written(good: Good, project: Path, chance: random.Random) -> None:
    for path in chance.sample(list(good.files), chance.choice((1, 1, 2))):
        good.spoil(path, project / path.relative_to(good.base), chance)


def project_files(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """Settings, rules, templates, mappings and scenarios."""
    _written(good, project, chance)
    yield LOOKS[0]
    yield from chance.sample(LOOKS[1:], 3)


def plans(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """A plan file."""
    good.spoil(good.base / "good.json", project / "plan.json", chance)
    yield from PLANS


def exports(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """An export, its mapping, or both; or an export that nobody has a mapping for."""
    mapping, export = chance.choice(good.exports)
    name = f"export{''.join(export.suffixes[-1:])}"
    spoiled = chance.randrange(3)
    (project / name).write_bytes(export.read_bytes())
    if spoiled != 1:
        good.spoil(export, project / name, chance)
    other = chance.randrange(6)
    if other == 0:
        yield ("import", name, "--draft")
        return
    if other == 1:
        yield ("import", name, "--history")
        return
    options: Command = ()
    if mapping is not None:
        options = ("--mapping", "mapping.yaml")
        (project / "mapping.yaml").write_bytes(mapping.read_bytes())
        if spoiled:
            good.spoil(mapping, project / "mapping.yaml", chance)
    for command in IMPORTS:
        yield tuple(name if part == "export" else part for part in command) + (
            options if command[0] == "import" else ()
        )


def sendings(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """Mails leave for a server on this computer, by spoiled settings, rules and templates."""
    _written(good, project, chance)
    yield from SENDING[: chance.choice((1, 2, 4))]


def bounces(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """Mails that came back."""
    mails = sorted((ROOT / "fixtures" / "bounces").glob("*.eml"))
    names = []
    for number, mail in enumerate(chance.sample(mails, 3)):
        good.spoil(mail, project / f"{number}.eml", chance)
        names.append(f"{number}.eml")
    yield ("bounces", *names)
    yield ("status",)


def lists(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """A list of addresses and tokens that are to be suppressed, and what is typed behind other commands."""
    lines = [chance.choice((*NASTY, "a@example.com", "0" * 32, "x" * 60)) for _ in range(5)]
    (project / "list.txt").write_bytes(mutated("\n".join(lines).encode("utf-8", "replace"), chance, good.texts))
    yield ("suppress", "--from", "list.txt")
    (project / "history.csv").write_bytes(
        mutated(b"order,rule,step,at\nE-2050,feedback-reminder,,2026-08-01\n", chance, good.texts)
    )
    yield ("import", "history.csv", "--history")
    typed = chance.choice(
        [each for each in NASTY if "\0" not in each and not each.startswith("-") and len(each) < 9999]
    )
    yield chance.choice(
        (("find", typed), ("explain", typed, *NOW), ("forget", typed), ("snooze", typed, "--until", typed))
    )


def requests(good: Good, project: Path, chance: random.Random) -> Iterator[Command]:
    """What a browser asks of the board, of a good project and of a spoiled one."""
    if chance.random() < 0.5:
        _written(good, project, chance)
    for _ in range(3):
        values = ("E-2050", *MESSAGES, "dunning", "2026-09-01", chance.choice(NASTY)[:2000])
        fields = {name: chance.choice(values) for name in chance.sample(FIELDS, 3)}
        yield (BOARD, chance.choice(("GET", "GET", "POST")), chance.choice(PAGES), urlencode(fields, errors="replace"))


KINDS: dict[Kind, int] = {project_files: 6, exports: 5, plans: 1, sendings: 4, bounces: 2, lists: 2, requests: 3}
"""Each with how often it is tried among the others."""
