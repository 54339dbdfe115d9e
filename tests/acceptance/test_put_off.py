"""What people decide outside the rules, and what an outage does: snoozes, suppressions by class, missed messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import Project, received

from sendplan.sink import Sink

SETTINGS = """\
shop: {name: Shop, timezone: Europe/Berlin, country: DE, unsubscribe: "mailto:stop@example.com"}
store: sqlite:///var/shop.db
senders:
  main: {from: Shop <shop@example.com>, host: 127.0.0.1, port: 9, security: none}
accounts:
  web: {portal: shop}
regions:
  domestic:
    - {country: DE}
classes:
  marketing: {unsubscribe: required}
"""
RULES = """\
rules:
  - {id: welcome, title: Welcome, trigger: not cancelled, due: ordered, template: mail, expires: 2 days}
  - {id: offers, title: Offers, trigger: not cancelled, due: ordered + 1 day, template: mail, class: marketing}
"""


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    """A shop with a welcome that expires, an offer, and two orders of 5 January."""
    found = Project(tmp_path, capsys)
    found.write("sendplan.yaml", SETTINGS)
    found.write("rules/rules.yaml", RULES)
    found.write("templates/mail.en.md", "---\nsubject: Hello\n---\n{{ order.number }}\n")
    orders = [
        {"id": id_, "account": "web", "email": f"{id_}@example.com", "country": "DE", "ordered": "2026-01-05"}
        for id_ in ("a", "b")
    ]
    found.write("orders.json", json.dumps(orders))
    assert found("import", str(found.path("orders.json"))).code == 0
    return found


def reasons(project: Project, now: str = "2026-01-06 12:00") -> dict[str, str]:
    entries = project("plan", "--now", now, "--format", "json").json["entries"]
    return {each["key"]: each["reason"] for each in entries}


def test_an_order_is_snoozed_until_a_day(project: Project) -> None:
    """A snoozed order's messages are held with date and reason, those of the other order leave."""
    ran = project("snooze", "a", "--until", "2099-01-10", "--reason", "On holiday")
    assert (ran.code, ran.out) == (0, "a: snoozed until 2099-01-10\n")
    assert reasons(project) == {"a/welcome": "held", "a/offers": "held", "b/welcome": "send", "b/offers": "send"}
    entries = project("plan", "--now", "2026-01-06 12:00", "--format", "json").json["entries"]
    assert {each["why"] for each in entries if each["order"] == "a"} == {"snoozed until 2099-01-10: On holiday"}

    assert project("snooze", "a", "--remove").out == "a: goes on\n"
    assert project("snooze", "a", "--remove").out == "a: was not snoozed\n"
    assert set(reasons(project).values()) == {"send"}


def test_a_buyer_is_snoozed_for_one_rule(project: Project) -> None:
    """A snooze of an address, however it is written, holds all its orders' messages of the rule."""
    assert project("snooze", "A@Example.com", "--until", "2099-01-10", "--rule", "offers").code == 0
    assert reasons(project) == {"a/welcome": "send", "a/offers": "held", "b/welcome": "send", "b/offers": "send"}


def test_a_snoozed_address_that_no_order_has_is_told(project: Project) -> None:
    """Whoever mistypes an address learns that no order has it; one that has orders is taken without a word."""
    mistyped = project("snooze", "aa@example.com", "--until", "2099-01-10")
    assert mistyped.code == 0
    assert "no order has the address a…@example.com yet" in mistyped.err
    assert project("snooze", "A@Example.com", "--until", "2099-01-10").err == ""


def test_an_order_is_snoozed_by_its_number(project: Project) -> None:
    """What the buyer sees names the order, as for `explain`; a number of two orders must be told apart."""
    orders = [
        {"id": f"id-{id_}", "number": number, "account": "web", "email": "c@example.com", "ordered": "2026-01-05"}
        for id_, number in (("x", "1001"), ("y", "1002"), ("z", "1002"))
    ]
    project.write("numbered.json", json.dumps(orders))
    assert project("import", str(project.path("numbered.json"))).code == 0
    assert project("snooze", "1001", "--until", "2099-01-10").out == "id-x: snoozed until 2099-01-10\n"
    assert {key for key, reason in reasons(project).items() if reason == "held"} == {"id-x/welcome", "id-x/offers"}
    assert project("snooze", "1001", "--remove").out == "id-x: goes on\n"

    ran = project("snooze", "1002", "--until", "2099-01-10")
    assert (ran.code, "2 orders: id-y, id-z" in ran.err) == (2, True)
    assert set(reasons(project).values()) == {"send"}


