"""`sendplan simulate`: volumes as a table with bars, as JSON, and as a page."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_projects import fill, git, loaded, write_project
from syrupy.assertion import SnapshotAssertion

from sendplan import cli
from sendplan.fields import Value
from sendplan.ledger import Snooze, SnoozeSubject
from sendplan.planning.compiled.rule_code import StepWriter
from sendplan.simulation.chart import text_bar
from sendplan.simulation.volumes import PeriodLength, periods
from sendplan.store import open_store

RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail, window: office-hours}
  - id: dunning
    title: Dunning
    trigger: open_amount >= 1.00
    due: payment_due + 7 days
    ladder:
      every: 7 days
      steps: [{id: reminder, template: mail}, {id: first, template: mail}]
"""
DAY = date(2026, 3, 2)
DAILY = ("--every", "0 6 * * *")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with orders over two weeks, below the root of a git repository that holds its first rules."""
    folder = tmp_path / "shops" / "web"
    project = loaded(write_project(folder, RULES))
    orders: list[dict[str, Value]] = []
    for n in range(14):
        ordered = DAY + timedelta(days=n)
        paid: dict[str, Value] = {"paid": ordered + timedelta(days=n)} if n % 3 else {}
        country: dict[str, Value] = {"country": "DE" if n % 4 else "FR"} if n else {}
        orders.append(
            {
                "id": f"E{n}",
                "account": "web",
                "email": "b@example.com",
                "items": 1,
                "total": Decimal(20),
                "ordered": ordered,
                **paid,
                **country,
            }
        )
    fill(project, *orders)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "shops/web/sendplan.yaml", "shops/web/rules", "shops/web/templates")
    git(tmp_path, "commit", "-q", "-m", "First rules")
    return folder


def simulate(folder: Path, *options: str) -> int:
    span = () if "--from" in options else ("--from", "2026-03-02", "--to", "2026-03-22")
    return cli.run(["simulate", *span, "--project", str(folder), *options])


def later(folder: Path) -> None:
    """Change the reminder from 7 to 10 days."""
    rules = folder / "rules" / "rules.yaml"
    rules.write_text(rules.read_text().replace("payment_due + 7 days", "payment_due + 10 days"))


def test_table(folder: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    """The volumes show per rule and step, per region and per day with a bar, and what is odd as a warning."""
    assert simulate(folder) == 0
    captured = capsys.readouterr()
    assert captured.out == snapshot
    assert captured.err == snapshot(name="warnings")


def test_json_is_what_the_language_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON holds each send with its time and place, and the volumes that they add up to."""
    assert simulate(folder, "--from", "2026-03-09", "--to", "2026-03-09", *DAILY, "--format", "json") == 0
    send = {"at": "2026-03-09T06:00:00+01:00", "rule": "dunning", "step": "reminder"}
    assert json.loads(capsys.readouterr().out) == {
        "from": "2026-03-09",
        "to": "2026-03-09",
        "sends": [{**send, "key": "E0/dunning/reminder", "order": "E0", "region": None}],
        "volumes": {"by_rule": {"dunning": 1}, "by_day": {"2026-03-09": 1}, "by_region": {"unknown": 1}},
    }


def test_what_a_compiled_rule_gets_wrong_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation trusts the interpreter where a compiled rule decides otherwise, and asks for a report of that."""
    assert simulate(folder, "--format", "json") == 0
    expected = capsys.readouterr()
    monkeypatch.setattr(StepWriter, "_trigger", lambda writer: None)
    assert simulate(folder, "--format", "json") == 0
    found = capsys.readouterr()
    assert found.out == expected.out
    assert "dunning: a mistake in sendplan, please report it" in found.err
    assert "report" not in expected.err


def test_what_was_put_off_on_the_first_day_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A snooze and a suppression of the first day count from its beginning; what came later is not known yet."""
    read = loaded(folder).settings
    snooze = Snooze(SnoozeSubject.ORDER, "E0", date(2026, 3, 11), datetime(2026, 3, 9, 15, tzinfo=UTC))
    with closing(open_store(read.store, read.folder, read.fields, read.calendar)) as store:
        store.snooze(snooze)
        store.suppress("b@example.com", at=datetime(2026, 3, 10, 8, tzinfo=UTC))

    def dunned(first: str) -> dict[str, str]:
        assert simulate(folder, "--from", first, "--to", "2026-03-12", *DAILY, "--format", "json") == 0
        sends = json.loads(capsys.readouterr().out)["sends"]
        return {each["order"]: each["at"][:10] for each in sends if each["step"] == "reminder"}

    assert dunned("2026-03-08") == {"E0": "2026-03-09", "E3": "2026-03-12"}
    assert dunned("2026-03-09") == {"E0": "2026-03-11", "E3": "2026-03-12"}
    assert dunned("2026-03-10") == {}


