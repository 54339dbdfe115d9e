"""What a merchant would expect, walked through on the command line: one small shop, one ladder, one order."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from projects import Project, received, text_of

from sendplan.sink import Sink

SETTINGS = """\
shop: {name: Shop, timezone: Europe/Berlin, country: DE, unsubscribe: "mailto:stop@example.com"}
store: sqlite:///var/shop.db
senders: {main: {from: Shop <shop@example.com>, host: 127.0.0.1, port: PORT, security: none}}
accounts: {web: {portal: shop}}
fields: {charged_back: moment, warranty_ends: moment}
regions: {domestic: [{country: DE}], abroad: any}
classes: {marketing: {unsubscribe: required}}
holds: {parked: {when: parked, reason: Parked orders wait}}
"""
ORDER = {"id": "A", "account": "web", "email": "b@example.com", "total": "100.00", "ordered": "2026-01-05"}
LADDER = {
    "id": "dunning",
    "title": "Dunning",
    "trigger": "open_amount >= 1.00",
    "due": "payment_due + 7 days",
    "lookback": "3 months",
    "ladder": {"every": "7 days", "steps": [{"id": id_, "template": "mail"} for id_ in ("a", "b", "c")]},
}


class Shop(Project):
    """The project, with rules and orders as data."""

    def rules(self, *rules: dict[str, Any]) -> None:
        """These are the rules from now on."""
        plain = {"title": "R", "trigger": "not cancelled", "due": "ordered"}
        written = [plain | ({} if "ladder" in each else {"template": "mail"}) | each for each in rules]
        self.write("rules/rules.yaml", json.dumps({"rules": written}))

    def order(self, at: str = "2026-01-06 00:00", **changed: Any) -> None:
        """Import the order as it is by now; the file is as old as `at`."""
        path = self.write("orders.json", json.dumps([ORDER | changed]))
        os.utime(path, (datetime.fromisoformat(f"{at}+01:00").timestamp(),) * 2)
        assert self("import", str(path)).code == 0

    def reason(self, now: str, key: str = "A/dunning") -> str:
        """What is decided on the order, with the step: `b not_due`."""
        rule = key.split("/")[1]
        told = self("explain", key.split("/")[0], "--rule", rule, "--now", now, "--format", "json").json
        (decision,) = told["decisions"]
        return f"{decision['step'] or rule} {decision['reason']}"

    def sent(self, now: str) -> list[str]:
        """Run, and hear what left."""
        before = len(self.sink.mails)
        plan = self("plan", "--now", now, "--format", "json").json
        keys = [each["key"] for each in plan["entries"] if each["status"] == "send"]
        self("run", "--now", now)
        assert len(self.sink.mails) - before == len(keys)
        return keys

    sink: Sink


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Shop:
    """One account, one ladder, one order of 5 January."""
    found = Shop(tmp_path, capsys)
    found.sink = sink
    found.write("sendplan.yaml", SETTINGS.replace("PORT", str(sink.port)))
    found.write("templates/mail.en.md", "---\nsubject: Hello\n---\n{{ order.number }}\n")
    found.rules(LADDER)
    return found


def changed_ladder(**steps: dict[str, Any] | None) -> dict[str, Any]:
    """The ladder with other keys in its steps; None takes one out."""
    written = [each | (steps.get(each["id"], {}) or {}) for each in LADDER["ladder"]["steps"]]  # type: ignore[index]
    kept = [each for each in written if steps.get(each["id"], {}) is not None]
    return LADDER | {"ladder": {"every": "7 days", "steps": kept}}


REMINDER = {"id": "payment-reminder", "due": "payment_due + 7 days"}
TWO_STEPS = {"every": "7 days", "steps": [{"id": each, "template": "mail"} for each in ("payment-reminder", "first")]}


@pytest.mark.parametrize(
    ("before", "sends", "after", "then"),
    [
        (
            [REMINDER],
            ["A/payment-reminder"],
            [{"id": "dunning", "due": "payment_due + 7 days", "formerly": ["payment-reminder"], "ladder": TWO_STEPS}],
            "first not_due",
        ),
        ([LADDER], ["A/dunning/a"], [REMINDER | {"id": "dunning"}], "dunning already_sent"),
        ([LADDER], ["A/dunning/a"], [REMINDER | {"id": "one", "formerly": ["dunning"]}], "one already_sent"),
        (
            [REMINDER, REMINDER | {"id": "second-shop", "trigger": "portal == 'ebay'"}],
            ["A/payment-reminder"],
            [REMINDER | {"id": "merged", "formerly": ["payment-reminder", "second-shop"]}],
            "merged already_sent",
        ),
        (
            [REMINDER],
            ["A/payment-reminder"],
            [
                REMINDER | {"id": "small", "trigger": "total < 50", "formerly": ["payment-reminder"]},
                REMINDER | {"id": "large", "trigger": "total >= 50", "formerly": ["payment-reminder"]},
            ],
            "large already_sent",
        ),
    ],
    ids=["becomes a ladder", "becomes a rule", "renamed too", "merged", "split"],
)
def test_another_shape_mails_nobody_again(
    shop: Shop, before: list[Any], sends: list[str], after: list[Any], then: str
) -> None:
    """A rule becomes a ladder, a ladder a rule, rules are merged or split: who had the mail has had it."""
    shop.order()
    shop.rules(*before)
    assert shop.sent("2026-01-13 10:00") == sends
    shop.rules(*after)
    assert shop("check").code == 0
    assert shop.sent("2026-01-13 11:00") == []
    id_ = after[-1]["id"]
    assert shop.reason("2026-01-13 11:00", f"A/{id_}") == then


@pytest.mark.parametrize("amount", ["0", "97.10"])
def test_paid_wins(shop: Shop, amount: str) -> None:
    """Paid in full is paid, though the amount that was noted is nothing, or less by a fee."""
    shop.order(paid="2026-01-10", paid_amount=amount)
    assert shop.reason("2026-01-13 10:00") == "a trigger_false"


def test_more_time_to_pay_counts_at_every_step(shop: Shop) -> None:
    """After the first letter the buyer gets until 15 February: the second one waits until a week after that."""
    shop.order()
    assert shop.sent("2026-01-13 10:00") == ["A/dunning/a"]
    shop.order(payment_due="2026-02-15")
    assert shop.reason("2026-01-20 10:00") == "b not_due"
    assert shop.reason("2026-02-21 23:59") == "b not_due"
    assert shop.sent("2026-02-22 00:00") == ["A/dunning/b"]


def test_unpaid_again_months_later(shop: Shop) -> None:
    """Paid and charged back in June: old steps are too old, and a moment of the chargeback lets the ladder go on."""
    shop.order()
    assert shop.sent("2026-01-13 10:00") == ["A/dunning/a"]
    shop.order(paid="2026-01-15")
    assert shop.reason("2026-01-21 10:00") == "b trigger_false"
    shop.order(paid=None, charged_back="2026-06-15")
    assert shop.reason("2026-06-16 10:00") == "b too_old"
    shop.rules(LADDER | {"due": "max(payment_due, charged_back if set) + 7 days"})
    assert shop.reason("2026-06-16 10:00") == "b not_due"
    assert shop.sent("2026-06-22 10:00") == ["A/dunning/b"]


def test_a_later_moment_begins(shop: Shop) -> None:
    """Payment in ninety days, or a warranty that ends years later, begins a rule however old the order is."""
    shop.order(payment_due="2026-04-05", warranty_ends="2028-01-05")
    shop.rules(LADDER, {"id": "warranty", "due": "warranty_ends - 30 days", "lookback": "3 months"})
    assert shop.reason("2026-04-11 10:00") == "a not_due"
    assert shop.sent("2026-04-12 10:00") == ["A/dunning/a"]
    assert shop.reason("2027-12-05 10:00", "A/warranty") == "warranty not_due"
    assert shop.sent("2027-12-06 10:00") == ["A/warranty"]


def test_a_longer_ladder_leaves_old_years_alone(shop: Shop) -> None:
    """Who had the last letter two years ago gets none of a step that is written today."""
    shop.order(ordered="2024-01-05")
    shop.rules(changed_ladder(c=None) | {"lookback": "none"})
    assert shop.sent("2024-01-13 10:00") == ["A/dunning/a"]
    assert shop.sent("2024-01-20 10:00") == ["A/dunning/b"]
    shop.rules(LADDER)
    assert shop.reason("2026-01-20 10:00") == "c too_old"


def test_a_step_that_was_switched_off_still_counts(shop: Shop) -> None:
    """The second letter left yesterday and is switched off today: the third one counts from it."""
    shop.order()
    assert shop.sent("2026-01-13 10:00") == ["A/dunning/a"]
    assert shop.sent("2026-01-20 10:00") == ["A/dunning/b"]
    shop.rules(changed_ladder(b={"enabled": False}))
    assert shop.sent("2026-01-21 10:00") == []
    assert shop.reason("2026-01-26 10:00") == "c not_due"
    assert shop.sent("2026-01-27 10:00") == ["A/dunning/c"]


def test_a_ladder_that_a_hold_ended(shop: Shop) -> None:
    """A later step that expires is warned of by `check`; what was missed under a hold is listed and needs a person."""
    shop.rules(changed_ladder(b={"expires": "7 days"}))
    assert "warning[expires-ladder]" in shop("check").out
    assert shop("check", "--strict").code == 1
    shop.order()
    assert shop.sent("2026-01-13 10:00") == ["A/dunning/a"]
    shop.order(parked=True)
    assert shop.reason("2026-01-21 10:00") == "b held"
    shop.order(parked=False)
    assert shop.reason("2026-02-02 10:00") == "b expired"
    status = shop("status", "--now", "2026-02-02 10:00", "--format", "json")
    assert (status.code, [each["key"] for each in status.json["missed"]]) == (1, ["A/dunning/b"])
    assert shop("resolve", "--state", "missed", "--at", "2026-02-02 10:00", "drop").code == 0
    assert shop("status", "--now", "2026-02-02 10:00").code == 0


def test_a_day_is_a_length_of_time(shop: Shop) -> None:
    """Twenty minutes after 23:50 nothing is expired or stale that may be a day old."""
    shop.edit("sendplan.yaml", "holds:", "fresh_within: {paid: 1 day}\nholds:")
    shop.rules({"id": "hello", "trigger": "not paid", "expires": "1 day"})
    shop.order(at="2026-01-05T23:50", ordered="2026-01-05 23:50", paid=None)
    assert shop.reason("2026-01-06 00:10", "A/hello") == "hello send"
    assert shop.reason("2026-01-06 23:49", "A/hello") == "hello send"
    told = shop("explain", "A", "--now", "2026-01-06 23:51", "--format", "json").json["decisions"][0]
    assert (told["reason"], told["why"]) == ("expired", "it expired 2026-01-06T23:50:00+01:00, 1 day after it was due")
    shop.rules({"id": "hello", "trigger": "not paid"})
    assert shop.reason("2026-01-06 23:50", "A/hello") == "hello send"
    told = shop("explain", "A", "--now", "2026-01-06 23:51", "--format", "json").json["decisions"][0]
    assert (told["reason"], told["why"].endswith("more than 1 day ago")) == ("stale_data", True)


def test_six_hours_are_six_hours(shop: Shop) -> None:
    """A step that follows after six hours counts from the minute in which the one before really left."""
    shop.rules(LADDER | {"ladder": LADDER["ladder"] | {"every": "6 hours"}})  # type: ignore[operator]
    shop.order()
    assert shop.sent("2026-01-13 14:00") == ["A/dunning/a"]
    assert shop.reason("2026-01-13 14:10") == "b not_due"
    assert shop.sent("2026-01-13 20:00") == ["A/dunning/b"]


def test_an_unsubscribe_leaves_dunning_alone(shop: Shop) -> None:
    """Who wants no advertising still gets what belongs to the order."""
    shop.rules(LADDER, {"id": "offers", "class": "marketing", "template": "offer"})
    shop.write("templates/offer.en.md", "---\nsubject: Offers\n---\n{{ unsubscribe_url }}\n")
    shop.order()
    assert shop("suppress", "b@example.com", "--class", "marketing", "--reason", "unsubscribed").code == 0
    assert shop.reason("2026-01-13 10:00", "A/offers") == "offers suppressed"
    assert shop.reason("2026-01-13 10:00") == "a send"
    assert shop("suppress", "b@example.com").code == 0
    assert shop.reason("2026-01-13 10:00") == "a suppressed"


@pytest.mark.parametrize(
    ("named", "stored"),
    [("b@bücher.example", "b@xn--bcher-kva.example"), ("B@XN--BCHER-KVA.example", "b@bücher.example")],
)
def test_one_mailbox_however_it_is_written(shop: Shop, named: str, stored: str) -> None:
    """A suppressed address is the same with its domain in letters of its language or of the DNS."""
    shop.order(email=stored)
    assert shop("suppress", named).code == 0
    assert shop.reason("2026-01-13 10:00") == "a suppressed"
    assert shop.sent("2026-01-13 10:00") == []


@pytest.mark.parametrize("currency", ["RSD", "ALL", "LBP", "IQD", "MMK"])
def test_a_mail_says_what_is_owed(shop: Shop, sink: Sink, currency: str) -> None:
    """An amount is printed with every decimal that it has, whatever a currency's custom is."""
    shop.write("templates/mail.en.md", "---\nsubject: Hello\n---\n{{ order.total | money }}\n")
    shop.order(total="1234.56", currency=currency)
    assert shop.sent("2026-01-13 10:00") == ["A/dunning/a"]
    (mail,) = received(sink)
    assert "1,234.56" in text_of(mail)


