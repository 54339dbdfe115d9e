"""sendplan end to end: plan, decide again, render, ledger, SMTP. Prints the seconds from the plan to the last reply."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sendplan.dispatch.delivery import deliver
from sendplan.dispatch.stopping import Stop
from sendplan.planning.planner import Clock, make_plan
from sendplan.project import project as projects
from sendplan.store import open_reader, open_store

SETTINGS = """\
shop: {{name: Shop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
senders:
  main: {{from: Shop <shop@example.com>, host: 127.0.0.1, port: {port}, security: none,
         limits: {{connections: {sessions}}}}}
accounts:
  web: {{portal: shop}}
regions:
  everywhere: any
"""
RULES = """\
rules:
  - {id: reminder, title: Reminder, trigger: open_amount > 0, due: ordered + 7 days, template: reminder}
"""
TEMPLATE = '---\nsubject: "Order {{ order.number }}"\n---\n' + (
    "Dear {{ order.name }},\n\nyour order **{{ order.number }}** of {{ order.ordered }} over {{ order.open_amount }} "
    "is still open. Please pay it in the next days.\n\nYours, {{ shop.name }}\n"
)
LAYOUT = "<html><body>{{ content }}</body></html>\n"
NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)


def main(port: int, mails: int, sessions: int) -> float:
    """The seconds for so many mails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in (
            ("sendplan.yaml", SETTINGS.format(port=port, sessions=sessions)),
            ("rules/rules.yaml", RULES),
            ("templates/reminder.en.md", TEMPLATE),
            ("templates/layout.html", LAYOUT),
        ):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        project, problems = projects.load(folder)
        assert project is not None, problems
        settings = project.settings
        store = open_store(settings.store, folder, settings.fields, settings.calendar)
        fields = ("id", "account", "email", "name", "ordered", "total", "paid_amount")
        with store.importing("orders", NOW) as run:
            ordered = NOW - timedelta(days=20)
            for number in range(mails):
                buyer = (f"buyer{number}@example.org", f"Buyer {number}")
                order = (f"E{number}", "web", *buyer, ordered, Decimal(12), Decimal(0))
                refused = run.upsert(fields, [(number, order)])
                assert not refused, refused
            run.carried(settings.fields, ["web"])
            run.finish(0)
        store.close()
        clock = Clock(NOW, replay=True)
        start = time.perf_counter()
        plan = make_plan(project, open_reader(settings.store, folder, settings.fields, settings.calendar), clock)
        report = deliver(plan, project, lambda: clock, stop=Stop())
        seconds = time.perf_counter() - start
        assert sum(each.ending == "sent" for each in report.results) == mails, report.results[:3]
        return seconds


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:4])))
