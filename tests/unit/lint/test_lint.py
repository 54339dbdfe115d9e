"""Warnings: each where it is deserved (`fixtures/bad` shows how it looks), and none where it is not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sendplan import checking, cli, lint
from sendplan.lint import LINTS
from sendplan.lint.renamed_rules import renames

ROOT = Path(__file__).parents[3]
BASE = ROOT / "fixtures" / "bad" / "base"
FEEDBACK, DUNNING, SETTINGS = "rules/feedback.yaml", "rules/dunning.yaml", "sendplan.yaml"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project without warnings, to be spoiled."""
    return Path(shutil.copytree(BASE, tmp_path / "shop"))


@pytest.fixture
def said(shop: Path) -> Callable[..., list[str]]:
    """Replace texts in one file and hear the codes of what `check` says then."""

    def check(file: str = SETTINGS, *replacements: tuple[str, str]) -> list[str]:
        path = shop / file
        text = path.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        problems = checking.check(shop)
        assert not [problem for problem in problems if problem.is_error], problems
        return [problem.code for problem in problems]

    return check


def test_the_example_shop_is_free_of_warnings() -> None:
    """What sendplan shows as an example passes its own checks, strictly."""
    assert cli.run(["check", "--strict", "--project", str(ROOT)]) == 0


@pytest.mark.parametrize(
    ("due", "codes"),
    [
        ("shipped - (3 days if items > 5 else 1 day)", ["wrong-sign"]),
        ("shipped + (400 days if items > 5 else 7 days)\n    lookback: 6 months", []),
        ("shipped + (400 days if items > 5 else 300 days)\n    lookback: 6 months", ["lookback-short"]),
    ],
)
def test_lints_look_at_both_ways_of_a_date(said: Callable[..., list[str]], due: str, codes: list[str]) -> None:
    """A date that a condition chooses is looked at each way; what one way alone takes is no lookback too short."""
    assert said(FEEDBACK, ("shipped + params.wait", due)) == codes


def test_every_lint_stands_in_the_list_once() -> None:
    """No lint that somebody wrote is forgotten, and none runs twice."""
    folder = [importlib.import_module(f"sendplan.lint.{each.name}") for each in pkgutil.iter_modules(lint.__path__)]
    written = {
        function
        for module in folder
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
        if inspect.get_annotations(function) == {"subject": "Subject", "return": "Iterator[Problem]"}
    }
    assert set(LINTS) == written
    assert len(LINTS) == len(written)


def test_warnings_fail_only_strict_checks(shop: Path, said: Callable[..., list[str]]) -> None:
    """A warning alone lets `check` pass, unless `--strict` is asked for."""
    assert said(FEEDBACK, ("params.wait", "0 days")) == ["zero-days"]
    assert cli.run(["check", "--project", str(shop)]) == 0
    assert cli.run(["check", "--strict", "--project", str(shop)]) == 1


def test_a_warning_with_a_reason_is_ignored(said: Callable[..., list[str]]) -> None:
    """A comment with the code and a reason on the line silences the warning."""
    assert said(FEEDBACK, ("params.wait", "0 days  # sendplan: ignore[zero-days] on the day of shipping")) == []


def test_a_warning_about_a_template_is_ignored_where_the_rule_names_it(said: Callable[..., list[str]]) -> None:
    """What is wrong with a template's text is placed, and silenced, at the rule that uses it."""
    assert said("templates/feedback-reminder.en.md", ("[Unsubscribe]({{ shop.unsubscribe }})", "")) == [
        "no-unsubscribe-block"
    ]
    comment = "template: feedback-reminder  # sendplan: ignore[no-unsubscribe-block] the portal adds it"
    assert said(FEEDBACK, ("template: feedback-reminder", comment)) == []


def test_warnings_wait_for_the_errors(said: Callable[..., list[str]], shop: Path) -> None:
    """While a rule is broken, nothing is called unused that the rule may use."""
    rule = shop / FEEDBACK
    rule.write_text(rule.read_text().replace("shipped", "shiped"))
    assert [problem.code for problem in checking.check(shop)] == ["unknown-field"]


# --- ladders ---


def test_an_account_may_climb_less_deep(said: Callable[..., list[str]]) -> None:
    """A depth below the number of steps is no mistake, an account's larger one is."""
    said(SETTINGS, ("wait: 7 days", "wait: 7 days, depth: 1"))
    assert said(DUNNING, ("      every", "      depth: ${params.depth}\n      every")) == []
    assert said(SETTINGS, ("{portal: ebay}", "{portal: ebay, params: {depth: 3}}")) == ["ladder-short"]


