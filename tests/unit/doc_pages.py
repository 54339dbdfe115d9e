"""The pages of the docs as readers use them: examples saved and loaded, commands run, output compared."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
_MARK = "\x1d"
"""Before each command's output; no command prints it."""
_PORT = "2525"
"""The port that the pages give to a mail server to try things out with; a free one when they are tested."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    language: str
    file: str
    """The file that it belongs into, by its info string or its first line; empty when it names none."""
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """One `$ …` of a console block with what it printed."""

    line: str
    output: list[str]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, _, file = match["info"].partition(" ")
        if language == "yaml" and not file and (named := re.match(r"# (\S+\.yaml)\n", match["text"])):
            file = named[1]
        found.append(Block(language, file, match["text"], text.count("\n", 0, match.start()) + 1))
    return found


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block; lines that begin with `> ` continue one."""
    current: Command | None = None
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if current is not None:
                yield current
            current = Command(line[2:], [])
        elif line.startswith("> ") and current is not None and not current.output:
            current = Command(f"{current.line}\n{line[2:]}", [])
        else:
            assert current is not None, f"output without a command: {line}"
            current.output.append(line)
    if current is not None:
        yield current


def matches(expected: list[str], actual: list[str]) -> bool:
    """Whether the output is as shown; a line `...` stands for any lines, and within a line for any characters."""
    # Money prints with a no-break space, which nobody sees on a page.
    left = [line.replace("\xa0", " ").rstrip() for line in actual]
    pieces: list[list[str]] = [[]]
    for line in expected:
        if line.strip() == "...":
            pieces.append([])
        else:
            pieces[-1].append(line.rstrip())
    *before_last, last = pieces
    for number, piece in enumerate(before_last):
        places = range(len(left) - len(piece) + 1) if number else (0,)
        start = next((place for place in places if _same(piece, left[place : place + len(piece)])), None)
        if start is None:
            return False
        left = left[start + len(piece) :]
    return _same(last, left[len(left) - len(last) :] if before_last and len(last) <= len(left) else left)


def _same(expected: list[str], actual: list[str]) -> bool:
    return len(expected) == len(actual) and all(
        re.fullmatch(re.escape(shown).replace(r"\.\.\.", ".*"), printed)
        for shown, printed in zip(expected, actual, strict=True)
    )


class Session:
    """A reader at the keyboard, in a fresh copy of the example shop whose sample orders are imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "reader"
        self._bin = folder / "bin"
        self._groups: list[int] = []
        self.folder.mkdir()
        self._bin.mkdir()
        self._port = _free_port()
        for name, arguments in (("sendplan", "-m sendplan"), ("python", "")):
            script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n'
            (self._bin / name).write_text(script, encoding="utf-8")
            (self._bin / name).chmod(0o755)
        self._environment = {
            "PATH": f"{self._bin}:{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT / "engine"),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            **{
                f"GIT_{who}_{what}": "reader@example.com"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        self.run(Block("console", "", "$ sendplan init\n$ sendplan import fixtures/orders.csv\n", 0))

    def run(self, block: Block) -> list[tuple[Command, list[str]]]:
        """Run a console block in one shell; each command with what it really printed."""
        wanted = list(commands(block))
        script = ["exec 2>&1", "status=0"]
        for command in wanted:
            line = command.line.replace(_PORT, str(self._port))
            script += [f"printf '{_MARK}'", "(exit $status)", line, "status=$?"]
        script += [f"printf '{_MARK}'", "pwd"]
        log = self._bin / "log"
        with log.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-c", "\n".join(script)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                start_new_session=True,
            )
            self._groups.append(shell.pid)
            assert shell.wait() == 0
        printed = log.read_text(encoding="utf-8").replace(str(self._port), _PORT).split(_MARK)[1:]
        self.folder = Path(printed.pop().strip())
        return [(command, text.splitlines()) for command, text in zip(wanted, printed, strict=True)]

    def save(self, block: Block) -> Path:
        """Save an example as the file that it names; top-level keys of sendplan.yaml replace those of the shop."""
        path = self.folder / block.file
        text = block.text.partition("\n")[2] if block.language == "yaml" else block.text
        if block.file == "sendplan.yaml":
            text = merged(path.read_text(encoding="utf-8"), text)
        elif block.file.startswith("rules/"):
            text = with_rules(path.read_text(encoding="utf-8") if path.exists() else "rules:\n", text)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def close(self) -> None:
        """End what the reader left running."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue


def merged(settings: str, snippet: str) -> str:
    """The settings with the snippet's top-level keys in the place of their own."""
    sections = dict(_sections(settings))
    return "".join((sections | dict(_sections(snippet))).values())


def with_rules(file: str, snippet: str) -> str:
    """The rule file with the snippet's rules in the place of its own of the same id, or after them."""
    head, rules = _rules(file)
    return head + "".join((rules | _rules(snippet)[1]).values())


def _rules(text: str) -> tuple[str, dict[str, str]]:
    head, *rules = re.split(r"^(?=  - id: )", text, flags=re.M)
    return head, {rule.splitlines()[0]: rule for rule in rules}


def _sections(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^(?=\w+:)", text, flags=re.M):
        yield part.partition(":")[0], part if part.endswith("\n") else part + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refreshed(page: Path, folder: Path) -> str:
    """The page with the output that its commands print today; elided lines come back in full."""
    text, session = page.read_text(encoding="utf-8"), Session(folder)
    try:
        for block in blocks(page):
            if block.language == "console":
                lines = [line for command, output in session.run(block) for line in (_typed(command), *output)]
                text = text.replace(block.text, "".join(f"{line.rstrip()}\n" for line in lines), 1)
            elif block.file:
                session.save(block)
    finally:
        session.close()
    return text


def _typed(command: Command) -> str:
    return "$ " + command.line.replace("\n", "\n> ")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        print(refreshed(Path(sys.argv[1]), Path(scratch)), end="")
