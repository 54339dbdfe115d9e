"""How a project stands, as data for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sendplan.calendar import Calendar
from sendplan.ledger import BounceKind, Record
from sendplan.operating.suppressing import ALL_MAIL
from sendplan.plan import Status, key_of
from sendplan.store.records import ImportRecord, PlanRecord

if TYPE_CHECKING:
    from sendplan.operating.overview import Overview


def overview_json(overview: Overview, calendar: Calendar) -> dict[str, Any]:
    """The overview as `status --format json` prints it (docs/commands.md#sendplan-status)."""
    plan = overview.plan
    return {
        "now": plan.now,
        "needs_person": {concern.value: count for concern, count in overview.concerns.items()},
        "senders": [
            {
                "sender": each.report.sender,
                "scope": each.report.scope.value,
                "since": calendar.text(each.report.since),
                "tried_at": calendar.text(each.report.tried_at),
                "reply": each.report.reply,
                "advice": each.advice,
            }
            for each in overview.senders
        ],
        "unsettled": [
            {"key": record_key(each), "state": each.state.value, "at": calendar.text(each.at), "reply": each.reply}
            for each in overview.unsettled
        ],
        "held": [
            {"key": each.key, "reason": each.reason.value, "why": each.why, "chosen": each.key not in overview.kept}
            for each in plan.with_status(Status.HELD)
        ],
        "missed": [
            {"key": each.key, "rule": each.rule, "step": each.step, "order": each.order, "at": each.at, "why": each.why}
            for each in plan.missed
        ],
        "errors": [{"key": each.key, "why": each.why} for each in plan.with_status(Status.ERROR)],
        "refused": plan.refused,
        "store_doubted": overview.doubt,
        "warnings": list(plan.warnings),
        "paused": [pause.name for pause in overview.pauses],
        "suppressed": {klass or ALL_MAIL: count for klass, count in sorted(overview.suppressed.items())},
        "snoozed": len(overview.snoozes),
        "counts": dict(overview.counts),
        "summary": plan.summary(),
        "bounces": {
            "counts": {kind.value: overview.bounces.get(kind, 0) for kind in BounceKind},
            "last": [
                {
                    "key": key_of(each.order, each.key[0], each.key[1] or None),
                    "kind": each.kind.value,
                    "at": calendar.text(each.at),
                    "status": each.status,
                    "diagnosis": each.diagnosis,
                }
                for each in overview.last_bounces
            ],
        },
        "hosts": [
            {
                "host": each.name,
                "process": each.process,
                "plan": each.plan or None,
                "lease_until": calendar.text(each.lease_until),
                "connections": dict(each.connections),
            }
            for each in overview.hosts
        ],
        "rates": {sender: {"minute": each.minute, "day": each.day} for sender, each in overview.rates.items()},
        "imports": [_import_json(each, calendar) for each in overview.imports],
        "runs": [_run_json(run, calendar) for run in overview.runs],
    }


def _import_json(record: ImportRecord, calendar: Calendar) -> dict[str, Any]:
    return {
        "source": record.source or None,
        "file": record.file,
        "at": calendar.text(record.at),
        "inserted": record.imported.inserted,
        "updated": record.imported.updated,
        "unchanged": record.imported.unchanged,
        "bad": record.bad,
        "stored": record.stored,
        "refused": [{"place": each.place, "code": each.code, "message": each.message} for each in record.refused],
    }


def _run_json(run: PlanRecord, calendar: Calendar) -> dict[str, Any]:
    return {
        "plan": run.id,
        "at": calendar.text(run.created),
        "state": run.state,
        **outcomes(run),
        "left_open": [
            {"reason": each.cause, "why": each.why, "count": each.count, "keys": list(each.keys)} for each in run.open
        ],
        "copies_refused": list(run.copies_refused),
    }


def outcomes(run: PlanRecord) -> dict[str, int]:
    """What became of a run's messages."""
    return {"sent": run.sent, "failed": run.failed, "uncertain": run.uncertain, "open": run.left_open}


def record_key(record: Record) -> str:
    """`ORDER/RULE` or `ORDER/RULE/STEP`."""
    return key_of(record.order, record.rule, record.step or None)