def test_a_step_that_is_switched_off_does_not_count_for_the_depth(said: Callable[..., list[str]]) -> None:
    """Two written steps of which one is off are a ladder of one."""
    off = "template: first-dunning, enabled: false}"
    assert said(DUNNING, ("template: first-dunning}", off), ("      every", "      depth: 2\n      every")) == [
        "ladder-short"
    ]


def test_a_step_may_be_narrower_than_the_one_before(said: Callable[..., list[str]]) -> None:
    """The last step only at home is fine: nobody waits for it in vain."""
    assert said(DUNNING, ("template: first-dunning}", "template: first-dunning, regions: [domestic]}")) == []


def test_a_step_without_any_region(said: Callable[..., list[str]]) -> None:
    """A step's regions narrow the rule's: where they have none in common, nothing is sent."""
    changed = said(
        DUNNING,
        ("template: first-dunning}", "template: first-dunning, regions: [abroad]}"),
        ("    ladder", "    regions: [domestic]\n    ladder"),
    )
    assert changed == ["step-unreachable"]


# --- offsets and lookback ---


@pytest.mark.parametrize(
    "due",
    [
        "payment_due - 3 days",
        "shipped - 3 days + 7 days",
        "max(shipped, seller_feedback) + 7 days",
        "shipped + 1 hour",
        "max(delivered, shipped + 2 days) - 2 hours + 1 day",
    ],
)
def test_usual_offsets(said: Callable[..., list[str]], due: str) -> None:
    """A date ahead may be counted back from, and only the sum of all offsets counts."""
    assert said(FEEDBACK, ("shipped + params.wait", due)) == []


@pytest.mark.parametrize("due", ["shipped - params.wait", "max(shipped, paid) - 1 hour", "ordered + 1 day - 1 month"])
def test_wrong_signs(said: Callable[..., list[str]], due: str) -> None:
    """A message due before something that has to happen first has the wrong sign."""
    assert said(FEEDBACK, ("shipped + params.wait", due)) == ["wrong-sign"]


def test_zero_from_an_accounts_params(said: Callable[..., list[str]]) -> None:
    """0 days in an account's own params is no switch either."""
    assert said(SETTINGS, ("{portal: ebay}", "{portal: ebay, params: {wait: 0 days}}")) == ["zero-days", "zero-days"]


@pytest.mark.parametrize(
    ("lookback", "codes"),
    [
        ("none", []),
        ("3 months", []),
        ("14 days", []),
        ("13 days", ["lookback-short"]),
        ("2 weeks", []),
        ("6 days", ["lookback-short"]),
    ],
)
def test_a_lookback_must_cover_the_ladder(said: Callable[..., list[str]], lookback: str, codes: list[str]) -> None:
    """Reminder after 7 days, dunning after 14: looking back 14 days is enough."""
    assert said(DUNNING, ("    ladder", f"    lookback: {lookback}\n    ladder")) == codes


def test_a_date_of_the_projects_own_says_nothing_about_the_lookback(said: Callable[..., list[str]]) -> None:
    """A field of one's own may lie before the order, so no lookback is too short for it."""
    said(SETTINGS, ("params:", "fields: {warned: moment}\nparams:"))
    rule = ("shipped + params.wait", "warned + 30 days"), ("    window", "    lookback: 5 days\n    window")
    assert said(FEEDBACK, *rule) == []


# --- windows ---


@pytest.mark.parametrize(
    ("window", "expires", "codes"),
    [
        ("{days: mon-fri, hours: 08:00-18:00}", "3 days", []),
        ("{days: mon-fri, hours: 08:00-18:00}", "2 days", ["expires-short"]),
        ("{days: mon-sun, hours: 08:00-18:00}", "10 hours", []),
        ("{days: mon-sun, hours: 08:00-18:00}", "8 hours", ["expires-short"]),
        ("{days: mon-fri, hours: 08:00-18:00, holidays: closed}", "4 days", ["expires-short"]),
        ("{days: mon-fri, hours: 08:00-18:00, holidays: closed}", "5 days", []),
        ('{cron: "* 9 1-7 * mon"}', "30 days", ["expires-short"]),
        ('{cron: "* 9 1-7 * mon"}', "35 days", []),
        ('{cron: "0-29 8-17 * * *"}', "1 day", []),
    ],
)
def test_expiry_against_the_windows_gaps(
    said: Callable[..., list[str]], window: str, expires: str, codes: list[str]
) -> None:
    """What is due on a Saturday and expires on Monday at midnight is lost; a day later it is not."""
    said(FEEDBACK, ("    window", f"    expires: {expires}\n    window"))
    assert said(SETTINGS, ("{days: mon-fri, hours: 08:00-18:00}", window)) == codes