def test_a_snooze_ends_with_the_beginning_of_its_day(project: Project) -> None:
    """The last second before the day is held, its first one is not; a forecast sends on that day."""
    assert project("snooze", "a", "--until", "2099-01-10", "--rule", "offers").code == 0
    assert reasons(project, "2099-01-09 23:59")["a/offers"] == "held"
    assert reasons(project, "2099-01-10")["a/offers"] == "send"


def test_a_snooze_between_plan_and_send_counts(project: Project, sink: Sink) -> None:
    """Whoever is snoozed after the plan was made gets nothing from it; the message stays open until the day."""
    project.edit("sendplan.yaml", "port: 9", f"port: {sink.port}")
    plan = str(project.path("plan.json"))
    assert project("plan", "--now", "2026-01-06 12:00", "-o", plan).code == 0
    assert project("snooze", "a@example.com", "--until", "2099-01-10").code == 0
    assert project("send", plan, "--now", "2026-01-06 12:01").code == 0
    assert {str(mail["To"]) for mail in received(sink)} == {"b@example.com"}
    assert reasons(project) == {"a/welcome": "held", "a/offers": "held"}


def test_a_forecast_knows_snoozes(project: Project) -> None:
    """`simulate` sends nothing to who is snoozed until the day begins, and only of the rule that was named."""
    project("snooze", "a", "--until", "2099-01-10", "--rule", "offers")
    told = project("simulate", "--from", "2099-01-08", "--to", "2099-01-12", "--every", "0 6 * * *", "--format", "json")
    sends = {each["key"]: each["at"][:10] for each in told.json["sends"]}
    assert (sends["a/offers"], sends["b/offers"]) == ("2099-01-10", "2099-01-08")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("snooze a", "give the day with --until"),
        ("snooze a --until 2099-01-10 --remove", "give the day with --until"),
        ("snooze a --until tomorrow", "`tomorrow` is not a valid date"),
        ("snooze a --until 2020-01-01", "2020-01-01 has already begun"),
        ("snooze c --until 2099-01-10", "there is no order `c`"),
        ("snooze c@nowhere --until 2099-01-10", "neither an order nor an e-mail address"),
        ("snooze a --until 2099-01-10 --rule offer", "did you mean `offers`"),
        ("suppress nobody", "is not an e-mail address"),
        ("suppress a@example.com --class advertising", "there is no class `advertising`"),
        ("suppress", "give an address"),
        ("suppress --token abc", "no token that this store has made"),
        ("suppress --token " + "0" * 32, "fits no buyer"),
        ("suppress a@example.com --token abc", "give an address, a --token or a file"),
        ("suppress --from absent.txt", "absent.txt"),
    ],
)
def test_a_slip_is_told(project: Project, line: str, said: str) -> None:
    """What is not understood changes nothing, and says what to write instead."""
    ran = project(*line.split())
    assert ran.code == 2
    assert said in ran.out + ran.err
    assert set(reasons(project).values()) == {"send"}


def test_an_unsubscribe_stops_its_class_alone(project: Project) -> None:
    """Who wants no advertising still gets what belongs to an order; a bounce stops everything."""
    project("suppress", "a@example.com", "--class", "marketing", "--reason", "unsubscribed")
    project("suppress", "B@example.com")
    assert reasons(project) == {"a/welcome": "send"}
    listed = project("suppress", "--list", "--format", "json").json
    assert [(each["address"], each["class"], each["reason"]) for each in listed] == [
        ("a@example.com", "marketing", "unsubscribed"),
        ("b@example.com", None, "by hand"),
    ]


def test_an_unsubscribe_of_a_class_that_is_gone_spares_what_belongs_to_an_order(project: Project) -> None:
    """When the class is renamed the wish stays: no mail of any class but transactional."""
    project("suppress", "a@example.com", "--class", "marketing")
    project.edit("sendplan.yaml", "  marketing:", "  news:")
    project.edit("rules/rules.yaml", "class: marketing", "class: news")
    assert reasons(project) == {"a/welcome": "send", "b/welcome": "send", "b/offers": "send"}


def test_lifting_a_bounce_keeps_an_unsubscribe(project: Project) -> None:
    """Each suppression is lifted by itself, and the ones that stay are told."""
    project("suppress", "a@example.com", "b@example.com")
    project("suppress", "a@example.com", "--class", "marketing")
    ran = project("suppress", "a@example.com", "b@example.com", "--remove")
    assert ran.out == "a@example.com: removed, stays suppressed for marketing\nb@example.com: removed\n"
    assert set(reasons(project)) == {"a/welcome", "b/welcome", "b/offers"}


