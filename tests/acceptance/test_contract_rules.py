"""Rules, settings and decisions clause by clause, in projects that a user could have written.

See docs/project.md, docs/language.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import Project

SETTINGS = """\
shop: {name: MeinShop, timezone: Europe/Berlin, country: DE, subdivision: NW, closed: [2026-12-24/2027-01-03]}
store: sqlite:///var/shop.db
params: {wait: 7 days, depth: 2, on: true, keep: 30 days, limit: 100.00}
senders:
  main: {from: MeinShop <shop@example.com>, host: smtp.example.com}
accounts:
  web: {portal: shop}
  ebay: {portal: ebay, params: {wait: 10 days, depth: 1, on: false, limit: 5}}
fields: {loyalty: text, points: integer, rate: decimal, warranty_ends: moment, vip: flag, colors: list}
regions:
  island:
    - {country: DE, postcode: ["18565", D-25980-D-25999]}
    - {country: DE, street_has: Packstation}
  domestic:
    - {country: DE}
  abroad: any
classes:
  marketing: {requires: consent and total >= params.limit}
windows:
  office: {days: mon-fri, hours: 08:00-18:00, holidays: closed}
  first-monday: {cron: "* 9 1-7 * mon"}
holds:
  many: {when: items > 50, reason: Large orders are looked after by a person}
fresh_within: {paid: 36 hours}
"""
ORDER = {"id": "E1", "account": "web", "email": "b@example.com", "country": "DE", "postcode": "10115", "items": 1}
ORDER |= {"street": "Ring 5", "total": "20.00", "ordered": "2026-03-02"}
LADDER = """\
ladder:
  every: 7 days
  steps: [{id: one, template: mail}, {id: two, template: mail}, {id: three, template: mail}]"""
CLAUSES = yaml.safe_load(Path(__file__).with_name("contract_rules.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    """A project with settings and one template, still without rules."""
    found = Project(tmp_path, capsys)
    found.write("sendplan.yaml", SETTINGS)
    found.write("templates/mail.en.md", "---\nsubject: Hello\n---\nOrder {{ order.number }}\n")
    return found


def rule(text: str = "", id_: str = "r") -> str:
    """A rule with these keys, each on its line, and plain values for the required ones that are not among them."""
    plain = {"id": id_, "title": "R", "trigger": "not cancelled", "due": "ordered + 1 day", "template": "mail"}
    written = {line.partition(":")[0] for line in text.splitlines()}
    if "ladder" in written:
        written.add("template")
    required = [f"{key}: {value}" for key, value in plain.items() if key not in written]
    return "  - " + "\n    ".join([*required, *text.splitlines()]) + "\n"


def step(line: str) -> str:
    """A scenario's step out of `TIME | send [STEP] or REASON | more`."""
    at, result, *more = (part.strip() for part in line.split("|"))
    word, _, name = result.partition(" ")
    sent = f"{{order: E1, rule: r{f', step: {name}' if name else ''}}}"
    expected = f"expect: [{sent}]" if word == "send" else f"expect: none, because: {result}"
    return "  - {" + ", ".join([f"at: {at}", expected, *more]) + "}\n"


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause["says"])
def test_a_clause_holds_on_a_clock(project: Project, clause: dict[str, Any]) -> None:
    """What a rule says comes true day by day as the contract words it."""
    project.write("rules/r.yaml", "rules:\n" + rule(clause.get("rule", "")))
    if "settings" in clause:
        key = clause["settings"].partition(":")[0]
        kept = re.sub(rf"^{key}:.*\n(?: .*\n)*", "", SETTINGS, flags=re.MULTILINE)
        project.write("sendplan.yaml", f"{kept}{clause['settings']}\n")
    order = json.dumps(ORDER | clause.get("order", {}))
    steps = "".join(step(line) for line in clause["steps"])
    title = json.dumps(clause["says"])
    project.write("fixtures/scenarios/s.yaml", f"scenario: {title}\norders: [{order}]\nsteps:\n{steps}")
    ran = project("test")
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.parametrize(
    ("written", "corrected"),
    [
        ('trigger: "ebay" == portal', "trigger: '\"ebay\" == portal'"),
        ("trigger: !cancelled and paid", "trigger: not cancelled and paid"),
        ("due: [ordered, shipped] + 7 days", "due: max(ordered, shipped) + 7 days"),
        ("{id: r, due: max(ordered, shipped), x: 1}", "due: 'max(ordered, shipped)'"),
        ("{id: r, trigger: portal in [a, b] and paid, x: 1}", "trigger: 'portal in [a, b] and paid'"),
        ("trigger: portal = 'ebay'", "=="),
        ("trigger: portal <> 'ebay'", "!="),
        ("trigger: paid && shipped", "and"),
        ("trigger: paid || shipped", "or"),
        ("trigger: paid == null", "paid is not set"),
    ],
)
def test_a_broken_expression_is_corrected(project: Project, written: str, corrected: str) -> None:
    """`check` prints what to write instead of an expression that is broken."""
    project.write("rules/r.yaml", "rules:\n" + (f"  - {written}\n" if written.startswith("{") else rule(written)))
    ran = project("check", "--format", "json")
    assert ran.code == 1
    assert any(f"write `{corrected}`" in (each["help"] or "") for each in ran.json["problems"]), ran.out


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("trigger: portl == 'ebay'", "portal"),
        ("due: ordered + params.wat", "wait"),
        ("expires: ${params.kep}", "keep"),
        ("regions: [domestik]", "domestic"),
        ("window: offize", "office"),
        ("class: marketting", "marketing"),
        ("expire: 7 days", "expires"),
        ("template: mial", "mail"),
    ],
)
def test_a_rule_in_error_leaves_the_others_alone(project: Project, written: str, meant: str) -> None:
    """A misspelled name is answered with the one that was meant, and only its own rule becomes an error in the plan."""
    project.write("rules/r.yaml", "rules:\n" + rule(written) + rule(id_="good"))
    problems = project("check", "--format", "json").json["problems"]
    assert any("did you mean" in (each["help"] or "") and meant in each["help"] for each in problems), problems
    project.write("orders.json", json.dumps([ORDER]))
    assert project("import", str(project.path("orders.json"))).code == 0
    entries = project("plan", "--now", "2026-03-03 12:00", "--format", "json").json["entries"]
    assert {each["key"]: each["reason"] for each in entries} == {"r": "error", "E1/good": "send"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("when: items > 50", "when: itms > 50"),
        ("requires: consent", "requires: consnt"),
        ("timezone: Europe/Berlin", "timezone: Europe/Berlinn"),
        ('"18565"', '"25999-25980"'),
        ("  abroad: any", "  any: any"),
        ("loyalty: text", "open_amount: decimal"),
        ("limit: 5}", "limt: 5}"),
        ("host: smtp.example.com", "host: smtp.example.com, password: secret-word"),
        ("requires: consent", "unsubscribe: required, requires: consent"),
    ],
)
def test_a_problem_in_the_settings_stops_the_command(project: Project, old: str, new: str) -> None:
    """With a problem in settings, regions, classes or holds there is no plan, and no secret is shown."""
    project.write("rules/r.yaml", "rules:\n" + rule())
    project.edit("sendplan.yaml", old, new)
    for command in (["check"], ["plan", "--format", "json"]):
        ran = project(*command)
        assert ran.code == 1
        assert "sendplan.yaml:" in ran.out + ran.err
        assert "secret-word" not in ran.out + ran.err


