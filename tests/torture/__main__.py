"""`python tests/torture [MINUTES] [SEED]`: random orders, runs, kills, backups and restores, until the time is up.

It shares nothing with the engine or with the fault suite: its own mail server, its own project, the command line alone.
What it knows of each order comes from the server's log, written before each answer. It fails when a buyer got a mail
twice, when one that was due got none and nobody was told, and when a command ends in a traceback.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from judge import Judgement, judge
from project import Project
from smtp import Server

ENGINE = Path(__file__).parents[2] / "engine"


@dataclass
class Round:
    """One project from its first order to the verdict."""

    project: Project
    server: Server
    chance: random.Random
    done: list[str] = field(default_factory=list)
    """What was done, in order, for whoever has to understand a failure."""
    backups: list[str] = field(default_factory=list)
    refused: bool = False

    def play(self, until: float) -> None:
        """Do one thing after the other, mostly what happens every day."""
        self.order()
        for _ in range(self.chance.randrange(4, 14)):
            if time.monotonic() > until or self.refused:
                break
            act = self.chance.choices(
                (self.order, self.run, self.kill, self.stop, self.terminate, self.backup, self.restore, self.spoil),
                (4, 3, 5, 1, 1, 5, 5, 2),
            )[0]
            act()
        self.server.faults = 0.0
        for _ in range(2):
            self.run()

    def order(self) -> None:
        """New orders come in."""
        self._note(f"order {self.project.order(self.chance.randrange(5, 80))}")

    def run(self) -> None:
        """A run to its end, or two at once."""
        runs = [self.project.start("run") for _ in range(self.chance.choice((1, 1, 2)))]
        for each in runs:
            each.wait()
        self._look(runs, "run")

    def kill(self) -> None:
        """One to three runs at once, each killed after some mails, or after some time."""
        runs = [self.project.start("run") for _ in range(self.chance.choice((1, 1, 2, 3)))]
        if self.chance.random() < 0.7:
            self.server.wait_for(self.server.count() + self.chance.randrange(1, 12), seconds=3)
        else:
            time.sleep(self.chance.random() * 1.5)
        for each in runs:
            time.sleep(self.chance.random() * 0.05)
            each.send_signal(signal.SIGKILL)
        self._look(runs, "kill")

    def stop(self) -> None:
        """A run held for a while as if the computer slept, and another one meanwhile."""
        held = self.project.start("run")
        self.server.wait_for(self.server.count() + self.chance.randrange(1, 6), seconds=3)
        held.send_signal(signal.SIGSTOP)
        other = self.project.start("run")
        other.wait()
        held.send_signal(signal.SIGCONT)
        held.wait()
        self._look([held, other], "stop")

    def terminate(self) -> None:
        """A run asked to end."""
        asked = self.project.start("run")
        self.server.wait_for(self.server.count() + self.chance.randrange(1, 12), seconds=3)
        asked.send_signal(signal.SIGTERM)
        asked.wait()
        self._look([asked], "terminate")

    def spoil(self) -> None:
        """The mail server becomes bad, or good again."""
        self.server.faults = self.chance.choice((0.0, 0.0, 0.05, 0.3))
        self._note(f"faults {self.server.faults}")

    def backup(self) -> None:
        """A backup of some kind, made while a run goes on or while nothing does."""
        running = self.project.start("run") if self.chance.random() < 0.6 else None
        if running:
            self.server.wait_for(self.server.count() + self.chance.randrange(1, 8), seconds=3)
        name = f"backup-{len(self.backups)}"
        kind = self.chance.choice(("store backup", "sqlite", "file", "folder"))
        if self.project.back_up(kind, name):
            self.backups.append(name)
        self._note(f"{kind} as {name}, {self.server.count()} mails")
        if running:
            running.send_signal(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
            running.wait()
            self._look([running], "run during the backup")

    def restore(self) -> None:
        """Some backup is put back in some way, mostly right after a kill."""
        if not self.backups:
            return
        if self.chance.random() < 0.7:
            self.kill()
        name = self.chance.choice(self.backups)
        way = self.chance.choice(("clean", "clean", "over the log", "log deleted", "project moved"))
        self.project.restore(name, way)
        self._note(f"restore {name}, {way}, {self.server.count()} mails; import {self.project.read_orders()}")
        self.run()

    def _look(self, runs: list[subprocess.Popen[bytes]], what: str) -> None:
        codes = [self.project.ended(each) for each in runs]
        self._note(f"{what} {codes}, {self.server.count()} mails")
        self.refused = self.refused or 3 in codes

    def _note(self, what: str) -> None:
        self.done.append(what)


def play(number: int, seed: int, until: float) -> Judgement:
    """One round, with its own project, server and state directory."""
    folder = Path(tempfile.mkdtemp(prefix="sendplan-torture-"))
    try:
        with Server(folder / "accepted.log", random.Random(seed)) as server:
            project = Project(folder, server.port, ENGINE, random.Random(seed + 1))
            played = Round(project, server, random.Random(seed + 2))
            played.play(until)
            found = judge(project, Counter(server.accepted()))
            if found.bad:
                print(f"\nround {number}, seed {seed}: {found.bad}")
                print("\n".join(f"  {each}" for each in played.done))
                kept = Path(tempfile.gettempdir()) / f"sendplan-torture-failed-{seed}"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept)
                print(f"  kept in {kept}")
            return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(minutes: float, seed: int) -> int:
    """Rounds until the time is up; the exit code."""
    until = time.monotonic() + minutes * 60
    total, rounds, bad = Counter[str](), 0, 0
    while time.monotonic() < until:
        found = play(rounds, seed + rounds * 1000, until)
        rounds += 1
        bad += bool(found.bad)
        total += found.figures
        print(f"{rounds} rounds: " + ", ".join(f"{number} {name}" for name, number in total.items()), flush=True)
    print(f"{bad} of {rounds} rounds not as promised (seed {seed})")
    return 1 if bad else 0


if __name__ == "__main__":
    os.umask(0o077)
    arguments = [float(each) for each in sys.argv[1:]]
    sys.exit(main(arguments[0] if arguments else 5.0, int(arguments[1]) if len(arguments) > 1 else int(time.time())))