@pytest.mark.parametrize(
    ("schedule", "expires", "codes"),
    [
        ("*/10 8-17 * * mon-fri", "3 days", []),
        ("*/10 8-17 * * mon-fri", "2 days", ["expires-short"]),
        ("0 9 * * mon", "6 days", ["expires-short"]),
        ("0 9 * * mon", "8 days", []),
        ("0 6 * * *", "30 days", ["window-never-opens"]),
        ("0 6,20 * * *", "30 days", ["window-never-opens"]),
    ],
)
def test_expiry_against_the_schedule(
    said: Callable[..., list[str]], schedule: str, expires: str, codes: list[str]
) -> None:
    """Nothing leaves between two runs either: a weekly run loses what expires earlier, however long the window is."""
    said(FEEDBACK, ("    window", f"    expires: {expires}\n    window"))
    assert said(SETTINGS, ("params:", f'schedule: "{schedule}"\nparams:')) == codes


@pytest.mark.parametrize(("expires", "codes"), [("6 days", ["expires-short"]), ("8 days", [])])
def test_a_rule_without_a_window_waits_for_the_schedule(
    said: Callable[..., list[str]], expires: str, codes: list[str]
) -> None:
    """Where nothing runs for a week, what expires within it never leaves, window or not."""
    said(SETTINGS, ("params:", 'schedule: "0 9 * * mon"\nparams:'))
    step = "template: payment-reminder}"
    assert said(DUNNING, (step, f"expires: {expires}, {step}")) == codes


def test_closed_days_count_as_a_gap(said: Callable[..., list[str]]) -> None:
    """Over the shop's own holidays a week is not enough."""
    said(FEEDBACK, ("    window", "    expires: 7 days\n    window"))
    said(SETTINGS, ("country: DE,", "country: DE, closed: [2026-12-24/2027-01-03],"))
    assert said(SETTINGS, ("18:00}", "18:00, holidays: closed}")) == ["expires-short"]


def test_a_time_of_day_expires_earlier_than_a_date(said: Callable[..., list[str]]) -> None:
    """Due on Friday evening by the hour, three days end with Monday's first minute."""
    said(FEEDBACK, ("    window", "    expires: 3 days\n    window"))
    assert said(FEEDBACK, ("shipped + params.wait", "shipped + 24 hours")) == ["expires-short"]


# --- law and dunning ---


def test_the_unsubscribe_block_may_stand_in_a_part(said: Callable[..., list[str]], shop: Path) -> None:
    """An included part with the link is enough, and so is the layout."""
    (shop / "templates" / "_unsubscribe.en.md").write_text("[Unsubscribe]({{ shop.unsubscribe }})\n")
    include = '{% include "_unsubscribe.en.md" %}'
    assert said("templates/feedback-reminder.en.md", ("[Unsubscribe]({{ shop.unsubscribe }})", include)) == []
    (shop / "templates" / "layout.html").write_text('{{ content }}<a href="{{ shop.unsubscribe }}">Unsubscribe</a>')
    assert said("templates/feedback-reminder.en.md", (include, "")) == []


def test_reading_feedback_looks_like_advertising(said: Callable[..., list[str]]) -> None:
    """A transactional rule that reads a feedback date asks for feedback, whatever it is called."""
    assert said(DUNNING, ("not cancelled", "not cancelled and not buyer_feedback")) == ["advertising", "advertising"]


def test_thanking_for_a_payment_needs_no_fresh_data(said: Callable[..., list[str]]) -> None:
    """Old payment data harms only those who are taken for unpaid."""
    said(FEEDBACK, ("not cancelled", "paid"))
    assert said(SETTINGS, ("fresh_within: {paid: 36 hours}\n", "")) == ["payment-not-fresh"]
    assert said(DUNNING, ("open_amount >= 1.00 and not cancelled", "paid is set")) == []


def test_the_second_dunning_as_the_first(said: Callable[..., list[str]]) -> None:
    """The subject of a later level in an earlier step is noticed, a look back at an earlier one is not."""
    said("templates/first-dunning.en.md", ("First dunning notice", "Your 1. Mahnung after a reminder"))
    assert said() == []
    assert said("templates/payment-reminder.en.md", ("A reminder", "First dunning notice")) == ["missing-level"]