def test_an_account_cannot_override_a_param_that_no_project_has(project: Project) -> None:
    """An account's param is refused even where the project has no `params:` at all."""
    project.write("sendplan.yaml", "".join(line for line in SETTINGS.splitlines(True) if not line.startswith("params")))
    project.write("rules/r.yaml", "rules:\n" + rule())
    assert "there is no param `wait` to override" in project("check").out


def test_a_reader_of_sent_waits_while_the_message_is_held_back(project: Project) -> None:
    """A rule that reads `sent` waits while that message is only later, and counts it from when it leaves."""
    reader = 'due: max(ordered, sent("first") if set) + 7 days'
    project.write("rules/r.yaml", "rules:\n" + rule(reader) + rule("window: office", "first"))
    project.write(
        "fixtures/scenarios/s.yaml",
        f"scenario: sent\norders: [{json.dumps(ORDER)}]\nsteps:\n"
        "  - {at: 2026-03-14 12:00, expect: none, because: {E1: {r: waiting, first: outside_window}}}\n"
        "  - {at: 2026-03-16 12:00, expect: [{order: E1, rule: first}], because: {E1: {r: not_due}}}\n"
        "  - {at: 2026-03-23 00:00, expect: [{order: E1, rule: r}]}\n",
    )
    ran = project("test")
    assert ran.code == 0, ran.out + ran.err


def test_a_rename_never_mails_anybody_again(project: Project) -> None:
    """A ladder and its step go on under new names when `formerly` tells the old ones."""
    project.write("rules/r.yaml", "rules:\n" + rule(LADDER, "dunning"))
    project.write("orders.json", json.dumps([ORDER]))
    assert project("import", str(project.path("orders.json"))).code == 0
    assert project("resolve", "E1/dunning/one", "sent", "--at", "2026-03-05").code == 0
    renamed = LADDER.replace("{id: one,", "{id: reminder, formerly: [one],") + "\nformerly: [dunning]"
    project.write("rules/r.yaml", "rules:\n" + rule(renamed, "receivables"))
    (entry,) = project("plan", "--now", "2026-03-12 12:00", "--format", "json").json["entries"]
    assert (entry["key"], entry["due"]) == ("E1/receivables/two", "2026-03-12")
