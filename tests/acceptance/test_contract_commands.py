"""What the contract promises of plans, the ledger, scenarios and commands, played on a small shop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from projects import ROOT, Project, received

from sendplan import cli
from sendplan.commands.output import print_table
from sendplan.commands.sending import print_report
from sendplan.dispatch import DispatchReport
from sendplan.sink import Drop, Say, Sink, at
from sendplan.sink import SmtpStep as Step

NOW = ("--now", "2026-08-10T10:00")

SETTINGS = """\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
languages: {{default: en}}
senders:
  main: {{from: MeinShop <meinshop@example.com>, host: 127.0.0.1, port: {port}, security: none}}
accounts:
  web: {{portal: shop}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
windows: {{office: {{days: mon-fri, hours: 08:00-18:00}}}}
limits: {{per_run: 3}}
fresh_within: {{paid: 36 hours}}
"""

RULES = """\
rules:
  - id: thanks
    title: Thanks
    trigger: paid and customer != "nobody"
    due: paid + 1 day
    template: mail
  - id: dunning
    title: Dunning
    trigger: open_amount >= 1.00 and not cancelled
    due: payment_due + 7 days
    ladder:
      depth: 2
      every: 7 days
      steps: [{id: one, template: mail}, {id: two, template: mail}]
"""

ORDER = {"account": "web", "country": "DE", "total": 20, "ordered": "2026-08-01T09:00", "paid": "2026-08-02"}


class Small(Project):
    """The project, with short ways to its store."""

    def add(self, *ids: str, **values: object) -> None:
        """Import these orders, or change them."""
        rows = [ORDER | {"id": each, "email": f"buyer{n}@example.com"} | values for n, each in enumerate(ids)]
        path = self.write("orders.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        assert self("import", str(path)).code == 0

    def plan(self, *args: str) -> Any:
        """The plan as JSON."""
        return self("plan", *NOW, "--format", "json", *args).json

    def play(self, steps: str, *, orders: str = "E1", rules: str = "dunning") -> Any:
        """The outcome of a scenario with unpaid orders."""
        listed = [
            f"  - {{id: {each}, account: web, email: {each.lower()}@example.com, country: DE, total: 20.00,"
            " ordered: 2026-08-01}"
            for each in orders.split()
        ]
        head = f"scenario: Played\nrules: [{rules}]\norders:\n"
        path = self.write("played.yaml", head + "\n".join(listed) + f"\nsteps:\n{steps}")
        return self("test", str(path), "--format", "json").json["scenarios"][0]


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Small:
    """A shop with one sender, a reminder and a ladder."""
    project = Small(tmp_path, capsys)
    project.write("sendplan.yaml", SETTINGS.format(port=sink.port))
    project.write("rules/rules.yaml", RULES)
    project.write("templates/layout.html", (ROOT / "templates/layout.html").read_text(encoding="utf-8"))
    project.write("templates/mail.en.md", '---\nsubject: "Order {{ order.number }}"\n---\nHello.\n')
    return project


# --- plan ---


def test_same_rules_store_and_now_give_the_same_bytes(small: Small) -> None:
    """A plan made again, by another process, is the same file, however `--now` writes that time."""
    small.add("A1", "A2", paid=None)
    made = []
    for seed, now in (("0", "2026-08-10"), ("1", "2026-08-10T00:00+02:00"), ("2", "2026-08-09T22:00:00Z")):
        command = [sys.executable, "-m", "sendplan", "plan", "--format", "json", "--now", now]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "engine")}
        made.append(subprocess.run(command, cwd=small.folder, env=environment, capture_output=True, check=True).stdout)
    assert made[0] == made[1] == made[2]


def test_no_address_stands_in_a_plan(small: Small) -> None:
    """A plan can be passed on: the address is masked, also where it is a part of the customer's id."""
    small.add("A1")
    assert "buyer0@" not in json.dumps(small.plan())
    shown = small.plan("--show-addresses")["entries"][0]
    assert (shown["to"], shown["facts"]["customer"]) == ("buyer0@example.com", "web buyer0@example.com")


def test_detailed_exitcode(small: Small) -> None:
    """A script learns from exit code 10 that there is something to send."""
    small.add("A1")
    assert small("plan", *NOW, "--detailed-exitcode").code == 10
    assert small("plan", "--now", "2026-08-02", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("change", ["sendplan.yaml", "rules/rules.yaml", "templates/mail.en.md"])
def test_a_plan_is_stale_when_anything_declared_changed(small: Small, sink: Sink, change: str) -> None:
    """A plan that was read before settings, rules or templates changed is refused, and so is one over a day old."""
    small.add("A1")
    plan = str(small.path("plan.json"))
    small.plan("-o", plan)
    assert small("send", plan, "--now", "2026-08-11T10:01").code == 3
    text = small.path(change).read_text(encoding="utf-8")
    small.write(change, text + "\n")
    assert small("send", plan, *NOW).code == 3
    assert sink.mails == []
    small.write(change, text)
    assert small("send", plan, "--now", "2026-08-11T10:00").code == 0


def test_an_edited_plan_is_refused(small: Small, sink: Sink) -> None:
    """Nobody can slip another order into a plan that was approved."""
    small.add("A1")
    small.plan("-o", str(small.path("plan.json")))
    small.edit("plan.json", '"A1"', '"A2"')
    assert small("send", str(small.path("plan.json")), *NOW).code == 3
    assert sink.mails == []


def test_a_large_plan_needs_its_own_number(small: Small, sink: Sink) -> None:
    """A flood is refused until a person names exactly its number of mails."""
    small.add("A1", "A2", "A3", "A4")
    plan = str(small.path("plan.json"))
    assert small.plan("-o", plan)["refused"] == "per_run"
    refused = [small("run", *NOW), small("send", plan, *NOW), small("send", plan, *NOW, "--approve", "3")]
    assert [each.code for each in refused] == [3, 3, 3]
    assert sink.mails == []
    assert small("send", plan, *NOW, "--approve", "4").code == 0
    assert len(sink.mails) == 4


def test_what_preview_writes_is_what_leaves(small: Small, sink: Sink) -> None:
    """The file of a preview is byte for byte the mail that the server gets."""
    small.add("A1")
    assert small("preview", "A1/thanks", *NOW, "-o", str(small.path("mail.eml"))).code == 0
    assert small("run", *NOW).code == 0
    assert sink.mails[0].content == small.path("mail.eml").read_bytes()


# --- the ledger ---


def test_a_repeated_run_sends_nothing_and_is_no_error(small: Small, sink: Sink) -> None:
    """Running as often as you like, also for the same time, sends each mail once."""
    small.add("A1")
    assert [small("run", *NOW).code for _ in range(3)] == [0, 0, 0]
    assert len(sink.mails) == 1


def test_a_run_sends_what_a_server_that_was_down_left_open(small: Small, sink: Sink) -> None:
    """What found no server stays open and leaves with the next run, also for the same time."""
    small.add("A1")
    small.edit("sendplan.yaml", f"port: {sink.port}", "port: 1")
    assert small("run", *NOW).code == 4
    small.edit("sendplan.yaml", "port: 1", f"port: {sink.port}")
    assert small("run", *NOW).code == 0
    assert len(sink.mails) == 1


FATES = {
    "failed": at(Step.DOT, Say("554 5.6.0 rejected")),
    "uncertain": at(Step.DOT, Drop()),
    "deferred": at(Step.RCPT, Say("451 4.2.0 later")),
    "sent": None,
}


@pytest.mark.parametrize(
    ("fate", "code", "sent", "retry", "drop"),
    [
        ("failed", 4, 0, 0, 0),
        ("uncertain", 5, 0, 0, 0),
        ("deferred", 0, 0, 0, 0),
        ("sent", 0, 3, 3, 3),
        ("open", 0, 0, 3, 0),
    ],
)
def test_resolve(small: Small, sink: Sink, fate: str, code: int, sent: int, retry: int, drop: int) -> None:
    """A person settles what is uncertain or failed; what was sent stays sent, and what is open needs no retry."""
    sink.script = FATES.get(fate)
    codes = []
    for number, outcome in enumerate(("sent", "retry", "drop")):
        small.add(f"A{number}")
        if fate != "open":
            assert small("run", *NOW).code == code
        codes.append(small("resolve", f"A{number}/thanks", outcome).code)
        small.add(f"A{number}", paid=None)
    assert codes == [sent, retry, drop]


def test_a_message_opened_again_leaves_with_the_next_run(small: Small, sink: Sink) -> None:
    """After `resolve … retry` the next run sends it, and the message's story tells all of that."""
    small.add("A1")
    sink.script = at(Step.DOT, Drop(), None)
    assert small("run", *NOW).code == 5
    assert small("status", *NOW).code == 1
    assert small("resolve", "A1/thanks", "retry").code == 0
    assert small("run", *NOW).code == 0
    moves = small("explain", "--message", "A1/thanks", "--format", "json").json["moves"]
    assert [each["to"] for each in moves] == ["sending", "uncertain", None, "sending", "sent"]
    assert small("status", *NOW).code == 0


def test_status_lists_what_cannot_be_written(small: Small) -> None:
    """A mail whose template prints what the order lacks is an error for a person, until the template is mended."""
    small.add("A1", "A2")
    small.write("templates/mail.en.md", '---\nsubject: "Order"\n---\nDear {{ order.name }}.\n')
    assert small("run", *NOW).code == 4
    status = small("status", *NOW, "--format", "json")
    assert status.code == 1
    assert [(each["key"], "`order.name` is missing" in each["why"]) for each in status.json["errors"]] == [
        ("A1/thanks", True),
        ("A2/thanks", True),
    ]
    assert "now: 0 to send" in small("status", *NOW).out
    small.write("templates/mail.en.md", '---\nsubject: "Order"\n---\nHello.\n')
    assert small("status", *NOW).code == 0
    assert "now: 2 to send" in small("status", *NOW).out


def test_a_mail_sent_by_hand_moves_the_ladder_on(small: Small) -> None:
    """The next step counts from the day on which a person sent the one before."""
    small.add("A1", paid=None)
    assert small("resolve", "A1/dunning/one", "sent", "--at", "2026-08-03 12:00").code == 0
    (entry,) = small.plan()["entries"]
    assert (entry["key"], entry["due"]) == ("A1/dunning/two", "2026-08-10")


@pytest.mark.parametrize("id_", ["2024/17", "a b", "Ü-1/thanks", "x/dunning/one", "#1"])
def test_any_order_id_works_everywhere(small: Small, sink: Sink, id_: str) -> None:
    """An order's id may hold slashes, blanks and umlauts, wherever it is named."""
    small.add(id_)
    key = f"{id_}/thanks"
    assert [each["key"] for each in small.plan()["entries"]] == [key]
    assert small("explain", id_, *NOW).code == 0
    assert small("preview", key, *NOW).code == 0
    assert small("run", *NOW).code == 0
    assert str(received(sink)[0]["Subject"]) == f"Order {id_}"
    assert len(small("explain", "--message", key, "--format", "json").json["moves"]) == 2


# --- scenarios ---


@pytest.mark.parametrize("key", ["E1/dunning", "E1/dunning/one"])
def test_an_outcome_names_the_message_with_or_without_its_step(small: Small, key: str) -> None:
    """A scenario says that a send fails by naming order and rule; the step may be left out."""
    played = small.play(
        f"  - {{at: 2026-08-08, expect: [{{order: E1, rule: dunning, step: one}}], outcome: {{{key}: failed}}}}\n"
        "  - {at: 2026-08-20, expect: none, because: unresolved}\n"
    )
    assert played["passed"], played


@pytest.mark.parametrize(
    "step",
    [
        "at: 2026-08-07, expect: none, because: not_due, outcome: {E1/dunning: failed}",
        "at: 2026-08-08, expect: [{order: E1, rule: dunning, step: one}], outcome: {E1/dunning/two: failed}",
        "at: 2026-08-08, expect: [{order: E1, rule: dunning, step: one}], before_send: {E1: {paid: 2026-08-08}},"
        " outcome: {E1/dunning: failed}",
    ],
)
def test_an_outcome_of_a_message_that_is_not_sent_is_an_error(small: Small, step: str) -> None:
    """Whoever says how a send ends is told when nothing is sent, with the place."""
    line = f"  - {{{step}}}\n"
    played = small.play(line)
    assert not played["passed"]
    assert [each["passed"] for each in played["steps"]] == [True]
    (problem,) = played["problems"]
    assert "is not sent in this step" in problem["message"]
    assert problem["column"] == line.rindex("E1/dunning") + 1


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("imported: {payd: 2026-08-01}", "payd"),
        ("change: {E1: {payd: 2026-08-01}}", "payd"),
        ("change: {E7: {paid: 2026-08-01}}", "E7"),
        ("record: {E7/dunning/one: 2026-08-01}", "E7/dunning/one"),
        ("imported: {paid: 2026-02-30}", "2026-02-30"),
    ],
)
def test_a_slip_in_a_scenario_is_told_once_at_its_place(small: Small, part: str, word: str) -> None:
    """A name that nothing has and a time that never was are reported once, where they stand."""
    line = f"  - {{at: 2026-08-07, {part}, expect: none, because: not_due}}\n"
    (problem,) = small.play(line)["problems"]
    assert problem["column"] == line.index(word) + 1