@pytest.mark.parametrize(
    ("language", "there", "spoken"),
    [
        ("nb", "no", "no"),
        ("no", "nb", "nb"),
        ("iw", "he", "he"),
        ("deu", "de", "de"),
        ("de-DE-u-co-phonebk", "de", "de"),
        ("zh-TW", "zh-Hant", "zh-Hant"),
    ],
)
def test_a_mail_is_in_the_language_of_its_reader(shop: Shop, language: str, there: str, spoken: str) -> None:
    """Whatever a shop system calls a language, the template that its speaker reads is taken."""
    shop.write(f"templates/mail.{there}.md", "---\nsubject: Hallo\n---\n{{ order.number }}\n")
    shop.order(language=language)
    entries = shop("plan", "--now", "2026-01-13 10:00", "--format", "json").json["entries"]
    assert [each["language"] for each in entries] == [spoken]


def test_two_weeks_for_switzerland(shop: Shop) -> None:
    """One rule gives each country its time to pay, and who had a mail under one date gets it under no other."""
    shop.rules(LADDER | {"due": 'payment_due + (14 days if country == "CH" else 7 days)'})
    shop.order(country="CH")
    assert shop.reason("2026-01-18 23:59") == "a not_due"
    assert shop.sent("2026-01-19 10:00") == ["A/dunning/a"]
    shop.order(country="DE")
    assert shop.sent("2026-01-19 11:00") == []
    told = shop("explain", "A", "--now", "2026-01-19 11:00").out
    assert 'country == "CH" = false' in told


