"""Exports as shop systems make them, large: several rows an order, and nested JSON; with a mapping for each."""

from __future__ import annotations

import csv
import json
from pathlib import Path

GROUPED = """
group: Name
accounts: [shop-eu]
fields:
  id: Name
  email: Email
  ordered: Created at
  total: Total
  items: =sum(col("Lineitem quantity"))
  lines: {each: rows, name: Lineitem name, quantity: Lineitem quantity, price: Lineitem price}
  paid: =col("Paid at") if Status in [paid, refunded]
"""
NESTED = """
orders: data.orders
accounts: [shop-eu]
let: {to: shipping if shipping.country is set else billing}
fields:
  id: id
  email: billing.email
  ordered: created
  total: total
  city: to.city
  items: =sum(line_items.quantity)
  language: '=meta[key == "language"].value'
  lines: {each: line_items, name: name, quantity: quantity, price: price}
  paid: =paid if status in [completed, processing]
"""
_NAMES = "Name,Email,Status,Created at,Paid at,Total,Lineitem quantity,Lineitem name,Lineitem price"


def grouped(file: Path, orders: int) -> Path:
    """A CSV with three rows an order, of which only the first is whole."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(_NAMES.split(","))
        for number in range(orders):
            at = f"2035-{number % 12 + 1:02}-{number % 28 + 1:02} {number % 24:02}:15:30 +0100"
            name = f"#{number}"
            writer.writerow([name, f"b{number}@example.com", "paid", at, at, "50.40", 2, "Mug", "10.00"])
            writer.writerow([name, "", "", "", "", "", 1, "Plate", "25.50"])
            writer.writerow([name, "", "", "", "", "", 1, "Bowl", "4.90"])
    return file


def nested(file: Path, orders: int) -> Path:
    """A JSON document with orders as a shop's interface answers."""
    with file.open("w", encoding="utf-8") as opened:
        opened.write('{"page": 1, "data": {"orders": [\n')
        for number in range(orders):
            at = f"2035-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:15:30"
            order = {
                "id": number,
                "status": "completed",
                "created": at,
                "paid": at,
                "total": "50.40",
                "billing": {"email": f"b{number}@example.com", "city": "Bonn", "country": "DE"},
                "shipping": {"city": "", "country": ""},
                "line_items": [
                    {"name": "Mug", "quantity": 2, "price": 10.0},
                    {"name": "Plate", "quantity": 1, "price": 25.5},
                ],
                "meta": [{"key": "source", "value": "web"}, {"key": "language", "value": "de"}],
            }
            opened.write((",\n" if number else "") + json.dumps(order))
        opened.write("\n]}}\n")
    return file