# --- renames ---


def test_renames_are_found_by_what_stays_the_same() -> None:
    """One rule gone and one come with the same template is a rename; with `formerly`, or another mail, it is none."""
    old = [{"id": "a", "template": "t", "title": "T", "due": "paid", "trigger": "paid"}]
    assert list(renames(old, [{**old[0], "id": "b"}])) == [("a", "b")]
    assert list(renames(old, [{**old[0], "id": "b", "formerly": ["a"]}])) == []
    assert list(renames(old, [old[0], {**old[0], "id": "b"}])) == []
    assert list(renames(old, [{"id": "b", "template": "u", "title": "U", "due": "shipped", "trigger": "paid"}])) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_rename_is_noticed_against_the_last_commit(shop: Path, said: Callable[..., list[str]]) -> None:
    """Renaming a rule or a step after the last commit warns until `formerly` names the old id."""
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        identity = ["-c", "user.name=Shop", "-c", "user.email=shop@example.com"]
        subprocess.run(["git", "-C", str(shop), *identity, *arguments], check=True)
    assert said(DUNNING, ("{id: first-dunning", "{id: dunning")) == ["renamed-without-formerly"]
    assert said(DUNNING, ("{id: dunning", "{formerly: [first-dunning], id: dunning")) == []
    said("fixtures/scenarios/both.yaml", ("rule: feedback-reminder", "rule: feedback-request"))
    renamed = said(FEEDBACK, ("- id: feedback-reminder", "- id: feedback-request"))
    assert renamed == ["renamed-without-formerly"]
    assert said(FEEDBACK, ("    title", "    formerly: [feedback-reminder]\n    title")) == []


GERMAN = ("store: sqlite", "languages: {default: en, de: [DE, AT]}\nstore: sqlite")
TEXT = "---\nsubject: Hallo\n---\nHallo\n\n[ab]({{ shop.unsubscribe }})\n"


def _write(shop: Path, *paths: str) -> None:
    for path in paths:
        (shop / "templates" / path).parent.mkdir(exist_ok=True)
        (shop / "templates" / path).write_text(TEXT)


@pytest.mark.parametrize(
    ("files", "gaps"),
    [
        ([], 2),  # the ladder as a whole, and the plain rule's template
        (["feedback-reminder.de.md"], 1),
        (["feedback-reminder.de.md", "payment-reminder.de.md"], 1),
        (["feedback-reminder.de.md", "payment-reminder.de.md", "first-dunning.de-AT.md"], 0),
        (["feedback-reminder.de.md", "payment-reminder.de.md", "first-dunning.de.md", "first-dunning.it.md"], 0),
        (
            ["feedback-reminder.de.md", "payment-reminder.de.md", "first-dunning.de.md", "ebay-de/first-dunning.en.md"],
            0,
        ),
    ],
)
def test_a_text_that_one_language_lacks(
    shop: Path, said: Callable[..., list[str]], files: list[str], gaps: int
) -> None:
    """Each text of a project in two languages is there in both, in a near form of the language at least."""
    _write(shop, *files)
    assert said(SETTINGS, GERMAN).count("translation-gap") == gaps


def test_an_accounts_language_is_the_projects(shop: Path, said: Callable[..., list[str]]) -> None:
    """A language that an account names is asked for like those of the countries."""
    assert said(SETTINGS, ("{portal: ebay}", "{portal: ebay, language: fr}")).count("translation-gap") == 2


# --- values ---


@pytest.mark.parametrize(
    ("trigger", "codes"),
    [
        ('portal == "ebay" and account != "ebay-de" and country in [DE, AT, XK]', []),
        ('portal == "Etsy"', []),  # An order may name a portal of its own.
        ('not cancelled and "eBay" == portal', ["unknown-value"]),
        ('account not in ["ebay-de", "ebay-at"]', ["unknown-value"]),
        ('billing_country == "at"', ["unknown-value"]),
    ],
)
def test_a_text_that_no_order_holds_is_told(said: Callable[..., list[str]], trigger: str, codes: list[str]) -> None:
    """An account or a country that there is not, and a portal that looks like a typo; anything else may come."""
    assert said(FEEDBACK, ('trigger: portal == "ebay" and not cancelled', f"trigger: {trigger}")) == codes
