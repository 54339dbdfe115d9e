"""`python tests/fuzz [MINUTES] [SEED] [CASES]`: commands on the example shop with random changes in its files.

No file may end a command in a traceback, in more than ten seconds of computing, or in more than 500 MiB of memory. The
same seed makes the same files. What fails is kept in a folder, with the command that shows it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "engine"), str(Path(__file__).parent), str(ROOT / "tests" / "unit")]

from board_browser import browser  # noqa: E402
from kinds import BOARD, KINDS, NOW, Good  # noqa: E402

from sendplan import cli  # noqa: E402
from sendplan.mail import connection  # noqa: E402
from sendplan.problems import Exit, UserError  # noqa: E402

SECONDS = 10
MEMORY = 500 << 20
ORDERS = ("import", "fixtures/orders.csv")
STOPPED_AFTER = 20.0
"""Seconds after which a run that sends slowly, as its settings may ask, gets a SIGTERM."""
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
        settings = base / "sendplan.yaml"
        local = "host: 127.0.0.1\n    port: 2525\n    security: none\n"
        text = re.sub(r"provider: (gmail|office365)\n", local, settings.read_text(encoding="utf-8"))
        settings.write_text(re.sub(r"    (username|password|oauth2): .*\n", "", text), encoding="utf-8")
        self._quietly(*ORDERS, "--project", str(base), inside=base)
        self._quietly("plan", *NOW, "-o", "good.json", "--project", str(base), inside=base)
        files = sorted(path for path in base.rglob("*") if path.is_file() and _is_written_by_people(path, base))
        texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in files]
        self.good = Good(base, files, texts, sorted(_exports(), key=str))

    def case(self, number: int) -> None:
        """One project with something wrong, and a few commands on it."""
        chance = random.Random(f"{self.seed}/{number}")
        project = self.folder / "case"
        shutil.rmtree(project, ignore_errors=True)
        shutil.copytree(self.good.base, project)
        (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
        for command in kind(self.good, project, chance):
            self._try(command, project, number)

    def _try(self, command: tuple[str, ...], project: Path, number: int) -> None:
        said = self.folder / "said"
        process = os.fork()
        if process == 0:
            _run(command if command[0] == BOARD else (*command, "--project", "."), project, said)
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
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="backslashreplace")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace")
        signal.alarm(SECONDS * 30)  # Something that waits uses no time of the processor.
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        if arguments[0] == BOARD:
            code = _asked(*arguments[1:])
        else:
            if arguments[0] in ("run", "send"):
                stop = threading.Timer(STOPPED_AFTER, os.kill, (os.getpid(), signal.SIGTERM))
                stop.daemon = True
                stop.start()
            code = cli.run(list(arguments))
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _asked(method: str, path: str, query: str) -> int:
    """Whether the board answered a request of somebody who is signed in; raises what it raises."""
    try:
        visitor = browser(Path())
    except UserError as error:
        print(error)
        return int(error.exit_code)
    visitor.sign_in()
    if method == "GET":
        answer = visitor.get(f"{path}?{query}")
    else:
        fields = dict(parse_qsl(query)) | {"form_token": visitor.form_token()}
        answer = visitor.post(path, fields)
    print(answer.status)
    assert answer.status < 500, answer.text
    return 0


@contextlib.contextmanager
def mail_server() -> Iterator[int]:
    """A mail server in a process of its own, its port, and every sender of this process led to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    line = (sys.executable, "-m", "sendplan.sink", "--port", str(port))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        dial = connection.dial
        # Whatever becomes of the host in the settings, no mail leaves this computer.
        connection.dial = lambda host, _, timeout: dial("127.0.0.1", port, timeout)
        try:
            yield port
        finally:
            connection.dial = dial
            server.terminate()


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
    with mail_server():
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
