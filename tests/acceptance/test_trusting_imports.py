"""What a merchant's files leave out, get wrong or tell too late never mails a buyer who has paid or cancelled."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from projects import Project

NOW = "2026-08-24 12:00"
HEAD = "id,account,ordered,email,country,total"
UNPAID = "F1,ebay-de,2026-08-01 10:00,anna@example.com,DE,20.00"
OTHER = "F2,ebay-de,2026-08-01 10:00,jean@example.com,FR,20.00"


@pytest.fixture(autouse=True)
def _inside(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)


def _file(shop: Project, name: str, lines: list[str], written: str = "2026-08-24 09:00") -> str:
    """A file as an export job left it, then."""
    path = shop.write(name, "\n".join(lines) + "\n")
    moment = datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    return name


def _dunned(shop: Project, now: str = NOW) -> dict[str, str]:
    """Order → the reason that the plan gives for its dunning: `send`, or why it waits."""
    plan = shop("plan", "--rule", "dunning", "--now", now, "--format", "json").json
    return {each["order"]: each["reason"] for each in plan["entries"] if each["rule"] == "dunning"}


def _why(shop: Project, order: str) -> str:
    plan = shop("plan", "--rule", "dunning", "--now", NOW, "--format", "json").json
    return str(next(each for each in plan["entries"] if each["order"] == order))


def test_an_export_job_that_died_three_weeks_ago_reminds_nobody(shop: Project) -> None:
    """The same old file, read every ten minutes, makes no fresh payments; a new one sends what is due."""
    lines = [f"{HEAD},paid", f"{UNPAID},"]
    for _ in range(3):
        assert shop("import", _file(shop, "orders.csv", lines, "2026-08-03 09:00")).code == 0
    assert _dunned(shop) == {"F1": "stale_data"}
    shop("import", _file(shop, "orders.csv", lines))
    assert _dunned(shop) == {"F1": "send"}


def test_a_payment_in_a_row_that_is_refused_for_its_country_stops_the_reminder(shop: Project) -> None:
    """The order is held with file and line of the refused row; once the row is mended it counts as paid."""
    shop("import", _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},", f"{OTHER},"]))
    assert _dunned(shop) == {"F1": "send", "F2": "send"}
    refused = [f"{HEAD},paid", f"{UNPAID.replace('DE,', 'Atlantis,')},2026-08-20", f"{OTHER},"]
    result = shop("import", _file(shop, "orders.csv", refused))
    assert result.code == 1
    assert 'country` = "Atlantis"' in result.err
    assert _dunned(shop) == {"F1": "stale_data", "F2": "send"}
    assert "orders.csv" in _why(shop, "F1")
    assert "line 2" in _why(shop, "F1")
    shop("import", _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},2026-08-20", f"{OTHER},"]))
    assert _dunned(shop) == {"F2": "send"}


def test_good_tracking_does_not_end_what_refused_payments_left(shop: Project) -> None:
    """A file that carries no payments says nothing about them; the next good file of payments does."""
    shop("import", _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},"]))
    mapping = shop.write("payments.yaml", "match: number\naccounts: [ebay-de]\nfields: {number: Ref, paid: Date}\n")
    payments = _file(shop, "payments.csv", ["Ref,Date", "F1,yesterday"])
    assert shop("import", payments, "--mapping", str(mapping)).code == 1
    tracking = _file(shop, "tracking.csv", ["id,account,ordered,shipped", "F1,ebay-de,2026-08-01 10:00,2026-08-21"])
    assert shop("import", tracking).code == 0
    assert _dunned(shop) == {"F1": "stale_data"}
    shop("import", _file(shop, "payments.csv", ["Ref,Date", "F1,2026-08-23"]), "--mapping", str(mapping))
    assert _dunned(shop) == {}


def test_a_file_of_which_every_row_is_refused_renews_nothing(shop: Project) -> None:
    """Payments are as old as they were before, for the orders of the file and for all others."""
    old = [f"{HEAD},paid", f"{UNPAID},", f"{OTHER},"]
    shop("import", _file(shop, "orders.csv", old, "2026-08-20 09:00"))
    result = shop("import", _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},paid", f"{OTHER},paid"]))
    assert (result.code, "0 updated, 0 unchanged, 2 bad" in result.out) == (1, True)
    assert _dunned(shop) == {"F1": "stale_data", "F2": "stale_data"}
    other = OTHER.replace("F2", "F3")
    shop("import", _file(shop, "new.csv", [HEAD, other]))
    assert _dunned(shop)["F3"] == "stale_data"


def test_a_header_alone_renews_only_what_its_mapping_answers_for(shop: Project) -> None:
    """A day without payments is news where a mapping names the accounts, and says nothing of anybody without one."""
    shop("import", _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},"], "2026-08-20 09:00"))
    empty = _file(shop, "empty.csv", ["id,ordered,paid"])
    assert "it renews nothing" in shop("import", empty).err
    assert _dunned(shop) == {"F1": "stale_data"}
    shop.write("m.yaml", "accounts: [ebay-de]\nfields: {id: id, ordered: ordered, paid: paid}\n")
    told = shop("import", empty, "--mapping", "m.yaml")
    assert (told.code, "counts as fresh for ebay-de" in told.err) == (0, True)
    assert _dunned(shop) == {"F1": "send"}


def test_a_cancelled_order_that_only_hides_is_held_and_told(shop: Project) -> None:
    """A mapping that passes cancelled orders over leaves them open in the store; that is refused, not overlooked."""
    mapping = (
        'accounts: [ebay-de]\nonly: state != "cancelled"\n'
        "fields: {id: id, ordered: ordered, email: email, country: country, total: total, paid: paid}\n"
    )
    shop.write("m.yaml", mapping)
    lines = [f"{HEAD},paid,state", f"{UNPAID},,open", f"{OTHER},,open"]
    assert shop("import", _file(shop, "orders.csv", lines), "--mapping", "m.yaml").code == 0
    lines[1] = f"{UNPAID},,cancelled"
    result = shop("import", _file(shop, "orders.csv", lines), "--mapping", "m.yaml")
    assert result.code == 1
    assert "`only` passes its row over now" in result.err
    assert _dunned(shop) == {"F1": "stale_data", "F2": "send"}


def test_a_strict_import_that_is_refused_holds_every_order_of_the_file(shop: Project) -> None:
    """Nothing of the file was stored, so nothing that it says can be known: nobody in it is reminded."""
    lines = [f"{HEAD},paid", f"{UNPAID},", f"{OTHER},"]
    shop("import", _file(shop, "orders.csv", lines))
    bad = [lines[0], f"{UNPAID},2026-08-20", f"{OTHER},soon"]
    result = shop("import", _file(shop, "orders.csv", bad), "--strict")
    assert (result.code, "nothing was stored" in result.out) == (1, True)
    assert _dunned(shop) == {"F1": "stale_data", "F2": "stale_data"}
    assert shop("resolve", "F2", "drop").code == 0
    assert _dunned(shop) == {"F1": "stale_data", "F2": "send"}


# --- what an old system has sent ---


def _history(shop: Project, *rows: str) -> Path:
    return shop.write("sent.csv", "\n".join(["order,rule,step,at", *rows]) + "\n")


def test_what_an_old_system_has_sent_is_not_sent_again(shop: Project) -> None:
    """Of a ladder whose first step went out elsewhere the second comes, when its time has come since then."""
    _history(shop, "F1,dunning,payment-reminder,2026-08-12 10:00", "F2,dunning,payment-reminder,2026-08-22")
    told = shop("import", "sent.csv", "--history")
    assert told.code == 0
    assert "2 rows: 2 recorded as sent (2 of orders that are not there yet), 0 known, 0 bad" in told.out
    shop("import", _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},", f"{OTHER},"]))
    plan = shop("plan", "--rule", "dunning", "--now", NOW, "--format", "json").json
    assert [(each["order"], each["step"]) for each in plan["entries"] if each["reason"] == "send"] == [
        ("F1", "first-dunning")
    ]
    assert "sent before, says sent.csv" in shop("explain", "--message", "F1/dunning/payment-reminder").out


def test_a_history_read_twice_changes_nothing(shop: Project) -> None:
    """Only what was not known is recorded, and a dry run records nothing."""
    _history(shop, "F1,dunning,payment-reminder,2026-08-12 10:00", "F1,dunning,payment-reminder,2026-08-13 10:00")
    assert "1 recorded as sent (1 of orders that are not there yet), 1 known, 0 bad; nothing was stored" in (
        shop("import", "sent.csv", "--history", "--dry-run").out
    )
    shop("import", "sent.csv", "--history")
    assert "0 recorded as sent, 2 known, 0 bad" in shop("import", "sent.csv", "--history").out


BAD_HISTORY = {
    "F1,dunnning,payment-reminder,2026-08-12": "there is no rule `dunnning`",
    "F1,dunning,reminder,2026-08-12": "the rule `dunning` has no step `reminder`",
    "F1,dunning,,2026-08-12": "the rule `dunning` has a ladder, so each message has a `step`",
    "F1,first-contact,one,2026-08-12": "the rule `first-contact` has no ladder, so no step `one`",
    ",dunning,payment-reminder,2026-08-12": "`order` is missing",
    "F1,dunning,payment-reminder,12.08.2026": 'at` = "12.08.2026" is not a date',
    "F1,dunning,payment-reminder,": "`at` is missing",
    "F1,dunning,payment-reminder,2999-08-12": "cannot lie in the future",
}


@pytest.mark.parametrize(("row", "told"), BAD_HISTORY.items())
def test_a_row_of_a_history_that_names_no_message_is_told(shop: Project, row: str, told: str) -> None:
    """What cannot be recorded is told with its place, and never taken for something else."""
    _history(shop, row, "F2,dunning,payment-reminder,2026-08-12")
    result = shop("import", "sent.csv", "--history")
    assert result.code == 1
    assert "sent.csv:2:" in result.err
    assert told in result.err
    assert "1 recorded as sent" in result.out
    strict = shop("import", "sent.csv", "--history", "--strict")
    assert (strict.code, "nothing was stored" in strict.out) == (1, True)


def test_a_history_without_its_columns_is_refused(shop: Project) -> None:
    """A file that says of no message when it was sent records nothing."""
    shop.write("sent.csv", "order,rule\nF1,dunning\n")
    result = shop("import", "sent.csv", "--history")
    assert result.code == 1
    assert "the file has no column `at`" in result.err
    assert shop("import", "sent.csv", "--history", "--mapping", "sent.csv").code == 2


# --- orders and payments in files of their own ---

WEB, BANK = "{file: orders.csv, mapping: orders.yaml}", "{file: payments.csv, mapping: payments.yaml}"


def _two_files(shop: Project) -> None:
    """Orders that tell of no payment, and a file of payments that finds them."""
    shop.edit("sendplan.yaml", "store:", f"imports: {{web: {WEB}, bank: {BANK}}}\nstore:")
    fields = "id: id, ordered: ordered, email: email, country: country, total: total, paid: paid"
    shop.write("orders.yaml", f"accounts: [ebay-de]\nfields: {{{fields}}}\n")
    shop.write("payments.yaml", "match: number\naccounts: [ebay-de]\nfields: {number: Ref, paid: Date}\n")
    _file(shop, "orders.csv", [f"{HEAD},paid", f"{UNPAID},", f"{OTHER},"])
    _file(shop, "payments.csv", ["Ref,Date", "F1,2026-08-20"])


def test_payments_outlive_an_export_of_orders_that_knows_none(shop: Project) -> None:
    """An empty cell of the orders takes back no payment, whether the payments come, are fewer today or are missing."""
    _two_files(shop)
    shop("import")
    assert _dunned(shop) == {"F2": "send"}
    _file(shop, "payments.csv", ["Ref,Date", "F2,2026-08-22"])
    shop("import")
    assert _dunned(shop) == {}
    shop.path("payments.csv").unlink()
    shop("import")
    shop("import", "orders.csv", "--mapping", "orders.yaml")
    assert _dunned(shop) == {}


def test_a_file_of_payments_that_died_three_weeks_ago_holds_every_reminder(shop: Project) -> None:
    """Fresh orders make no fresh payments: who may have paid since is not reminded, and the plan says since when."""
    _two_files(shop)
    shop("import")
    _file(shop, "payments.csv", ["Ref,Date", "F1,2026-08-01"], "2026-08-03 09:00")
    shop.path(".").joinpath("var", "shop.db").unlink()
    for _ in range(2):
        shop("import")
        assert _dunned(shop) == {"F2": "stale_data"}
    shop.path("payments.csv").unlink()
    shop("import")
    shop("import", "orders.csv", "--mapping", "orders.yaml")
    assert _dunned(shop) == {"F2": "stale_data"}
    entry = next(
        each for each in shop("plan", "--now", NOW, "--format", "json").json["entries"] if each["order"] == "F2"
    )
    assert "`paid` was last imported 2026-08-03" in entry["why"]


def test_orders_do_not_end_what_a_refused_row_of_payments_left(shop: Project) -> None:
    """Payments come first and one cannot be read: the orders behind them know nothing of it, so the buyer is held."""
    _two_files(shop)
    shop("import")
    _file(shop, "payments.csv", ["Ref,Date", "F1,2026-08-20", "F2,yesterday"])
    shop("import", "payments.csv", "--mapping", "payments.yaml")
    shop("import", "orders.csv", "--mapping", "orders.yaml")
    assert _dunned(shop) == {"F2": "stale_data"}
    _file(shop, "payments.csv", ["Ref,Date", "F1,2026-08-20", "F2,2026-08-23"])
    shop("import")
    assert _dunned(shop) == {}
