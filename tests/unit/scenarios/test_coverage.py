"""`sendplan test --coverage`: what no scenario has exercised."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from sendplan import cli
from sendplan.project import project
from sendplan.scenarios import play
from sendplan.scenarios.coverage import Coverage, Report
from sendplan.scenarios.play import Scenario

BASE = Path(__file__).parents[3] / "fixtures" / "bad" / "base"

ORDER = "{id: E1, account: ebay-de, email: buyer@example.com, country: DE, total: 20.00, ordered: 2026-08-03"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop with a ladder, a region filter, a hold and a window, and no scenario."""
    shutil.copytree(BASE, tmp_path / "shop")
    folder = tmp_path / "shop"
    shutil.rmtree(folder / "fixtures")
    settings = folder / "sendplan.yaml"
    settings.write_text(settings.read_text() + "holds:\n  parked: {when: parked, reason: Parked}\n")
    rule = folder / "rules" / "dunning.yaml"
    rule.write_text(rule.read_text().replace("    ladder", "    regions: [domestic]\n    ladder"))
    return folder


def covered(shop: Path, *texts: str) -> Report:
    loaded, problems = project.load(shop)
    assert loaded is not None, problems
    coverage = Coverage(loaded)
    for text in texts:
        path = shop / "scenario.yaml"
        path.write_text(text)
        scenario = play.read(path, path.name)
        assert isinstance(scenario, Scenario), scenario
        result = play.run(scenario, loaded, coverage.observe)
        assert result.passed, result
    return coverage.report()


def scenario(order: str, *steps: str) -> str:
    return "\n".join(["scenario: A test", f"orders: [{order}]", "steps:", *(f"  - {{{step}}}" for step in steps)])


def test_without_scenarios_nothing_is_covered(shop: Path) -> None:
    """Everything that can go one way or another is listed, readably."""
    report = covered(shop)
    assert report.exercised == 0
    assert report.to_text() == (
        """\
Coverage: 0 of 27 things that can go one way or another were exercised

Rules that send nothing in any scenario
  - dunning
  - feedback-reminder

Steps that no scenario reaches
  - dunning/payment-reminder
  - dunning/first-dunning

Conditions of which one side is never seen
  - rule dunning: `open_amount >= 1.00 and not cancelled` is never true or false or unknown
  - rule dunning: `open_amount >= 1.00` is never true or false or unknown
  - rule dunning: `cancelled` is never true or false
  - rule feedback-reminder: `portal == "ebay" and not cancelled` is never true or false
  - rule feedback-reminder: `portal == "ebay"` is never true or false
  - rule feedback-reminder: `cancelled` is never true or false
  - class marketing: `consent` is never true or false
  - hold parked: `parked` is never true or false

Regions that no scenario sees excluded
  - dunning/payment-reminder: abroad
  - dunning/first-dunning: abroad

Holds that hold nothing in any scenario
  - parked

Windows of which one side is never seen
  - office-hours is never open
  - office-hours is never shut"""
    )


def test_a_scenario_covers_what_it_plays(shop: Path) -> None:
    """What was sent, and each side that a condition showed, is off the list; the rest stays."""
    report = covered(
        shop, scenario(ORDER + "}", "at: 2026-08-10, expect: [{order: E1, rule: dunning, step: payment-reminder}]")
    )
    rest = report.to_json()
    assert rest["rules"] == [{"rule": "feedback-reminder"}]
    assert rest["steps"] == [{"rule": "dunning", "step": "first-dunning"}]
    sides = [each["never"] for each in rest["conditions"] if each["condition"] == "open_amount >= 1.00"]
    assert sides == ["false", "unknown"]
    assert report.exercised + len(report.gaps) == report.total


def test_regions_holds_and_windows(shop: Path) -> None:
    """A region counts once a filter shut it out, a hold once it held, a window once open and once shut."""
    abroad = ORDER.replace("DE", "FR") + "}"
    parked = ORDER + ", parked: true}"
    fed = ORDER + ", consent: true, paid: 2026-08-03, shipped: 2026-08-08}"
    report = covered(
        shop,
        scenario(abroad, "at: 2026-08-10, expect: none, because: {E1: {dunning: region_excluded}}"),
        scenario(parked, "at: 2026-08-10, expect: none, because: {E1: {dunning: held}}"),
        scenario(
            fed,
            "at: 2026-08-15 12:00, expect: none, because: {E1: {feedback-reminder: outside_window}}",
            "at: 2026-08-17 12:00, expect: [{order: E1, rule: feedback-reminder}]",
        ),
    )
    rest = report.to_json()
    assert rest["regions"] == [{"rule": "dunning", "step": "first-dunning", "region": "abroad"}]
    assert rest["holds"] == []
    assert rest["windows"] == []


def test_both_ways_of_a_date_are_asked_for(shop: Path) -> None:
    """A condition that chooses a date has sides to be seen, as a trigger has."""
    rule = shop / "rules" / "dunning.yaml"
    due = 'due: payment_due + (14 days if payment_method == "invoice" and not disputed else 7 days)'
    rule.write_text(re.sub("due: .*", due, rule.read_text()))
    order = ORDER + ", payment_method: invoice}"
    report = covered(shop, scenario(order, "at: 2026-08-10, expect: none, because: {E1: {dunning: not_due}}"))
    gaps = [gap for gap in report.to_json()["conditions"] if gap["where"] == "due date of dunning"]
    whole, part = 'payment_method == "invoice" and not disputed', 'payment_method == "invoice"'
    assert [(gap["condition"], gap["never"]) for gap in gaps] == [
        (whole, "false"),
        (whole, "unknown"),
        (part, "false"),
        (part, "unknown"),
        ("disputed", "true"),
    ]


@pytest.mark.parametrize(
    "trigger",
    [
        'tags has "wholesale"',
        'not (tags has "wholesale")',
        "payment_due > ordered",
        "ordered + 3 days < payment_due",
        'account == "web"',
        "max(ordered, payment_due) >= ordered",
    ],
)
def test_what_cannot_be_unknown_is_not_asked_for(shop: Path, trigger: str) -> None:
    """Every order has tags, an account, and a day on which it was placed and is to be paid."""
    rule = shop / "rules" / "dunning.yaml"
    rule.write_text(re.sub("trigger: .*", lambda _: f"trigger: {trigger}", rule.read_text()))
    gaps = covered(shop).to_json()["conditions"]
    never = {each["never"] for each in gaps if each["where"] == "rule dunning"}
    assert never == {"true", "false"}


def test_a_disabled_rule_needs_no_scenario(shop: Path) -> None:
    """What is switched off cannot be exercised, and is not asked for."""
    rule = shop / "rules" / "dunning.yaml"
    rule.write_text(rule.read_text().replace("    title", "    enabled: false\n    title"))
    assert not [gap for gap in covered(shop).gaps if "dunning" in gap.sentence]


def test_the_command_adds_the_coverage(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--coverage` stands beneath the results, and in the JSON beside them; a gap fails nothing."""
    shutil.copytree(BASE / "fixtures", shop / "fixtures")
    assert cli.run(["test", "--coverage", "--project", str(shop)]) == 0
    assert "1 passed, 0 failed\n\nCoverage: " in capsys.readouterr().out
    assert cli.run(["test", "--coverage", "--format", "json", "--project", str(shop)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] == 1
    assert list(printed["coverage"]) == [
        *("exercised", "total", "rules", "steps", "conditions", "regions", "holds", "windows")
    ]
    assert cli.run(["test", "--format", "json", "--project", str(shop)]) == 0
    assert "coverage" not in json.loads(capsys.readouterr().out)