def test_an_outage_is_told(shop: Shop) -> None:
    """Five first contacts that expired while nothing ran are warned of by `plan`, and `status` asks for a person."""
    shop.rules({"id": "first-contact", "expires": "1 day"})
    shop("run", "--now", "2026-01-04 10:00")
    shop.write("orders.json", json.dumps([ORDER | {"id": f"A{number}"} for number in range(5)]))
    assert shop("import", str(shop.path("orders.json"))).code == 0
    assert "first-contact: 5 messages missed" in shop("plan", "--now", "2026-01-08 10:00").err
    status = shop("status", "--now", "2026-01-08 10:00", "--format", "json")
    assert (status.code, status.json["needs_person"]) == (1, {"missed": 5})


def test_coverage_asks_for_nothing_impossible(shop: Shop) -> None:
    """A list is never unknown, so nobody has to test what happens when it is."""
    shop.rules({"id": "hello", "trigger": 'tags has "x"'})
    order = json.dumps(ORDER)
    tagged = json.dumps({"A": {"tags": ["x"]}})
    shop.write(
        "fixtures/scenarios/s.yaml",
        f"scenario: Only orders with the tag get it\norders: [{order}]\nsteps:\n"
        "  - {at: 2026-01-06 10:00, expect: none, because: trigger_false}\n"
        f"  - {{at: 2026-01-06 11:00, change: {tagged}, expect: [{{order: A, rule: hello}}]}}\n",
    )
    told = shop("test", "--coverage").out
    assert "unknown" not in told