def test_other_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--every` the runs lie where the window is open, and its messages leave."""
    assert simulate(folder, "--every", "0 9 * * *", "--format", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["volumes"]["by_rule"]["thanks"] == 14
    assert "window" not in captured.err


def test_the_usual_runs_reach_every_window(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a schedule there is a run at 06:00 and one when a window opens that a rule asks for, so all leaves."""
    assert simulate(folder, "--format", "json") == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    times = {(each["rule"], each["at"][11:16]) for each in said["sends"]}
    assert times == {("dunning", "06:00"), ("thanks", "08:00")}
    assert said["volumes"]["by_rule"]["thanks"] == 14
    assert "window" not in captured.err


def test_a_window_without_a_run_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs that somebody chose may miss a window: that is said, and whose messages stay."""
    assert simulate(folder, *DAILY, "--format", "json") == 0
    warned = "warning: no run falls into window office-hours, so thanks sends nothing here; choose other runs"
    assert warned in capsys.readouterr().err


def test_windows_of_the_other_rules_count_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two rule sets are compared at the same runs, which reach the windows of both."""
    rules = folder / "rules" / "rules.yaml"
    rules.write_text(rules.read_text().replace(", window: office-hours", ""))
    assert simulate(folder, "--rules-from", "HEAD", "--format", "json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["volumes"]["by_rule"]["thanks"] == said["rules_from"]["volumes"]["by_rule"]["thanks"] == 14


def test_the_schedule_is_the_rhythm(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project with a `schedule` is simulated by it, unless `--every` says otherwise."""
    settings = folder / "sendplan.yaml"
    settings.write_text(settings.read_text() + 'schedule: "0 9 * * *"\n')
    assert simulate(folder, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["volumes"]["by_rule"]["thanks"] == 14
    assert simulate(folder, "--every", "0 6 * * *", "--format", "json") == 0
    assert "thanks" not in json.loads(capsys.readouterr().out)["volumes"]["by_rule"]


def test_times_bound_the_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--from` and `--to` also take times, both included."""
    span = ("--from", "2026-03-09T06:00", "--to", "2026-03-10T05:59", *DAILY)
    assert simulate(folder, *span, "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [send["at"][:10] for send in data["sends"]] == ["2026-03-09"]
    assert (data["from"], data["to"]) == ("2026-03-09T06:00:00+01:00", "2026-03-10T05:59:00+01:00")


def test_rules_of_a_revision(folder: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    """Beside the present rules stand those of a git revision, on the same orders, with the difference."""
    later(folder)
    assert simulate(folder, "--rules-from", "HEAD") == 0
    assert capsys.readouterr().out == snapshot


def test_rules_of_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other rules may also lie in a folder; its own store is not looked at."""
    other = shutil.copytree(folder, tmp_path / "before", ignore=shutil.ignore_patterns("var"))
    later(folder)
    assert simulate(folder, "--rules-from", str(other), *DAILY, "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["rules_from"]["sends"][0]["at"][:10] == "2026-03-09"
    assert data["sends"][0]["at"][:10] == "2026-03-12"
    assert data["rules_from"]["revision"] == str(other)


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("nothing-like-this", "is neither a folder nor a git revision"),
        ("--output=x", "is neither a folder nor a git revision"),
        ("rules", "does not contain sendplan.yaml"),
    ],
)
def test_unknown_revision(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], revision: str, said: str
) -> None:
    """A revision that is none is a usage error that says what to name instead."""
    monkeypatch.chdir(folder)
    assert simulate(folder, f"--rules-from={revision}") == 2
    assert said in capsys.readouterr().err


