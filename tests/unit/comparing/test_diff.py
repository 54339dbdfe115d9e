"""What a change of rules adds, drops, moves and changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_projects import fill, git, loaded, write_project
from syrupy.assertion import SnapshotAssertion

from sendplan import cli
from sendplan.comparing.diff import ChangeKind, compare
from sendplan.fields import Value
from sendplan.ledger import State
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.store import open_store

RULES = """\
rules:
  - {id: feedback, title: Feedback, trigger: not cancelled, due: shipped + 7 days, template: mail, window: office-hours}
  - {id: welcome, title: Welcome, trigger: items < 6, due: ordered, template: mail, expires: 30 days}
  - id: dunning
    title: Dunning
    trigger: open_amount >= 1.00
    due: payment_due + 7 days
    ladder:
      every: 7 days
      steps: [{id: reminder, template: mail}, {id: first, template: mail}]
"""
NOW = "2026-03-18T12:00"
WELCOME = "- {id: welcome, title: Welcome, trigger: items < 6, due: ordered, template: mail, expires: 30 days}"
DUNNING = RULES[RULES.index("- id: dunning") :].rstrip()

Edit = Callable[[str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project below the root of a git repository that holds its first rules, with six orders."""
    folder = tmp_path / "shop"
    project = loaded(write_project(folder, RULES, templates=("mail", "other")))
    base: dict[str, Value] = {"account": "web", "email": "b@example.com", "country": "DE", "total": Decimal(20)}
    fill(
        project,
        {**base, "id": "E1", "ordered": date(2026, 3, 1), "items": 1, "shipped": date(2026, 3, 11)},
        {**base, "id": "E2", "ordered": date(2026, 3, 2), "items": 4, "shipped": date(2026, 3, 5)},
        {**base, "id": "E3", "ordered": date(2026, 3, 9), "items": 1},
        {**base, "id": "E4", "ordered": date(2026, 3, 16), "items": 3, "paid": date(2026, 3, 16)},
        {**base, "id": "E5", "ordered": date(2026, 3, 8), "items": 1, "shipped": date(2026, 3, 12)},
        {**base, "id": "E6", "ordered": date(2026, 3, 8), "items": 1, "parked": True},
    )
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "shop/sendplan.yaml", "shop/rules", "shop/templates")
    git(tmp_path, "commit", "-q", "-m", "First rules")
    return folder


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replace a text in the rules."""

    def replace(old: str, new: str) -> None:
        rules = folder / "rules" / "rules.yaml"
        assert old in rules.read_text()
        rules.write_text(rules.read_text().replace(old, new))

    return replace


def diff(folder: Path, *options: str) -> int:
    return cli.run(["diff", "--project", str(folder), "--rules-from", "HEAD", "--now", NOW, *options])


def sent(folder: Path, order: str, rule: str, step: str = "") -> None:
    """Tell that a message left."""
    read = loaded(folder).settings
    with closing(open_store(read.store, read.folder, read.fields, read.calendar)) as store:
        assert store.move(order, (rule, step), State.SENT, at=datetime(2026, 3, 10, tzinfo=UTC))


def changes(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    return {each["key"]: each for each in json.loads(capsys.readouterr().out)["changes"]}


def test_seven_days_become_ten(
    folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    """Whoever waits longer sees which of today's mails move, to what date, and which are kept."""
    edit("shipped + 7 days", "shipped + 10 days")
    edit("items < 6", "items < 4")
    assert diff(folder) == 0
    assert capsys.readouterr().out == snapshot


