"""A plan as people read it: text for snapshots, Markdown and a page for those without a terminal."""

from __future__ import annotations

from dataclasses import replace

from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.planning.plan_markdown import markdown
from sendplan.planning.plan_page import page
from sendplan.text import readable


def _entry(order: str, rule: str = "feedback", **others: object) -> Entry:
    values: dict[str, object] = {
        "key": f"{order}/{rule}",
        "status": Status.SEND,
        "reason": Reason.SEND,
        "why": "due 2026-08-22",
        "rule": rule,
        "step": None,
        "order": order,
        "region": "domestic",
        "sender": "main",
        "template": "mail",
        "language": "de",
        "due": "2026-08-22",
        "send_at": "2026-08-24T12:00:00+02:00",
        "to": "b…@example.com",
    }
    return Entry(**(values | others))  # type: ignore[arg-type]


def _plan(*entries: Entry) -> Plan:
    formulas = {"feedback": "shipped + 7 days", "dunning": "payment_due + 7 days, then every 7 days"}
    return Plan("2026-08-24T12:00:00+02:00", "Europe/Berlin", "d1", entries, formulas=formulas).identified()


HELD = _entry("E3", status=Status.HELD, reason=Reason.HELD, why="Parked orders wait", send_at=None)


def test_messages_are_grouped_by_status_and_rule() -> None:
    """A reader sees what leaves now before what is held, and each rule once."""
    plan = _plan(_entry("E1"), _entry("E2", "dunning", step="first"), HELD)
    assert [(each.status, each.rule, len(each.entries)) for each in plan.groups()] == [
        (Status.SEND, "dunning", 1),
        (Status.SEND, "feedback", 1),
        (Status.HELD, "feedback", 1),
    ]


def test_text_has_a_line_a_message() -> None:
    """The text names the order, the step, the due date, the reader and the template, and the rule's due date once."""
    assert _plan(_entry("E1"), _entry("E2", "dunning", step="first"), HELD).to_text() == (
        "2026-08-24 12:00 (Europe/Berlin)\n"
        "\n"
        "send: dunning (1), due payment_due + 7 days, then every 7 days\n"
        "  E2      first   due 2026-08-22  b…@example.com  de      domestic        main    mail\n"
        "send: feedback (1), due shipped + 7 days\n"
        "  E1      due 2026-08-22  b…@example.com  de      domestic        main    mail\n"
        "\n"
        "held: feedback (1)\n"
        "  E3      due 2026-08-22  held    b…@example.com  de      domestic        main    mail\n"
    )


def test_a_message_that_leaves_the_plan_takes_its_line_along() -> None:
    """A rule without messages keeps its heading, so that only the message's line and the count change."""
    before, after = (plan.to_text().splitlines() for plan in (_plan(_entry("E1"), HELD), _plan(HELD)))
    assert [line for line in before if line not in after] == [
        "send: feedback (1), due shipped + 7 days",
        "  E1      due 2026-08-22  b…@example.com  de      domestic        main    mail",
    ]
    assert [line for line in after if line not in before] == ["send: feedback (0), due shipped + 7 days"]


def test_text_ignores_sentences() -> None:
    """When only a sentence or a hold's reason changes, the text stays the same."""
    other = replace(HELD, why="Parked orders get no automatic mail")
    assert _plan(HELD).to_text() == _plan(other).to_text()


def test_a_moved_due_date_is_one_moved_line() -> None:
    """A message that is due on another day changes its own line and no other."""
    first, second = _entry("E1"), _entry("E2")
    before = _plan(first, second).to_text().splitlines()
    after = _plan(first, replace(second, due="2026-08-23")).to_text().splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        "  E2      due 2026-08-23  b…@example.com  de      domestic        main    mail"
    ]


def test_a_refused_plan_says_so_everywhere() -> None:
    """Nobody takes a plan over the limit for one that leaves."""
    refused = replace(_plan(_entry("E1")), refused="per_run")
    assert "refused: per_run" in refused.to_text()
    assert "Refused" in markdown(refused)
    assert "Refused" in page(refused)


def test_nothing_of_an_order_becomes_markup() -> None:
    """An order's id that looks like markup stays text in Markdown and on the page."""
    plan = _plan(_entry("<b>|*E1*"))
    assert r"\<b\>\|\*E1\*" in markdown(plan)
    assert "&lt;b&gt;|*E1*" in page(plan)
    assert "<b>" not in page(plan)


def test_pages_show_every_message_and_its_reason() -> None:
    """Markdown and page hold each order, the due expression and why a message is held."""
    plan = _plan(_entry("E1"), HELD)
    for shown in (markdown(plan), page(plan)):
        assert all(word in shown for word in ("E1", "E3", "shipped + 7 days", "Parked orders wait", "Held (1)"))


def test_people_read_times_as_on_their_clock() -> None:
    """A reason that names an instant shows it without seconds and offset, wherever people read it."""
    later = _entry("E4", status=Status.LATER, reason=Reason.OUTSIDE_WINDOW, why="opens 2026-09-07T09:00:00+02:00, then")
    for shown in (markdown(_plan(later)), page(_plan(later))):
        assert "opens 2026-09-07 09:00, then" in shown
    assert readable("2026-08-22 and 2026-08-22T07:00:00Z") == "2026-08-22 and 2026-08-22 07:00"
