"""One very large condition: it works, or it is that rule's problem, and the other rules go on."""

from __future__ import annotations

import pytest
from projects import ROOT, Project

NOW = ("--now", "2026-08-24 12:00")

BEARABLE = {
    "many alternatives": " or ".join(f'number == "N-{n}"' for n in range(1_000)),
    "many conditions": " and ".join(f'number != "N-{n}"' for n in range(1_000)),
    "a long list": f"number not in [{', '.join(f'N-{n}' for n in range(9_000))}]",
    "alternatives of a moment": " or ".join(f"ordered + {n} days < shipped" for n in range(600)),
}
TOO_LARGE = {
    "alternatives": " or ".join(f'number == "N-{n}"' for n in range(10_000)),
    "a list": f"number in [{', '.join(f'N-{n}' for n in range(60_000))}]",
    "a row of signs": "ordered < ordered" + " + 1 days" * 500,
    "an endless path": "items" + " + items" * 500 + " > 3",
}


def rule(trigger: str, due: str = "ordered") -> str:
    """A rule for every order, with this trigger."""
    lines = ("- id: large", "title: Large", "lookback: none", "template: first-contact", f"due: {due}", "trigger: >-")
    return "rules:\n  " + "\n    ".join((*lines, f"  {trigger}")) + "\n"


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


@pytest.mark.parametrize("trigger", BEARABLE.values(), ids=BEARABLE)
def test_a_large_condition_is_decided_like_a_small_one(filled: Project, trigger: str) -> None:
    """It selects the orders that a short condition of the same meaning selects, before and after an import."""
    path = filled.write("rules/large.yaml", rule("items > 0"))
    expected = [each["key"] for each in filled("plan", *NOW, "--rule", "large", "--format", "json").json["entries"]]
    path.write_text(rule(f"({trigger}) or items > 0" if " or " in trigger else trigger), encoding="utf-8")
    for _ in range(2):
        planned = filled("plan", *NOW, "--rule", "large", "--format", "json")
        assert [each["key"] for each in planned.json["entries"]] == expected
        assert expected
        assert filled("import", str(ROOT / "fixtures" / "orders.csv")).code == 0


@pytest.mark.parametrize("trigger", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_condition_that_is_too_large_is_its_rules_problem(filled: Project, trigger: str) -> None:
    """`check` names the rule's line; every other rule plans what it planned before."""
    before = filled("plan", *NOW, "--format", "json").json["entries"]
    filled.write("rules/large.yaml", rule(trigger))
    checked = filled("check")
    assert checked.code == 1
    assert "rules/large.yaml:8:" in checked.out
    assert "error[expression-syntax]" in checked.out
    after = filled("plan", *NOW, "--format", "json").json["entries"]
    assert [each["key"] for each in after if each["status"] != "error"] == [each["key"] for each in before]


def test_a_due_date_of_many_sums_is_its_rules_problem(filled: Project) -> None:
    """A date that adds five hundred durations is refused; one that adds a hundred is not."""
    filled.write("rules/large.yaml", rule("items > 0", "ordered" + " + 1 days" * 500))
    assert "levels deep" in filled("check").out
    filled.write("rules/large.yaml", rule("items > 0", "ordered" + " + 1 days" * 100))
    assert filled("check").code == 0


def test_settings_and_names_may_be_as_long(filled: Project) -> None:
    """A region of 700 postcodes, 700 former names of a rule and a hold of 1,000 alternatives change no other rule."""
    before = filled("plan", *NOW, "--format", "json").json["entries"]
    codes = ", ".join(f'"{code}"' for code in range(90_000, 90_700))
    filled.edit("sendplan.yaml", "regions:\n", f"regions:\n  south:\n    - {{country: AT, postcode: [{codes}]}}\n")
    alternatives = " or ".join(f'number == "N-{n}"' for n in range(1_000))
    hold = f"holds:\n  named:\n    when: >-\n      {alternatives}\n    reason: By hand\n"
    filled.edit("sendplan.yaml", "holds:\n", hold)
    names = ", ".join(f"old-{n}" for n in range(700))
    filled.edit("rules/dunning.yaml", "title: Mahnwesen\n", f"title: Mahnwesen\n    formerly: [{names}]\n")
    for _ in range(2):
        after = filled("plan", *NOW, "--format", "json")
        assert [each["key"] for each in after.json["entries"]] == [each["key"] for each in before], after.err
        assert filled("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