def test_a_revision_that_cannot_be_loaded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Faults in the settings of a revision are told with its name, and not as if they stood in the present file."""
    settings = folder / "sendplan.yaml"
    good = settings.read_text()
    settings.write_text(good.replace("Europe/Berlin", "Europe/Nowhere"))
    git(folder, "commit", "-q", "-a", "-m", "Break the settings")
    settings.write_text(good)
    assert simulate(folder, "--rules-from", "HEAD") == 1
    assert "HEAD:sendplan.yaml:1:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "2026-03-22", "--to", "2026-03-02"), "is before the beginning"),
        (("--from", "yesterday", "--to", "2026-03-02"), "`yesterday` is not a valid date"),
        (("--every", "noon"), "five fields"),
        (("--every", "0 6 30 2 *"), "no run"),
    ],
)
def test_wrong_options(folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str) -> None:
    """A wrong option is a usage error that names it."""
    assert simulate(folder, *options) == 2
    assert said in capsys.readouterr().err


def test_runs_over_the_limit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that the limit would have stopped is named with its number of messages, which count all the same."""
    settings = folder / "sendplan.yaml"
    settings.write_text(settings.read_text().replace("per_run: 3", "per_run: 1"))
    assert simulate(folder, *DAILY, "--format", "json") == 0
    captured = capsys.readouterr()
    by_day = json.loads(captured.out)["volumes"]["by_day"]
    [day] = [day for day, count in by_day.items() if count > 1][:1]
    assert f"`limits.per_run` (1) would have stopped the run of {day} 06:00 ({by_day[day]})" in captured.err


class _Page(HTMLParser):
    """Counts a page's elements and keeps what would be fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is whole in itself: a described chart and three tables, without scripts or anything to be fetched."""
    html = folder / "simulation.html"
    later(folder)
    assert simulate(folder, "--rules-from", "HEAD", "--html", str(html)) == 0
    assert f"Written to {html}" in capsys.readouterr().out
    text = html.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert (page.open, page.fetched) == ([], [])
    assert "script" not in page.tags
    assert page.tags.count("table") == 3
    assert re.search(r'<svg [^>]*role="img" aria-labelledby="chart-title chart-description"', text)
    assert "2026-03-12: 1 dunning" in text
    assert 'class="other"' in text


def test_page_escapes(folder: Path) -> None:
    """A shop's name is text on the page, whatever it is."""
    settings = folder / "sendplan.yaml"
    settings.write_text(settings.read_text().replace("name: MeinShop", "name: <script>alert(1)</script>"))
    html = folder / "simulation.html"
    assert simulate(folder, "--html", str(html)) == 0
    page = _Page()
    page.feed(html.read_text(encoding="utf-8"))
    assert "script" not in page.tags


@pytest.mark.parametrize(("value", "bar"), [(0, ""), (1, "▏"), (50, "██"), (75, "███"), (100, "████"), (60, "██▍")])
def test_bars(value: int, bar: str) -> None:
    """A bar is as long as its share of the largest one, and whatever is not nothing shows."""
    assert text_bar(value, 100, 4) == bar


def test_periods() -> None:
    """A month shows days, a year shows weeks from Monday, and several years show months."""
    month = periods(date(2026, 3, 1), date(2026, 3, 31))
    year = periods(date(2026, 1, 1), date(2026, 12, 31))
    years = periods(date(2024, 1, 15), date(2026, 12, 31))
    assert [(each.span, len(each.starts)) for each in (month, year, years)] == [
        (PeriodLength.DAY, 31),
        (PeriodLength.WEEK, 53),
        (PeriodLength.MONTH, 36),
    ]
    assert [str(day) for day in year.starts[:3]] == ["2026-01-01", "2026-01-05", "2026-01-12"]
    assert [str(day) for day in years.starts[:2]] == ["2024-01-15", "2024-02-01"]
    assert year.totals({date(2026, 1, 4): 1, date(2026, 1, 5): 2, date(2026, 12, 31): 4})[:2] == [1, 2]
    assert year.totals({date(2026, 12, 31): 4})[-1] == 4
