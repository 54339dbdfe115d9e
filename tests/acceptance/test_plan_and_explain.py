"""A plan for some rules agrees with the whole plan; planning leaves no trace; `explain` knows the ladder."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

from projects import Project

NOW = ("--now", "2026-03-08 09:00")
ORDERS = """\
id,account,email,country,postcode,street,items,total,ordered,paid,parked
waits,shop-de,a@example.com,DE,50667,Domstr. 1,1,20.00,2026-03-08 08:00,,false
due,shop-de,b@example.com,FR,,,20,20.00,2026-03-01,,false
"""


def test_a_rule_waits_for_what_another_rule_would_send(shop: Project) -> None:
    """Planned alone, a rule that reads `sent(…)` of a message that is due does not run ahead of that message."""
    shop.write("orders.csv", ORDERS)
    shop.edit("rules/dunning.yaml", 'sent("first-contact") if set) + params.dunning_interval', 'sent("first-contact"))')
    assert shop("import", str(shop.path("orders.csv"))).code == 0
    whole = shop("plan", *NOW, "--format", "json").json["entries"]
    alone = shop("plan", *NOW, "--rule", "dunning", "--format", "json").json["entries"]
    assert [(each["rule"], each["order"]) for each in whole if each["order"] == "waits"] == [
        ("dunning", "waits"),
        ("first-contact", "waits"),
    ]
    assert alone == []


def test_planning_leaves_no_trace(shop: Project) -> None:
    """`import` makes the indexes that the rules want; `plan`, `explain` and `status` change no byte of the store."""
    shop.write("orders.csv", ORDERS)
    shop("import", str(shop.path("orders.csv")))
    store = shop.path("var/shop.db")
    with closing(sqlite3.connect(store)) as connection:
        made = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL").fetchall()
    assert made
    before = hashlib.sha256(store.read_bytes()).hexdigest()
    for command in (("plan",), ("plan", "--funnel"), ("explain", "due"), ("status",)):
        assert shop(*command, *NOW).code in (0, 1)
    assert hashlib.sha256(store.read_bytes()).hexdigest() == before


def test_explain_tells_a_ladders_history(shop: Project) -> None:
    """`explain` shows for each step of a ladder what the ledger holds of it, and since when."""
    shop.write("orders.csv", ORDERS)
    shop("import", str(shop.path("orders.csv")))
    shop("resolve", "due/dunning/payment-reminder", "sent", "--at", "2026-03-07")
    told = shop("explain", "due", "--rule", "dunning", *NOW)
    assert "ladder          payment-reminder sent 2026-03-07, first-dunning open, second-dunning open" in told.out
    ladder = shop("explain", "due", "--rule", "dunning", *NOW, "--format", "json").json["decisions"][0]["ladder"]
    assert [(each["step"], each["state"]) for each in ladder] == [
        ("payment-reminder", "sent"),
        ("first-dunning", "open"),
        ("second-dunning", "open"),
    ]
