"""From a store to the keys of what leaves now, beside SQL, a loop in Python and rule engines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import contender_loop
import contender_sendplan
import contender_sql
from figures import Figure, beside, digest, faster, in_turn, say, timed
from stores import path_of, shop

from sendplan.project.project import Project

HERE = Path(__file__).parent
SAMPLE = 20_000
"""The newest orders, on which the engines are measured: on all of them some would take minutes."""
ENGINES = {"zen": "zen-engine 2.1.3", "rule": "rule-engine 5.1.0", "json": "panzi-json-logic 1.0.1"}


def keys() -> Iterator[Figure]:
    """The same rules in SQL and in plain Python; and the plan as a file."""
    for orders, name, rounds in ((100_000, "100 k", 9), (1_000_000, "1 M", 7), (5_000_000, "5 M", 3)):
        project = shop(orders, 3)
        store, copy, file = (
            path_of(project),
            path_of(project).with_name("expert.db"),
            path_of(project).with_suffix(".json"),
        )
        if not copy.is_file():
            contender_sql.prepare(store, copy)
        say(f"{name} orders")
        medians = in_turn(
            {
                "keys": partial(contender_sendplan.keys, project),
                "SQL": partial(contender_sql.keys, copy),
                "file": partial(contender_sendplan.written, project, file),
            },
            rounds,
        )
        own = medians["keys"]
        for what, taken, goal in (("keys", own, 1.5), ("plan file", medians["file"], 3)):
            wanted = goal if orders == 1_000_000 else None
            yield beside(f"{name} orders → {what}", "hand-written SQL", taken, medians["SQL"], wanted)
        if orders <= 1_000_000:
            yield faster(f"{name} orders → keys", "a loop in Python", own, loop(project), None)


def loop(project: Project) -> float:
    """Seconds of the plain loop, once: it takes long enough."""
    seconds, found = timed(partial(contender_loop.keys, path_of(project)))
    if digest(found) != digest(contender_sendplan.keys(project)):
        raise SystemExit("the loop in Python found other keys than sendplan")
    return seconds


def history() -> Iterator[Figure]:
    """The same orders are due, with ten times as many before them."""
    short, long = shop(100_000, 3), shop(1_000_000, 30)
    medians = in_turn(
        {"short": partial(contender_sendplan.keys, short), "long": partial(contender_sendplan.keys, long)}, 9
    )
    yield beside("30 years, 1 M orders → keys", "3 years, 100 k orders", medians["long"], medians["short"], 1.15)


def engines(python: str | None) -> Iterator[Figure]:
    """The same rules in rule engines, measured on the newest orders and scaled to all."""
    if python is None:
        say("left out: the rule engines, whose Python was not given")
        return
    orders = 1_000_000
    project = shop(orders, 3)
    first = f"E-{100_000_000 - SAMPLE + 1}"
    expected = [key for key in contender_sendplan.keys(project) if key >= first]
    taken: dict[str, list[float]] = {name: [] for name in ("sendplan", *ENGINES)}
    for _ in range(3):
        taken["sendplan"].append(timed(partial(contender_sendplan.keys, project))[0])
        for engine in ENGINES:
            say(ENGINES[engine])
            seconds, found = _engine(python, engine, path_of(project), first)
            if found != expected:
                raise SystemExit(f"{ENGINES[engine]} found other keys than sendplan")
            taken[engine].append(seconds * orders / SAMPLE)
    medians = {name: sorted(each)[1] for name, each in taken.items()}
    for engine, name in ENGINES.items():
        goal = 130 if engine == "zen" else None
        yield faster("1 M orders → keys", f"{name}, scaled", medians["sendplan"], medians[engine], goal)


def _engine(python: str, engine: str, store: Path, first: str) -> tuple[float, Sequence[str]]:
    command = (python, str(HERE / "contender_engines.py"), engine, str(store), first)
    seconds, found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return float(seconds), json.loads(found)