def test_what_waits_on_a_country(shop: Shop) -> None:
    """Orders without a country that a condition asks for are counted, by rule and field, by `plan` and `diff`."""
    shop.write("before/sendplan.yaml", shop.path("sendplan.yaml").read_text(encoding="utf-8"))
    for name in ("rules/rules.yaml", "templates/mail.en.md"):
        shop.write(f"before/{name}", shop.path(name).read_text(encoding="utf-8"))
    shop.rules(LADDER | {"trigger": 'open_amount >= 1.00 and country != "CH"'})
    shop.order()
    told = "dunning: 1 order waits because `country` is missing"
    assert told in shop("plan", "--now", "2026-01-13 10:00").err
    assert told in shop("diff", "--rules-from", str(shop.path("before")), "--now", "2026-01-13 10:00").out


def test_what_waits_on_a_country_in_a_due_date(shop: Shop) -> None:
    """A conditional that hangs on a missing country is counted once either branch would be due."""
    shop.rules(LADDER | {"due": 'payment_due + (14 days if country == "CH" else 7 days)'})
    shop.order()
    told = "dunning: 1 order waits because `country` is missing"
    assert told not in shop("plan", "--now", "2026-01-11 10:00").err
    for now in ("2026-01-12 10:00", "2026-01-20 10:00"):
        assert told in shop("plan", "--now", now).err
        assert told in shop("status", "--now", now).out
    assert shop.reason("2026-01-12 10:00") == "a waiting"
    shop.order(country="CH")
    assert told not in shop("plan", "--now", "2026-01-12 10:00").err
    assert shop.reason("2026-01-12 10:00") == "a not_due"


