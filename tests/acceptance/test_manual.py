"""What the reference manual says and the example shop's own scenarios cannot show, because it takes other settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project

from sendplan.commands.init_command import copy_example
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings

NOW = "2026-08-24 12:00"

UNPAID = """\
scenario: An order that nobody pays
rules: [dunning]
orders:
  - {id: D1, account: shop-de, email: a@example.com, country: DE, postcode: "50667", street: Domstr. 1, total: 49.90,
     ordered: 2026-03-01}
steps:
"""
LADDER = (("payment-reminder", "2026-03-08"), ("first-dunning", "2026-03-15"), ("second-dunning", "2026-03-22"))


@pytest.fixture
def example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    """The example shop as it is, with its sample orders."""
    copy_example(tmp_path)
    project = Project(tmp_path, capsys)
    assert project("import", str(tmp_path / "fixtures/orders.csv")).code == 0
    return project


def _settings(project: Project) -> Settings:
    settings, _, problems = read_settings(project.folder)
    assert settings is not None, problems
    return settings


def _plays(project: Project, scenario: str) -> None:
    path = project.path("played.yaml")
    path.write_text(scenario, encoding="utf-8")
    played = project("test", str(path))
    assert played.code == 0, played.out


def test_presets_name_host_security_and_limits(example: Project) -> None:
    """A Gmail or Microsoft 365 account only names its provider (manual M1, M18)."""
    senders = _settings(example).senders
    gmail, office = senders["main"], senders["office"]
    assert (gmail.host, gmail.port, gmail.security, gmail.limits.per_day) == ("smtp.gmail.com", 587, "starttls", 2000)
    assert (office.host, office.port, office.security) == ("smtp.office365.com", 587, "starttls")
    assert (office.limits.connections, office.limits.per_minute, office.limits.per_day) == (3, 30, 10_000)


def test_each_account_sends_by_its_own_sender(example: Project) -> None:
    """Mail of the eBay account leaves through one mail account, mail of the shop through another (manual M4)."""
    entries = example("plan", "--now", NOW, "--format", "json").json["entries"]
    assert {(each["account"], each["sender"]) for each in entries} == {("ebay-de", "main"), ("shop-de", "office")}


def test_an_account_without_sender_takes_the_first(example: Project) -> None:
    """Separate sender data are optional (manual M4b)."""
    example.edit("sendplan.yaml", "ebay-de: {portal: ebay, sender: main}", "ebay-de: {portal: ebay}")
    assert _settings(example).accounts["ebay-de"].sender == "main"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_depth_says_how_far_dunning_goes(example: Project, depth: int) -> None:
    """1 is the reminder, 2 adds the first and 3 the second dunning; seven days lie between them (manual M10, M11)."""
    example.edit("sendplan.yaml", "dunning_depth: 3", f"dunning_depth: {depth}")
    steps = [
        f"  - {{at: {day} 00:00, expect: [{{order: D1, rule: dunning, step: {step}}}]}}\n"
        for step, day in LADDER[:depth]
    ]
    _plays(example, UNPAID + "".join(steps) + "  - {at: 2026-05-01 09:00, expect: none, because: already_sent}\n")


def test_a_step_without_its_tick_ends_the_ladder(example: Project) -> None:
    """Where the first dunning is off for a region, the second never comes there, and `check` says so (manual M12)."""
    step = "{id: first-dunning, template: first-dunning"
    example.edit("rules/dunning.yaml", step, f"{step}, regions: [abroad, island]")
    _plays(
        example,
        UNPAID
        + "  - {at: 2026-03-08 00:00, expect: [{order: D1, rule: dunning, step: payment-reminder}]}\n"
        + "  - {at: 2026-03-30 09:00, expect: none, because: region_excluded}\n",
    )
    assert "`second-dunning` is never reached in domestic" in example("check").out


def test_switching_dunning_on_makes_no_flood(example: Project) -> None:
    """The sales of three months count at once, and `per_run` stops the run until a person approves (manual M14)."""
    example.edit("sendplan.yaml", "limits: {per_run: 500}", "limits: {per_run: 12}")
    planned = example("plan", "--now", NOW, "-o", str(example.path("plan.json")), "--format", "json")
    assert (planned.json["summary"]["send"], planned.json["refused"]) == (14, "per_run")
    refused = example("send", str(example.path("plan.json")), "--now", NOW)
    assert (refused.code, "--approve 14" in refused.err) == (3, True)


def test_a_reminder_can_be_switched_off(example: Project) -> None:
    """What 0 days mean in the manual is `enabled: false` here (manual M16)."""
    example.edit("rules/first-contact.yaml", "title: Erinnerung", "enabled: false\n    title: Erinnerung")
    explained = example("explain", "E-2088", "--rule", "checkout-reminder", "--now", NOW, "--format", "json").json
    assert [each["reason"] for each in explained["decisions"]] == ["disabled"]


def test_a_veto_leaves_the_other_rules_alone(example: Project) -> None:
    """An account without first contact is dunned like any other (manual M7)."""
    _plays(
        example,
        UNPAID.replace("shop-de", "amazon-de").replace("rules: [dunning]\n", "")
        + "  - {at: 2026-03-08 00:00, expect: [{order: D1, rule: dunning, step: payment-reminder}],"
        + " because: {D1: {first-contact: account_skips_rule}}}\n",
    )
