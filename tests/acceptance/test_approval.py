"""Nothing leaves before a person has said yes, where the settings ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project

from sendplan.sink import Sink

NOW = ("--now", "2026-08-24 12:00")


@pytest.fixture
def careful(shop: Project) -> Project:
    """The example shop, whose owner looks at each plan."""
    shop.edit("sendplan.yaml", "\nsenders:", "\napproval: required\nsenders:")
    assert shop("import", "fixtures/orders.csv").code == 0
    return shop


def test_a_run_waits_and_sends_what_was_approved(careful: Project, sink: Sink) -> None:
    """A run keeps its plan and sends nothing; once that is approved the next run sends exactly it, and no more."""
    careful("pause", "checkout-reminder")  # one of its mails cannot be written
    waits = careful("run", *NOW)
    assert waits.code == 3
    assert "waits for approval" in waits.err
    assert len(sink.mails) == 0
    assert careful("status", *NOW).code == 1
    id_ = waits.err.split("plan ")[1].split()[0]
    approved = careful("approve", id_, *NOW, "--format", "json").json
    assert careful("run", *NOW).code == 0
    assert len(sink.mails) == len(approved["keys"]) > 0
    assert careful("run", *NOW).code == 0, "with nothing left to send there is nothing to approve"


def test_a_new_message_makes_the_plan_wait_again(careful: Project, sink: Sink) -> None:
    """An approval is for the messages that were seen: one that came later waits, and the others with it."""
    plan = careful.folder / "plan.json"
    careful("plan", *NOW, "-o", str(plan))
    assert careful("approve", str(plan), *NOW).code == 0
    careful.write(
        "more.csv",
        "id,account,ordered,email,name,country,total,payment_due,shipping_cost,items,postcode,street\n"
        "N-1,ebay-de,2026-08-24 09:00,new@example.com,New Buyer,DE,50.00,2026-08-24,4.90,1,50667,Musterweg 1\n",
    )
    careful("import", str(careful.folder / "more.csv"))
    assert careful("run", *NOW).code == 3
    assert len(sink.mails) == 0


def test_other_rules_need_another_approval(careful: Project, sink: Sink) -> None:
    """A change of rules, settings or texts ends an approval."""
    plan = careful.folder / "plan.json"
    careful("plan", *NOW, "-o", str(plan))
    careful("approve", str(plan), *NOW)
    careful.edit("sendplan.yaml", "feedback_wait: 7 days", "feedback_wait: 8 days")
    assert careful("run", *NOW).code == 3
    assert len(sink.mails) == 0


def test_a_plan_file_waits_too(careful: Project, sink: Sink, tmp_path: Path) -> None:
    """`send` refuses a plan that nobody approved; a rehearsal needs no approval."""
    plan = careful.folder / "plan.json"
    careful("plan", *NOW, "-o", str(plan))
    refused = careful("send", str(plan), *NOW)
    assert (refused.code, "awaits-approval" in refused.err) == (3, True)
    assert careful("send", str(plan), *NOW, "--to-dir", str(tmp_path / "mails")).code != 3
    assert careful("approve", "nothing", *NOW).code == 2
    assert careful("approve", str(plan), *NOW).code == 0
    assert careful("send", str(plan), *NOW).code != 3
    assert len(sink.mails) > 0


def test_a_plan_of_which_nothing_is_open_cannot_be_approved(careful: Project, sink: Sink) -> None:
    """A plan that left already needs no yes any more; one of which something is open may be approved again."""
    careful("pause", "checkout-reminder")
    plan = careful.folder / "plan.json"
    careful("plan", *NOW, "-o", str(plan))
    assert careful("approve", str(plan), *NOW).code == 0
    assert careful("approve", str(plan), *NOW).code == 0
    assert careful("send", str(plan), *NOW).code == 0
    sent = len(sink.mails)
    refused = careful("approve", str(plan), *NOW)
    assert refused.code == 3
    assert f"none of its {sent} mails is open" in refused.err


def test_what_people_did_is_noted(careful: Project) -> None:
    """Every change by hand is in the audit log with who made it; addresses are masked."""
    assert "nobody" in careful("status", "--audit").out
    careful("pause", "dunning")
    careful("resume", "dunning")
    careful("resume", "dunning")
    careful("suppress", "lena@example.com")
    careful("snooze", "E-2050", "--until", "2099-01-01", "--reason", "on holiday")
    careful("resolve", "E-2050/feedback-reminder", "drop")
    noted = careful("status", "--audit", "--format", "json").json
    assert [(each["act"], each["subject"]) for each in noted] == [
        ("resolve", "E-2050/feedback-reminder"),
        ("snooze", "E-2050"),
        ("suppress", "l…@example.com"),
        ("resume", "dunning"),
        ("pause", "dunning"),
    ]
    assert all(each["who"] for each in noted)