def test_a_scenario_plays_everything_that_can_happen(small: Small) -> None:
    """Changes, mails sent by hand, stale data and a payment between plan and send are played like in real life."""
    played = small.play(
        "  - {at: 2026-08-07, expect: none, because: not_due}\n"
        "  - {at: 2026-08-08, imported: {paid: 2026-08-05}, expect: none, because: stale_data}\n"
        "  - {at: 2026-08-08 01:00, expect: [{order: E1, rule: dunning, step: one}],"
        " before_send: {E1: {paid: 2026-08-08}}}\n"
        "  - {at: 2026-08-08 02:00, expect: none, because: trigger_false}\n"
        "  - {at: 2026-08-09, change: {E1: {paid: null}}, expect: [{order: E1, rule: dunning, step: one,"
        " due: 2026-08-08, region: domestic, to: e1@example.com, facts: {open_amount: 20, cancelled: null}}],"
        " because: send}\n"
        "  - {at: 2026-08-16, record: {E1/dunning/two: 2026-08-10}, expect: none, because: already_sent}\n"
    )
    assert played["passed"], played


def test_a_scenario_expects_a_refusal(small: Small) -> None:
    """A refused plan sends nothing, so that the next one holds the same mails."""
    items = [f"{{order: E{n}, rule: dunning, step: one}}" for n in range(4)]
    played = small.play(
        f"  - {{at: 2026-08-08, expect: [{', '.join(items)}], refused: per_run}}\n"
        "  - {at: 2026-08-08 01:00, refused: per_run}\n"
        "  - {at: 2026-08-08 02:00, change: {E3: {cancelled: 2026-08-08}},"
        f" expect: [{', '.join(items[:3])}], because: {{E3: {{dunning: trigger_false}}}}}}\n",
        orders="E0 E1 E2 E3",
    )
    assert played["passed"], played


