"""Small projects for tests: settings with a bit of everything, and whatever rules a test writes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sendplan.fields import Value
from sendplan.project import project
from sendplan.project.project import Project
from sendplan.store import open_store

ONE_ACCOUNT = """
shop: {name: Test, timezone: Europe/Berlin, country: DE}
store: sqlite:///shop.db
senders: {main: {host: smtp.example.com, port: 587, security: starttls, from: shop@example.com}}
accounts: {web: {portal: shop}}
regions: {abroad: any}
"""
"""The least that an import needs: one account, with orders of any country."""

SETTINGS = """\
shop: {name: MeinShop, timezone: Europe/Berlin, country: DE}
store: sqlite:///var/shop.db
senders:
  main: {from: MeinShop <shop@example.com>, host: smtp.example.com}
  office: {from: Büro <office@example.org>, host: smtp.example.org}
accounts:
  web: {portal: shop}
regions:
  domestic:
    - {country: DE}
  abroad: any
windows:
  office-hours: {days: mon-fri, hours: 08:00-18:00, holidays: closed}
  mondays: {days: mon}
  early: {hours: 05:00-06:30}
  shifts: {days: mon-fri, hours: [05:00-06:00, 08:00-12:00]}
  night: {days: mon-fri, hours: 22:00-06:30, holidays: closed}
holds:
  parked: {when: parked, reason: Parked orders get no automatic mail}
  unsure: {when: shipped is set and items > 5, reason: Large parcels are looked after by a person}
limits: {per_run: 3}
fresh_within: {paid: 36 hours}
"""


def write_project(
    folder: Path, rules: str, *, settings: str = SETTINGS, templates: tuple[str, ...] = ("mail",)
) -> Path:
    """A project's folder with these rules and a one-line template of each name."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "sendplan.yaml").write_text(settings, encoding="utf-8")
    (folder / "rules" / "rules.yaml").write_text(rules, encoding="utf-8")
    for name in templates:
        text = f"---\nsubject: {name}\n---\nYour order {{{{ order.number }}}}\n"
        (folder / "templates" / f"{name}.en.md").write_text(text, encoding="utf-8")
    return folder


def loaded(folder: Path) -> Project:
    """The project in a folder, which must be without a fault."""
    read, problems = project.load(folder)
    assert read is not None
    assert problems == []
    return read


def fill(read: Project, *orders: Mapping[str, Value], at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
    """Put orders into the project's store; every field counts as carried."""
    settings = read.settings
    store = open_store(settings.store, settings.folder, settings.fields, settings.calendar)
    with store.importing("orders.csv", at) as run:
        for line, order in enumerate(orders, start=2):
            assert not run.upsert(tuple(order), [(line, tuple(order.values()))])
        run.carried([name for name, each in settings.fields.items() if not each.derived_from], ["web"])
        run.finish(0)
    store.close()


def git(folder: Path, *arguments: str) -> None:
    """Run git as the project's owner."""
    who = ["-c", "user.name=Owner", "-c", "user.email=owner@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)
