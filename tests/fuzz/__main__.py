"""`python tests/fuzz [MINUTES] [SEED] [CASES]`: commands on the example shop with random changes in its files.

No file may end a command in a traceback, in more than ten seconds of computing, or in more than 500 MiB of memory. The
same seed makes the same files. What fails is kept in a folder, with the command that shows it.
"""

from __future__ import annotations

import importlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "engine"), str(Path(__file__).parent)]

from mutations import mutated  # noqa: E402

from sendplan import cli  # noqa: E402
from sendplan.problems import Exit  # noqa: E402

SECONDS = 10
MEMORY = 500 << 20
NOW = ("--now", "2026-08-24 12:00")
ORDERS = ("import", "fixtures/orders.csv")
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
CODES = {int(each) for each in Exit} | {130, 141}


class Fuzzer:
    """The good project, and how often what came of the others."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.ended: Counter[str] = Counter()
        self.failures = 0
        base = folder / "base"
        self._quietly("init", str(base))
        self._quietly(*ORDERS, "--project", str(base), inside=base)
        self._quietly("plan", *NOW, "-o", "good.json", "--project", str(base), inside=base)
        self.base = base
        self.files = sorted(path for path in base.rglob("*") if path.is_file() and _is_written_by_people(path, base))
        self.exports = sorted(_exports(), key=str)
        self.texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in self.files]

    def case(self, number: int) -> None:
        """One project with something wrong, and a few commands on it."""
        chance = random.Random(f"{self.seed}/{number}")
        project = self.folder / "case"
        shutil.rmtree(project, ignore_errors=True)
        shutil.copytree(self.base, project)
        for command in self._spoiled(project, chance):
            self._try(command, project, number)

    def _spoiled(self, project: Path, chance: random.Random) -> Iterator[tuple[str, ...]]:
        kind = chance.choices(("project", "import", "plan"), (6, 4, 1))[0]
        if kind == "plan":
            content = (self.base / "good.json").read_bytes()
            (project / "plan.json").write_bytes(mutated(content, chance, self.texts))
            yield from PLANS
        elif kind == "import":
            mapping, export = chance.choice(self.exports)
            spoil = chance.randrange(3)
            name = f"export{''.join(export.suffixes[-1:])}"
            content, rules = export.read_bytes(), mapping.read_bytes() if mapping else b""
            (project / name).write_bytes(mutated(content, chance, self.texts) if spoil != 1 else content)
            options: tuple[str, ...] = ()
            if mapping is not None:
                (project / "mapping.yaml").write_bytes(mutated(rules, chance, self.texts) if spoil else rules)
                options = ("--mapping", "mapping.yaml")
            for command in IMPORTS:
                yield tuple(name if part == "export" else part for part in command) + (
                    options if command[0] == "import" else ()
                )
        else:
            for path in chance.sample(self.files, chance.choice((1, 1, 2))):
                target = project / path.relative_to(self.base)
                target.write_bytes(mutated(path.read_bytes(), chance, self.texts))
            yield LOOKS[0]
            yield from chance.sample(LOOKS[1:], 3)

    def _try(self, command: tuple[str, ...], project: Path, number: int) -> None:
        said = self.folder / "said"
        process = os.fork()
        if process == 0:
            _run((*command, "--project", "."), project, said)
        _, status, used = os.wait4(process, 0)
        text = said.read_text(encoding="utf-8", errors="replace")
        wrong = _verdict(status, used.ru_maxrss * 1024, text)
        self.ended[wrong or f"exit {os.waitstatus_to_exitcode(status)}"] += 1
        if wrong:
            self.failures += 1
            kept = self.folder / f"failed-{self.seed}-{number}"
            shutil.copytree(project, kept, dirs_exist_ok=True)
            print(f"case {number}: {wrong}: sendplan {' '.join(command)}   in {kept}\n{text[-1500:]}", flush=True)

    def _quietly(self, *arguments: str, inside: Path | None = None) -> None:
        process = os.fork()
        if process == 0:
            _run(arguments, inside or self.folder, self.folder / "said")
        _, status = os.waitpid(process, 0)
        assert status == 0, (self.folder / "said").read_text()


def _run(arguments: tuple[str, ...], folder: Path, said: Path) -> None:
    """In a process of its own, which ends here."""
    code = 99
    try:
        os.chdir(folder)
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="backslashreplace")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace")
        signal.alarm(SECONDS * 30)  # Something that waits uses no time of the processor.
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        code = cli.run(list(arguments))
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _verdict(status: int, memory: int, text: str) -> str:
    """What a command did that none may do; empty when all is well."""
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it computed for more than {SECONDS} seconds"
    if code == -signal.SIGALRM:
        return "it waited without end"
    if code == 99 or "Traceback (most recent call last)" in text:
        return "a traceback"
    if code not in CODES:
        return f"it ended with {code}"
    return f"it took more than {MEMORY >> 20} MiB" if memory > MEMORY else ""


def _is_written_by_people(path: Path, base: Path) -> bool:
    top = path.relative_to(base).parts[0]
    return top in ("sendplan.yaml", "rules", "templates") or (path.suffix in (".yaml", ".txt") and top == "fixtures")


def _exports() -> Iterator[tuple[Path | None, Path]]:
    """Samples of exports, each with its mapping where it has one."""
    yield None, ROOT / "fixtures" / "orders.csv"
    for folder in ("samples", "presets"):
        for mapping in (ROOT / "fixtures" / folder).glob("*/*.yaml"):
            for export in mapping.parent.iterdir():
                if export.suffix in (".csv", ".tsv", ".json", ".jsonl", ".xml", ".xlsx", ".txt"):
                    yield mapping, export
    for mapping in (ROOT / "mappings").glob("*.yaml"):
        for export in (ROOT / "fixtures" / "presets" / mapping.stem).glob("*.*"):
            if export.suffix in (".csv", ".tsv", ".json", ".jsonl", ".txt"):
                yield mapping, export


def main(minutes: float = 60, seed: int | None = None, cases: int = 10**9) -> int:
    """Play cases until the time or their number is up."""
    for command in cli.COMMANDS:
        importlib.import_module(f"sendplan.commands.{command.replace('-', '_')}_command")
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    until = time.monotonic() + minutes * 60
    folder = Path(tempfile.mkdtemp(prefix="sendplan-fuzz-"))
    fuzzer = Fuzzer(folder, seed)
    number = 0
    while number < cases and time.monotonic() < until:
        fuzzer.case(number)
        number += 1
    ends = ", ".join(f"{count} {what}" for what, count in sorted(fuzzer.ended.items()))
    print(f"seed {seed}: {number} cases, {fuzzer.failures} failures; {ends}")
    if not fuzzer.failures:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(*map(float, given[:1]), *map(int, given[1:3])))