def test_a_failing_scenario_shows_both_sides_and_the_explanation(small: Small) -> None:
    """Whoever reads a failure sees what was expected, what happened, and the values that decided it."""
    small.play("  - {at: 2026-08-07, expect: [{order: E1, rule: dunning, step: one}]}\n")
    failed = small("test", str(small.path("played.yaml")))
    assert failed.code == 1
    assert "expected {order: E1, rule: dunning, step: one}   got nothing" in failed.out
    assert "due 2026-08-08" in failed.out
    junit = ElementTree.fromstring(small("test", str(small.path("played.yaml")), "--format", "junit").out)
    assert (junit.get("tests"), junit.get("failures")) == ("1", "1")


def test_no_selected_scenario_is_a_finding(small: Small) -> None:
    """A filter that selects nothing never looks like a success, nor does a project without scenarios."""
    assert small("test").code == 1
    small.play("  - {at: 2026-08-07, expect: none, because: not_due}\n")
    assert small("test", str(small.path("played.yaml")), "--run", "^played$").code == 0
    assert small("test", str(small.path("played.yaml")), "--run", "nothing").code == 1


# --- commands ---


def test_commands_find_the_project_from_below(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command works in every folder of the project, and says so where there is none."""
    monkeypatch.chdir(small.path("templates"))
    assert cli.run(["check"]) == 0
    monkeypatch.chdir(small.folder.parent)
    assert cli.run(["check"]) == 2


@pytest.mark.parametrize(
    "line",
    [
        "plan --now tomorrow",
        "plan --rule nothing",
        "plan --account nothing",
        "plan -o FOLDER/nothing/plan.json",
        "explain Z9",
        "explain A1 --message A1/thanks",
        "explain --message A1/nothing",
        "explain --message Z9/thanks",
        "preview Z9/thanks",
        "preview A1/dunning",
        "preview A1/thanks -o FOLDER/nothing/mail.eml",
        "send FOLDER/nothing.json",
        "send FOLDER/sendplan.yaml",
        "send FOLDER/plan.json --redirect nothing",
        "send FOLDER/plan.json --redirect a@example.com --to-dir FOLDER/out",
        "resolve A1/thanks nothing",
        "resolve Z9/thanks sent",
        "resolve A1/thanks sent --at tomorrow",
        "pause nothing",
        "suppress nothing",
        "smtp-test nothing",
        "smtp-test --to nothing",
        "import FOLDER/nothing.csv",
        "test --run (",
        "test --from-order Z9",
        "test --from-order A1 -o FOLDER/nothing/a.yaml",
        "diff FOLDER/plan.json",
        "diff --rules-from nothing",
        "simulate --from tomorrow --to 2026-08-02",
        "run --every nothing",
        "store copy nothing",
        "nothing",
    ],
)
def test_wrong_usage(small: Small, sink: Sink, line: str) -> None:
    """Whatever is mistyped ends with exit code 2 and a sentence, and nothing is sent."""
    small.add("A1")
    small.plan("-o", str(small.path("plan.json")))
    ran = small(*line.replace("FOLDER", str(small.folder)).split(" "))
    assert ran.code == 2
    assert "nothing" in ran.err or "tomorrow" in ran.err or "Z9" in ran.err or "rror" in ran.err
    assert sink.mails == []


def test_an_unreadable_store_is_no_traceback(small: Small) -> None:
    """A file that is not a store is named in one sentence."""
    small.write("var/shop.db", "this is no database " * 100)
    for line in ("plan", "status", "run", "explain A1", "resolve A1/thanks sent", "suppress --list", "pause"):
        ran = small(*line.split())
        assert (ran.code, "shop.db" in ran.err) == (1, True), line


def test_an_account_that_is_gone_is_an_error_of_its_orders(small: Small, sink: Sink) -> None:
    """Orders of an account that was taken out of the settings get no mail, and every command says why."""
    small.edit("sendplan.yaml", "web: {portal: shop}", "web: {portal: shop}\n  old: {portal: shop}")
    small.add("A1", account="old")
    small.add("A2")
    small.edit("sendplan.yaml", "\n  old: {portal: shop}", "")
    reasons = {each["key"]: each["reason"] for each in small.plan()["entries"] if each["rule"] == "thanks"}
    assert reasons == {"A1/thanks": "error", "A2/thanks": "send"}
    assert "`old`" in small("explain", "A1", *NOW).out
    assert "`old`" in small("preview", "A1/thanks", *NOW).err
    assert small("run", *NOW).code == 0
    assert len(sink.mails) == 1


def test_an_interrupted_run_tells_how_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """A run has no plan file that could be sent again; the next run goes on, and the report says so."""
    print_report(DispatchReport("8e9cb334e547ff0b-1c9f04d7", (), {}, interrupted=True), "text")
    assert "the next run sends what is left" in capsys.readouterr().out


def test_no_color(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With NO_COLOR a terminal gets no escape codes, neither for colours nor for bold."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table(("A",), [("b",)], title="Title")
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(("A",), [("b",)], title="Title")
    assert "\x1b[" not in capsys.readouterr().out


def test_a_test_mail_that_works_ends_the_report_on_a_sender(shop: Project, sink: Sink) -> None:
    """After `smtp-test` worked, nothing stands against the sender any more; one that failed changes nothing."""
    from sendplan.commands.context import load_settings, reader_for, store_for
    from sendplan.scopes import Scope

    settings = load_settings(shop.folder)
    with store_for(settings) as store:
        store.report_sender("main", Scope.LOGIN, "535 5.7.8 wrong")
    sink.script = at(Step.CONNECT, Say("554 no"))
    assert shop("smtp-test", "main").code == 1
    with reader_for(settings) as reader:
        assert [each.sender for each in reader.sender_reports()] == ["main"]
    sink.script = None
    assert shop("smtp-test", "main").code == 0
    with reader_for(settings) as reader:
        assert reader.sender_reports() == ()