def test_a_scenario_takes_away_any_field(shop: Shop) -> None:
    """`null` removes what an order has, also under a field of the project's own; quoted it is a word."""
    shop.edit("sendplan.yaml", "warranty_ends: moment}", "warranty_ends: moment, size: text, fee: decimal, vip: flag}")
    shop.rules({"id": "hello", "trigger": "warranty_ends is set or size is set or fee is set or vip or country is set"})
    own = {"warranty_ends": "2026-02-01", "size": "L", "fee": "1.00", "vip": True, "country": "DE"}
    shop.write(
        "fixtures/scenarios/s.yaml",
        f"scenario: Nothing is left\norders: [{json.dumps(ORDER | own)}]\nsteps:\n"
        f"  - {{at: 2026-01-06 10:00, change: {json.dumps({'A': dict.fromkeys(own)})}, expect: none,"
        " because: trigger_false}\n"
        "  - {at: 2026-01-06 11:00, change: {A: {size: 'null'}}, expect: [{order: A, rule: hello}]}\n",
    )
    assert shop("test").code == 0


def test_a_comment_that_cuts_a_date(shop: Shop) -> None:
    """A comment that follows an expression and holds an operator is warned of: YAML has cut it off silently."""
    shop.write(
        "rules/rules.yaml",
        "rules:\n  - {id: r, title: R, trigger: not cancelled, template: mail,\n   due: delivered # + 7 days\n  }\n",
    )
    assert "warning[expression-cut]" in shop("check").out