@pytest.fixture
def link_tokens(project: Project, sink: Sink) -> dict[str, str]:
    """The token in the unsubscribe header of each buyer's offer, as a server received it."""
    project.edit("sendplan.yaml", "port: 9", f"port: {sink.port}")
    project.edit("sendplan.yaml", "mailto:stop@example.com", "https://shop.example.com/u/{token}")
    assert project("run", "--now", "2026-01-06 12:00").code == 0
    links = {str(each["To"]): each["List-Unsubscribe"] for each in received(sink) if each["List-Unsubscribe"]}
    assert set(links) == {"a@example.com", "b@example.com"}
    return {to: "".join(str(link).split()).strip("<>").rpartition("/")[2] for to, link in links.items()}


def listed(project: Project) -> list[tuple[str, str | None, str]]:
    rows = project("suppress", "--list", "--format", "json").json
    return [(each["address"], each["class"], each["reason"]) for each in rows]


def test_the_token_of_a_mail_stops_its_class_and_can_be_lifted(project: Project, link_tokens: dict[str, str]) -> None:
    """The token that a buyer's link carries stops advertising to this buyer alone, and lifts it again."""
    token = link_tokens["a@example.com"]
    ran = project("suppress", "--token", token)
    assert (ran.code, ran.out) == (0, "a@example.com: suppressed (marketing)\n")
    assert project("suppress", "--token", token).out == "a@example.com: already suppressed (marketing)\n"
    assert listed(project) == [("a@example.com", "marketing", "unsubscribed")]
    project("import", str(more_orders(project)))
    assert {key for key, reason in reasons(project).items() if reason == "send"} == {
        "c/welcome",
        "d/welcome",
        "d/offers",
    }

    assert project("suppress", "--token", token, "--remove").out == "a@example.com: removed (marketing)\n"
    assert reasons(project)["c/offers"] == "send"


def more_orders(project: Project) -> Path:
    """A further order of each buyer."""
    orders = [
        {"id": id_, "account": "web", "email": f"{buyer}@example.com", "country": "DE", "ordered": "2026-01-05"}
        for id_, buyer in (("c", "a"), ("d", "b"))
    ]
    return project.write("more.json", json.dumps(orders))


def test_a_token_that_was_changed_suppresses_nobody(project: Project, link_tokens: dict[str, str]) -> None:
    """A token that is cut off, or that somebody altered, is refused with what to do."""
    token = link_tokens["a@example.com"]
    for wrong in (token[:-2], ("A" if token[0] != "A" else "B") + token[1:], ""):
        ran = project("suppress", "--token", wrong)
        assert (ran.code, "copy all of what stands in the link" in ran.err) == (2, True)
    assert listed(project) == []


def test_a_file_of_addresses_and_tokens_is_suppressed_and_lifted(project: Project, link_tokens: dict[str, str]) -> None:
    """Each line counts for itself: an address for all mail, a token for its class; a repeated line counts once."""
    text = f"\ufeffb@example.com\r\n\r\n  {link_tokens['a@example.com']}  \r\nB@Example.com\r\n"
    file = str(project.write("wishes.txt", text))
    ran = project("suppress", "--from", file)
    assert (ran.code, ran.out) == (0, "b@example.com: suppressed\na@example.com: suppressed (marketing)\n")
    assert listed(project) == [("a@example.com", "marketing", "unsubscribed"), ("b@example.com", None, "by hand")]
    states = project("suppress", "--from", file, "--remove", "--format", "json").json
    assert [(each["address"], each["class"], each["state"]) for each in states] == [
        ("b@example.com", None, "removed"),
        ("a@example.com", "marketing", "removed"),
    ]
    assert listed(project) == []


def test_the_class_and_the_reason_hold_for_a_whole_file(project: Project) -> None:
    """With a class every address of the file stops that class alone, for the reason given."""
    file = str(project.write("wishes.txt", "a@example.com\nb@example.com\n"))
    assert project("suppress", "--from", file, "--class", "marketing", "--reason", "Old newsletter").code == 0
    assert listed(project) == [(f"{each}@example.com", "marketing", "Old newsletter") for each in "ab"]
    assert reasons(project) == {"a/welcome": "send", "b/welcome": "send"}