def test_markdown(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    """A merge request gets the counts as a table, and each rule's messages folded."""
    edit("shipped + 7 days", "shipped + 10 days")
    edit("items < 6", "items < 4")
    assert diff(folder, "--format", "markdown") == 0
    assert capsys.readouterr().out == snapshot


def test_a_shorter_wait_brings_mails_forward(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """A message that was not due yet moves to today, from the day on which it would have left."""
    edit("shipped + 7 days", "shipped + 6 days")
    diff(folder, "--format", "json")
    moved = changes(capsys)["E5/feedback"]
    assert (moved["kind"], moved["from"], moved["to"]) == ("moved", "2026-03-19", "2026-03-18")
    assert moved["old"] == {"status": None, "reason": "not_due", "why": "due 2026-03-19"}


def test_a_move_ends_where_the_window_opens(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """A message that becomes due on a Saturday moves to the Monday on which its window opens."""
    edit("shipped + 7 days", "shipped + 10 days")
    diff(folder, "--format", "json")
    moved = changes(capsys)["E1/feedback"]
    assert (moved["from"], moved["to"]) == ("2026-03-18", "2026-03-23")


@pytest.mark.parametrize(
    ("old", "new", "key", "changed"),
    [
        (
            "items < 6, due: ordered, template: mail",
            "items < 6, due: ordered, template: other",
            "E4/welcome",
            "template",
        ),
        ("steps: [{id: reminder, template: mail}, ", "steps: [", "E3/dunning/first", "step"),
        ("- {id: welcome", "- {id: hello, formerly: [welcome]", "E4/hello", "rule"),
    ],
)
def test_the_same_day_as_another_message(
    folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str], old: str, new: str, key: str, changed: str
) -> None:
    """A message that leaves on the same day with another template, step or rule's name has changed."""
    edit(old, new)
    diff(folder, "--format", "json")
    found = changes(capsys)[key]
    assert (found["kind"], list(found["changed"])) == ("changed", [changed])  # type: ignore[call-overload]


def test_sender_and_hold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A message from another sender has changed, and one that is not held any more is told with its status."""
    settings = folder / "sendplan.yaml"
    text = settings.read_text().replace("{portal: shop}", "{portal: shop, sender: office}")
    settings.write_text(text.replace("when: parked", "when: parked and items > 2"))
    diff(folder, "--format", "json")
    found = changes(capsys)
    assert found["E4/welcome"]["changed"] == {"sender": ["main", "office"]}
    assert found["E6/welcome"]["changed"] == {"status": ["held", "send"], "sender": ["main", "office"]}


def test_a_new_name_without_formerly_is_warned_of(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """Who had the mail of a rule or step that is gone would get it again: told with what to write, and then silent."""
    sent(folder, "E1", "welcome")
    sent(folder, "E2", "welcome")
    sent(folder, "E3", "dunning", "reminder")
    edit("id: welcome", "id: hello")
    edit("id: reminder", "id: gentle")
    diff(folder)
    assert [each for each in capsys.readouterr().out.splitlines() if each.startswith("warning")] == [
        "warning: dunning/gentle would go to 1 order that had reminder, which is gone: "
        "if it is the same mail, add `formerly: [reminder]`",
        "warning: hello would go to 2 orders that had welcome, which is gone: "
        "if it is the same mail, add `formerly: [welcome]`",
    ]
    diff(folder, "--format", "markdown")
    assert "**Warning:** hello would go to 2 orders" in capsys.readouterr().out
    edit("id: hello", "id: hello, formerly: [welcome]")
    edit("id: gentle", "id: gentle, formerly: [reminder]")
    diff(folder, "--format", "json")
    assert json.loads(capsys.readouterr().out)["warnings"] == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            WELCOME,
            "- {id: hi, title: W, trigger: items < 6, due: ordered, ladder: {every: 1 day, steps: [MAIL]}}",
            "hi/first",
        ),
        (DUNNING, "- {id: gentle, title: D, trigger: open_amount > 1, due: ordered, template: mail}", "gentle"),
        (WELCOME, "", "feedback"),
    ],
    ids=["plain to ladder", "ladder to plain", "two become one"],
)
def test_another_shape_is_warned_of_too(
    folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    """A rule that becomes a ladder, a ladder that becomes a rule, and a rule that goes over into another one."""
    gone = ("dunning", "reminder") if old is DUNNING else ("welcome",)
    sent(folder, "E3", *gone)
    edit(old, new.replace("MAIL", "{id: first, template: mail}"))
    if not new:
        edit("not cancelled, due: shipped + 7 days", "not cancelled, due: ordered")
    diff(folder)
    named = "/".join(gone)
    assert f"{told} would go to 1 order that had {named}, which is gone" in capsys.readouterr().out


def test_a_rule_that_is_broken_is_not_gone(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """While a rule cannot be used, nobody is warned that another sends its mails again: mended, it knows them."""
    sent(folder, "E3", "welcome")
    edit(WELCOME, WELCOME.replace("items < 6", "item < 6"))
    edit("not cancelled, due: shipped + 7 days", "not cancelled, due: ordered")
    diff(folder)
    assert "which is gone" not in capsys.readouterr().out


GROWN = "steps: [{id: reminder, template: mail}, {id: first, template: mail}, {id: third, template: mail}]"


@pytest.mark.parametrize(
    ("had", "edits", "told"),
    [
        (("E5", "feedback"), {"id: feedback": "id: thanks"}, ["thanks would go to 1 order that had feedback"]),
        (("E3", "feedback"), {"id: feedback": "id: thanks"}, ["thanks would go to 1 order that had feedback"]),
        (
            ("E3", "dunning", "reminder"),
            {"id: reminder": "id: gentle", "payment_due + 7 days": "payment_due + 30 days"},
            ["dunning/gentle would go to 1 order that had reminder"],
        ),
        (
            ("E3", "dunning", "reminder"),
            {"id: dunning": "id: collect\n    formerly: [dunning]", "id: reminder": "id: gentle"},
            ["collect/gentle would go to 1 order that had reminder"],
        ),
        (
            ("E3", "welcome"),
            {WELCOME: "", DUNNING[DUNNING.index("steps") :]: GROWN},
            ["dunning/third would go to 1 order that had welcome"],
        ),
        (("E3", "welcome"), {WELCOME: ""}, []),
        (("E3", "dunning", "first"), {", {id: first, template: mail}": ""}, []),
    ],
    ids=["not due", "waiting", "step not due", "rule and step", "goes over into a ladder", "rule gone", "step gone"],
)
def test_what_would_come_later_is_warned_of_too(
    folder: Path,
    edit: Edit,
    capsys: pytest.CaptureFixture[str],
    had: tuple[str, str],
    edits: dict[str, str],
    told: list[str],
) -> None:
    """A mail that went out would go again next week, or once a date is there; what is only gone is no danger."""
    sent(folder, *had)
    for old, new in edits.items():
        edit(old, new)
    diff(folder, "--format", "json")
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert [each.split(", which is gone")[0] for each in warnings] == told


def test_an_earlier_name_that_is_taken_out_is_warned_of(
    folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who had a step under its earlier name would get it again when `formerly` goes."""
    sent(folder, "E3", "dunning", "old")
    edit("{id: reminder", "{id: reminder, formerly: [old]")
    git(folder, "commit", "-q", "-a", "-m", "Rename a step")
    edit(", formerly: [old]", "")
    diff(folder)
    assert "dunning/reminder would go to 1 order that had old, which is gone" in capsys.readouterr().out


def test_what_waits_on_an_unknown_is_counted(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """A condition on a field that orders lack stops them silently: `diff` counts them by rule and field."""
    edit("trigger: items < 6", 'trigger: items < 6 and language != "fr"')
    diff(folder, "--format", "json")
    told = [each for each in json.loads(capsys.readouterr().out)["warnings"] if "wait" in each]
    assert told == ["welcome: 6 orders wait because `language` is missing"]


def test_two_files_tell_what_the_new_one_warns_of(
    folder: Path, edit: Edit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plan files hold their warnings, so what only the new one warns of is told from them as well."""
    for name in ("old", "new"):
        cli.run(["plan", "--project", str(folder), "--now", NOW, "-o", str(tmp_path / name)])
        if name == "old":
            edit("trigger: items < 6", 'trigger: items < 6 and language != "fr"')
    capsys.readouterr()
    assert cli.run(["diff", str(tmp_path / "old"), str(tmp_path / "new")]) == 0
    assert "warning: welcome: 6 orders wait because `language` is missing" in capsys.readouterr().out


def test_a_rule_that_is_gone(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """Messages of a rule that was taken out are dropped, and the reason says so."""
    edit("- {id: welcome, title: Welcome, trigger: items < 6, due: ordered, template: mail, expires: 30 days}", "")
    diff(folder, "--format", "json")
    gone = changes(capsys)["E4/welcome"]
    assert (gone["kind"], gone["new"]) == (
        "dropped",
        {"status": None, "reason": None, "why": "there is no usable rule welcome"},
    )


def test_exit_code(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--detailed-exitcode` a difference exits with 10, and none with 0."""
    assert diff(folder, "--detailed-exitcode") == 0
    assert "No difference" in capsys.readouterr().out
    edit("items < 6", "items < 2")
    assert diff(folder, "--detailed-exitcode") == 10
    assert diff(folder) == 0


def test_a_rule_that_was_broken(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that the revision could not use is named in a warning."""
    edit("items < 6", "itens < 6")
    git(folder, "commit", "-q", "-a", "-m", "Break a rule")
    edit("itens < 6", "items < 6")
    assert diff(folder) == 0
    assert "welcome cannot be used as HEAD has it" in capsys.readouterr().err


# --- plan files ---


def test_plan_files(folder: Path, edit: Edit, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    """Two plan files are compared without the store; why a message is gone, only the rules could tell."""
    old, new = str(folder / "old.json"), str(folder / "new.json")
    assert cli.run(["plan", "--now", NOW, "-o", old, "--project", str(folder)]) == 0
    edit("shipped + 7 days", "shipped + 10 days")
    edit("due: ordered, template: mail", "due: ordered, template: other")
    assert cli.run(["plan", "--now", NOW, "-o", new, "--project", str(folder)]) == 0
    capsys.readouterr()
    assert cli.run(["diff", old, new, "--detailed-exitcode"]) == 10
    assert capsys.readouterr().out.replace(str(folder), "shop") == snapshot
    assert cli.run(["diff", old, old, "--detailed-exitcode"]) == 0


def test_no_plan_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no plan is named, with what to write instead."""
    other = folder / "other.json"
    other.write_text('{"format": 1}')
    assert cli.run(["diff", str(other), str(other)]) == 2
    err = capsys.readouterr().err
    assert "other.json` is not a plan file" in err
    assert "sendplan plan -o" in err


@pytest.mark.parametrize(
    "arguments", [(), ("sendplan.yaml",), ("sendplan.yaml", "sendplan.yaml", "--rules-from", "HEAD")]
)
def test_either_files_or_rules(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Anything but two plan files or one revision is a usage error."""
    monkeypatch.chdir(folder)
    assert cli.run(["diff", *arguments]) == 2
    assert "give two plan files, or a revision" in capsys.readouterr().err


# --- the comparison itself ---

ENTRIES = st.builds(
    lambda order, rule, status, day, template: Entry(
        key=f"{order}/{rule}",
        status=status,
        reason={Status.SEND: Reason.SEND, Status.LATER: Reason.OUTSIDE_WINDOW, Status.HELD: Reason.HELD}[status],
        why="",
        rule=rule,
        step=None,
        order=order,
        template=template,
        send_at=None if status is Status.HELD else f"2026-03-{day}T08:00:00+01:00",
    ),
    st.sampled_from(("E1", "E2", "E3")),
    st.sampled_from(("a", "b")),
    st.sampled_from((Status.SEND, Status.LATER, Status.HELD)),
    st.sampled_from((18, 19)),
    st.sampled_from(("mail", "other")),
)
PLANS = st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry.key).map(
    lambda entries: Plan("2026-03-18T12:00:00+01:00", "Europe/Berlin", "x", tuple(entries))
)


@given(PLANS, PLANS)
def test_nothing_is_lost(old: Plan, new: Plan) -> None:
    """Every message of both plans is counted once, and the way back mirrors the way there."""
    there, back = compare(old, new).counts(), compare(new, old).counts()
    shared = there[ChangeKind.KEPT] + there[ChangeKind.MOVED] + there[ChangeKind.CHANGED]
    assert (shared + there[ChangeKind.DROPPED], shared + there[ChangeKind.ADDED]) == (
        len(old.entries),
        len(new.entries),
    )
    assert back == {**there, ChangeKind.ADDED: there[ChangeKind.DROPPED], ChangeKind.DROPPED: there[ChangeKind.ADDED]}
    assert compare(old, old).changes == ()
