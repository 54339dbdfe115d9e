"""The engine is as docs/architecture.md draws it, and its planning side cannot send."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from import_graph import graph, path_between, reachable, sources

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")

PLANNING_LAYERS = ("sendplan.checking", "sendplan.planning.planner", "sendplan.deciding.decide")
"""One module of each layer on the planning side."""
PLANNING_COMMANDS = ("check", "plan", "explain", "test", "diff", "simulate")
MAIL_LIBRARIES = frozenset(
    {"smtplib", "ssl", "socket", "socketserver", "asyncio", "aiosmtpd", "http", "urllib.request", "requests"}
    | {"msal", "google_auth_oauthlib", "google", "dns"}
)


def _layer_by_module() -> dict[str, int]:
    """Module → its layer's number, counted from the top, as the page lists them."""
    listing = re.search(r"<!-- layers -->\n```text\n(.*?)```", PAGE, re.S)
    assert listing is not None
    layers: dict[str, int] = {}
    number, package = 0, ""
    for line in listing[1].splitlines():
        if line and not line.startswith(" "):
            number += 1
        elif name := re.match(r"(?:  |    )(\S+?)(\.py|/)(?: |$)", line):
            inner = line.startswith("    ")
            module = f"{package if inner else 'sendplan'}.{name[1]}"
            package = package if inner else module
            assert module not in layers, f"{module} is listed twice"
            layers[module] = number
    return layers


LAYERS = _layer_by_module()


def _listed_as(module: str) -> str:
    """The line of the page under which a module falls: its own, or that of its package."""
    while module not in LAYERS and "." in module:
        module = module.rpartition(".")[0]
    return module


def test_every_module_has_its_layer() -> None:
    """A newcomer finds every file of the engine on the page, and the page names no file that is gone."""
    private = {"sendplan", "sendplan.__main__"}
    assert {module for module in sources() if _listed_as(module) not in LAYERS} - private == set()
    assert {module for module in LAYERS if module not in sources()} == set()


def test_imports_go_down_only() -> None:
    """No layer uses a layer above it, so each can be read with only those below in mind."""
    upward = [
        f"{module} imports {imported}"
        for module, imports in sorted(graph().items())
        for imported in sorted(imports)
        if (above := LAYERS.get(_listed_as(imported))) and (own := LAYERS.get(_listed_as(module))) and above < own
    ]
    assert upward == []


FOLDERS = frozenset(name.split(".")[1] for name in sources() if name.count(".") > 1)


def _folder(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "sendplan" and len(parts) > 1 and parts[1] in FOLDERS else None


def test_no_two_folders_import_each_other() -> None:
    """Of two folders one is below the other, so that each can be understood, tested and replaced after those below."""
    uses = {
        (own, other): f"{module} imports {imported}"
        for module, imports in graph().items()
        for imported in imports
        if (own := _folder(module)) and (other := _folder(imported)) and own != other
    }
    assert [(told, uses[other, own]) for (own, other), told in sorted(uses.items()) if (other, own) in uses] == []


def test_a_driver_stays_in_the_store() -> None:
    """Nobody outside the store knows which database it is, or catches an error of its driver."""
    drivers = {"sqlite3", "sqlite_utils", "psycopg"}
    waiting_rows = "sendplan.importing.grouping"  # a temporary database of its own
    users = {name for name, imports in graph().items() if drivers & imports} - {waiting_rows}
    assert [name for name in users if _folder(name) != "store"] == []


def test_no_circle_of_imports() -> None:
    """No module needs itself in the end, not even through an import inside a function."""
    circles = [
        module
        for module, imports in graph().items()
        if any(module in _after(each) for each in imports if each != module)
    ]
    assert circles == []


def _after(start: str) -> frozenset[str]:
    """What a module imports in the end, without the packages that enclose it."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph().get(name, ())
    return frozenset(seen)


def _planning_modules() -> list[str]:
    numbers = {LAYERS[name] for name in PLANNING_LAYERS}
    commands = {f"sendplan.commands.{name}_command" for name in PLANNING_COMMANDS}
    return sorted({name for name, number in LAYERS.items() if number in numbers} | (commands & sources().keys()))


@pytest.mark.parametrize("module", _planning_modules())
def test_a_dry_run_cannot_send(module: str) -> None:
    """Whoever plans, explains, tests, compares or simulates never even loads what could reach a mail server."""
    sending = {name for name in sources() if LAYERS.get(_listed_as(name)) == LAYERS["sendplan.mail.smtp"]}
    assert {"sendplan.mail.smtp", "sendplan.mail.message", "sendplan.dispatch.delivery"} <= sending
    reached = reachable([module]) & (sending | MAIL_LIBRARIES)
    assert [path_between(module, each) for each in sorted(reached)] == []


def test_the_planning_side_is_all_there() -> None:
    """A renamed planning module does not quietly drop out of the proof above."""
    named = {"planning.planner", "planning.explain", "planning.funnel", "deciding.decide", "scenarios.play"}
    named |= {"simulation.simulate", "comparing.diff", "checking", "lint"}
    named |= {f"commands.{name}_command" for name in PLANNING_COMMANDS}
    assert {f"sendplan.{name}" for name in named} <= set(_planning_modules())


@pytest.mark.parametrize("name", ["sqlite3", "smtplib", "time", "random", "os", "pathlib", "sendplan.store"])
def test_deciding_reads_nothing_but_its_arguments(name: str) -> None:
    """`decide` imports no clock, store, file or network of its own: the same facts give the same decision."""
    assert name not in graph()["sendplan.deciding.decide"]


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import sendplan` and planning load no mail module, no mail library and no template engine."""
    code = (
        "import sys, sendplan, sendplan.planning.planner\n"
        "heavy = {'smtplib', 'ssl', 'jinja2', 'babel', 'jsonschema', 'sqlite_utils', 'rich', 'click'}\n"
        "sending = ('sendplan.mail', 'sendplan.dispatch')\n"
        "print(sorted(name for name in sys.modules if name in heavy or name.startswith(sending)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_records_are_made_by_the_quick_decorator() -> None:
    """No module takes `dataclass` from the standard library, where each class costs a command's start twice as much."""
    slow = [name for name, imports in graph().items() if "dataclasses.dataclass" in imports]
    assert slow == []