def test_a_file_with_bad_lines_stores_nothing(project: Project) -> None:
    """Every bad line is told with its place, and the good ones are not suppressed either."""
    file = project.write("wishes.txt", "a@example.com\nnobody\n  b@@example.com\nb@example.com, a@example.com\n")
    ran = project("suppress", "--from", str(file))
    assert ran.code == 2
    said = ran.out + ran.err
    assert [f"{file}:{place}" in said for place in ("1:", "2:1", "3:3", "4:1")] == [False, True, True, True]
    assert "3 |   b@@example.com" in said
    assert listed(project) == []
    file.write_bytes(b"a@example.com\nb\xfc@example.com\n")
    ran = project("suppress", "--from", str(file))
    assert (ran.code, "is not UTF-8" in ran.out + ran.err) == (2, True)
    assert listed(project) == []


def test_what_expired_during_an_outage_was_missed(project: Project) -> None:
    """Messages that expired while nothing ran are warned of by `plan`, listed by `status`, and need a person."""
    project("run", "--now", "2026-01-04 12:00")
    plan = project("plan", "--now", "2026-01-07 12:00", "--format", "json").json
    assert plan["warnings"][-1] == "welcome: 2 messages missed in the last 7 days; see `sendplan status`"
    status = project("status", "--now", "2026-01-07 12:00", "--format", "json")
    assert (status.code, status.json["needs_person"]) == (1, {"missed": 2})
    assert [(each["key"], each["at"]) for each in status.json["missed"]] == [
        ("a/welcome", "2026-01-07T00:00:00+01:00"),
        ("b/welcome", "2026-01-07T00:00:00+01:00"),
    ]
    assert "Missed (2)" in project("status", "--now", "2026-01-07 12:00").out
    assert project("resolve", "b/welcome", "drop").code == 0
    assert project("status", "--now", "2026-01-07 12:00", "--format", "json").json["needs_person"] == {"missed": 1}
    assert "is too late" in project("resolve", "--state", "missed", "retry").err
    chosen = ("resolve", "--state", "missed", "--at", "2026-01-07 12:00")
    assert project(*chosen, "--rule", "offers", "drop").out == "0 messages settled\n"
    told = project(*chosen, "--sender", "main", "drop")
    assert (told.code, told.out) == (0, "a/welcome will never be sent\n1 message settled\n")
    assert project("status", "--now", "2026-01-07 12:00").code == 0
    assert not [
        each for each in project("plan", "--now", "2026-01-15", "--format", "json").json["warnings"] if "missed" in each
    ]


def test_what_was_missed_is_told_for_seven_days(project: Project) -> None:
    """Exactly seven days after it expired a message is still told, a minute later it is not."""
    project.edit("rules/rules.yaml", "expires: 2 days", "expires: 48 hours")
    project("run", "--now", "2026-01-04 12:00")
    told = "welcome: 2 messages missed in the last 7 days"
    assert told in project("plan", "--now", "2026-01-14 00:00").err
    assert told not in project("plan", "--now", "2026-01-14 00:01").err


def test_a_rule_that_never_ran_missed_nothing(project: Project) -> None:
    """A new rule, or a store that was just filled, does not look back on what it never meant to send."""
    assert not [
        each
        for each in project("plan", "--now", "2026-01-07 12:00", "--format", "json").json["warnings"]
        if "missed" in each
    ]


def test_status_and_explain_say_what_is_suppressed_and_snoozed(project: Project) -> None:
    """`status` counts suppressed addresses by class and snoozes that are not over; `explain` gives the reason."""
    assert project("suppress", "a@example.com", "--class", "marketing", "--reason", "asked by phone").code == 0
    assert project("suppress", "b@example.com", "--reason", "moved away").code == 0
    assert project("snooze", "a", "--until", "2099-01-01").code == 0
    now = ("--now", "2026-01-08 12:00")
    shown = project("status", *now)
    assert "suppressed addresses: 1 for all mail, 1 for marketing\n" in shown.out
    assert "snoozes: 1, the last until 2099-01-01\n" in shown.out
    assert "snoozes" not in project("status", "--now", "2099-01-02 12:00").out
    told = project("status", *now, "--format", "json").json
    assert (told["suppressed"], told["snoozed"]) == ({"all mail": 1, "marketing": 1}, 1)
    assert "gets no mail of class marketing: asked by phone" in project("explain", "a", *now).out
    assert "on the suppression list: moved away" in project("explain", "b", *now).out
