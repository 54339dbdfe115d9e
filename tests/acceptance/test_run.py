"""`run` by itself: it reads its files, plans and sends, and nothing of it stops all the rest."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
import time_machine
from projects import ROOT, Project

from sendplan.commands import run_command
from sendplan.sink import Sink

NOW = ("--now", "2026-08-24 12:00")
MAILS = 14


@pytest.fixture
def fed(shop: Project) -> Project:
    """The example shop, which reads its sample orders itself."""
    settings = shop.path("sendplan.yaml").read_text(encoding="utf-8")
    shop.write("sendplan.yaml", settings + "imports: {sample: {file: in/orders.csv}}\n")
    shop.write("in/orders.csv", (ROOT / "fixtures" / "orders.csv").read_text(encoding="utf-8"))
    return shop


def test_one_command_imports_plans_and_sends(fed: Project, sink: Sink) -> None:
    """A cron line needs nothing but `sendplan run`."""
    ran = fed("run", *NOW)
    assert (ran.code, len(sink.mails)) == (0, MAILS)
    assert "in/orders.csv: 26 rows: 26 new, 0 updated, 0 unchanged, 0 bad" in ran.out


def test_a_bad_row_stops_nothing_but_its_order(fed: Project, sink: Sink) -> None:
    """A row that cannot be read is told with its line, everybody else gets their mail, and the exit code is 1."""
    with fed.path("in/orders.csv").open("a", encoding="utf-8") as file:
        file.write("X-1,nobody" + "\n")
    ran = fed("run", *NOW)
    assert (ran.code, len(sink.mails)) == (1, MAILS)
    assert "in/orders.csv:28:" in ran.err


def test_a_file_that_is_gone_stops_nothing(fed: Project, sink: Sink) -> None:
    """A file that nobody exported is told by its name, and what is in the store is sent."""
    assert fed("import").code == 0
    fed.path("in/orders.csv").unlink()
    ran = fed("run", *NOW)
    assert (ran.code, len(sink.mails)) == (1, MAILS)
    assert "import `sample`: there is no file `in/orders.csv`" in ran.err


def test_a_file_that_is_refused_stops_no_other(fed: Project, sink: Sink) -> None:
    """A file with a broken mapping is told with the place in the mapping, and the other files are read."""
    fed.edit(
        "sendplan.yaml",
        "imports: {sample: {file: in/orders.csv}}",
        "imports:\n  bad: {file: in/orders.csv, mapping: in/bad.yaml}\n  sample: {file: in/orders.csv}",
    )
    fed.write("in/bad.yaml", "format: csv\nfields: {id: id, colour: colour}\n")
    ran = fed("run", *NOW, "--format", "json")
    assert (ran.code, len(sink.mails), ran.json["sent"]) == (1, MAILS, MAILS)
    assert [(name, each["stored"]) for name, each in ran.json["imports"].items()] == [("bad", False), ("sample", True)]
    assert "in/bad.yaml:2:" in ran.err


def test_worse_comes_before_bad_rows(fed: Project, sink: Sink) -> None:
    """A plan over the limit exits with 3, although a file is missing too."""
    assert fed("import").code == 0
    fed.path("in/orders.csv").unlink()
    fed.edit("sendplan.yaml", "limits: {per_run: 500}", "limits: {per_run: 5}")
    assert fed("run", *NOW).code == 3
    assert sink.mails == []


def test_no_import_reads_nothing(fed: Project, sink: Sink) -> None:
    """`--no-import` sends from the store as it is."""
    ran = fed("run", *NOW, "--no-import")
    assert (ran.code, sink.mails, "orders.csv" in ran.out) == (0, [], False)


def test_import_without_a_file_reads_them_all(fed: Project) -> None:
    """`sendplan import` reads what `run` would read, and tells each by its name."""
    done = fed("import", "--format", "json")
    assert (done.code, done.json["imports"]["sample"]["inserted"]) == (0, 26)


def test_import_without_a_file_needs_imports(shop: Project) -> None:
    """Without a file and without `imports:` the command says what to write."""
    asked = shop("import")
    assert asked.code == 2
    assert "imports" in asked.err


@pytest.mark.parametrize(
    "line", ["imports: {web: {file: gone.csv}}", "imports: {web: {file: in.csv, mapping: gone.yaml}}"]
)
def test_check_tells_of_files_that_are_not_there(shop: Project, line: str) -> None:
    """`check` names a file or mapping that is not there at its place in the settings."""
    shop.write("in.csv", "id\n")
    settings = shop.path("sendplan.yaml").read_text(encoding="utf-8")
    shop.write("sendplan.yaml", f"{line}\n{settings}")
    found = shop("check", "--format", "json")
    told = [each for each in json.loads(found.out)["problems"] if each["code"] == "file-missing"]
    assert [(each["file"], each["line"]) for each in told] == [("sendplan.yaml", 1)]


def test_check_reads_the_mappings(fed: Project) -> None:
    """A mistake in a mapping that `imports:` names is found before anything is imported."""
    fed.edit("sendplan.yaml", "file: in/orders.csv}", "file: in/orders.csv, mapping: in/map.yaml}")
    fed.write("in/map.yaml", "format: csv\nfields: {id: id, colour: colour}\n")
    found = fed("check")
    assert found.code == 1
    assert "in/map.yaml:2:" in found.out


def test_a_run_that_cannot_go_on_does_not_end_the_others(
    fed: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run --stay` tells what is wrong with the files, and goes on once they are right, by the schedule of then."""
    settings = fed.path("sendplan.yaml").read_text(encoding="utf-8") + 'schedule: "*/10 * * * *"\n'
    fed.write("sendplan.yaml", settings)
    changes = iter([settings.replace("senders:", "sanders:"), settings.replace("*/10", "*/20"), settings, None])
    firings: list[datetime] = []

    def wait(moment: datetime, stop: object) -> bool:
        firings.append(moment)
        change = next(changes)
        fed.write("sendplan.yaml", change or settings)
        return change is None

    with time_machine.travel("2026-08-24 10:01+00:00", tick=False):
        monkeypatch.setattr(run_command, "_wait_until", wait)
        ran = fed("run", "--stay")
    assert (ran.code, "sanders" in ran.err, len(sink.mails)) == (1, True, MAILS)
    assert [each.minute for each in firings] == [10, 10, 20, 10]


def test_stay_needs_a_schedule(shop: Project) -> None:
    """`run --stay` without `schedule:` says what to write."""
    ran = shop("run", "--stay")
    assert ran.code == 2
    assert 'schedule: "*/10 8-17 * * mon-fri"' in ran.err
