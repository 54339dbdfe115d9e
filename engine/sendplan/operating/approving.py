"""A person's approval of a plan, which `approval: required` waits for (docs/sending.md#approval)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sendplan.ledger import SETTLED
from sendplan.plan import Entry, Plan
from sendplan.planning.plan_file import FRESH_FOR
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.store.protocols import Reader, Store
from sendplan.store.records import Act, Approval
from sendplan.text import counted

WAITING = "waiting_plan"
"""The note that keeps the plan of the last run that waits."""


def approve(store: Store, plan: Plan, who: str, at: datetime) -> Approval:
    """Approve a plan's `send` entries under its rules; `at` is the real time (UTC).

    Raises UserError for a plan of which nothing is left to send.
    """
    if plan.send and _is_settled(plan.send, store):
        message = f"plan {plan.id} has already been executed: none of its {counted(len(plan.send), 'mail')} is open"
        help_ = "make a new plan with `sendplan plan`; there is nothing to approve in this one"
        raise UserError(Problem("plan-executed", message, None, help_), Exit.REFUSED)
    approval = Approval(plan.id, plan.digest, frozenset(entry.key for entry in plan.send), at, who)
    with store.together():
        store.approve(approval)
        store.note_act(Act(at, who, "approve", plan.id, counted(len(approval.keys), "mail")))
    return approval


def _is_settled(entries: Iterable[Entry], reader: Reader) -> bool:
    """Whether each of these messages has left, or been settled otherwise."""
    keys = [(entry.order or "", (entry.rule, entry.step or "")) for entry in entries]
    histories = reader.histories({order for order, _ in keys})
    records = (histories[order].records.get(key) if order in histories else None for order, key in keys)
    return all(record is not None and record.state in SETTLED for record in records)


def approval_of(plan: Plan, project: Project, reader: Reader, at: datetime) -> Approval | None:
    """The latest approval under which all that a plan sends may leave at `at` (the real time, UTC).

    It counts for a day, under the rules that it was given for, and for no message beside those that it names; what left
    since, or need not leave any more, does not end it.
    """
    keys = {entry.key for entry in plan.send}
    for each in reader.approvals(at - FRESH_FOR):
        if each.digest == plan.digest == project.digest and keys <= each.keys:
            return each
    return None


def check_approved(plan: Plan, project: Project, reader: Reader, at: datetime) -> None:
    """Raises UserError for a plan that waits for a person's approval."""
    if project.settings.approval and plan.send and approval_of(plan, project, reader, at) is None:
        message = f"plan {plan.id} with {len(plan.send)} mails waits for approval"
        help_ = f"look at it; if it is right: sendplan approve {plan.id}, or on the board"
        raise UserError(Problem("awaits-approval", message, None, help_), Exit.REFUSED)


def keep_waiting(store: Store, plan: Plan) -> None:
    """Keep what a waiting plan sends, without facts of the orders, so that it can be approved by its id."""
    kept = replace(plan, entries=tuple(replace(entry, facts={}) for entry in plan.send))
    store.set_meta(WAITING, json.dumps(kept.to_json(), ensure_ascii=False))


def waiting_plan(reader: Reader) -> Plan | None:
    """What the last run that waits, or waited, would send."""
    kept = reader.meta(WAITING)
    return Plan.from_json(json.loads(kept)) if kept else None
