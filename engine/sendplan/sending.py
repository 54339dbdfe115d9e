"""What a project gives the dispatcher: the decision right before a mail, and the mail itself."""

from __future__ import annotations

from collections.abc import Callable

from sendplan import message
from sendplan.decide import Decision
from sendplan.dispatch.model import Verdict
from sendplan.dispatch.worker import Compose, Judge
from sendplan.facts import Facts
from sendplan.ledger import History
from sendplan.message import Message
from sendplan.plan import Entry, Reason, key_of
from sendplan.planner import Clock, chosen_template, judge
from sendplan.problems import Problem, UserError
from sendplan.project import Project
from sendplan.store.base import Reader
from sendplan.templates import Context, Templates, unsubscribe_link


def judge_of(project: Project, clock: Callable[[], Clock]) -> Judge:
    """Decides an entry on the order, the ledger and the pauses as the store holds them now."""

    def judge_entry(reader: Reader, entry: Entry) -> Verdict:
        assert entry.order is not None
        order = next(iter(reader.orders_by_id([entry.order])), None)
        if order is None:
            return Verdict(Reason.ERROR, f"order {entry.order} is not in the store any more")
        history = reader.histories([order.id]).get(order.id, History())
        judged = judge(project, order, history, reader.imported(), reader.operator(), clock(), recheck=True)
        decisions = judged.decisions if judged else ()
        decision = next((each for each in decisions if each.rule.id == entry.rule), None)
        if judged is None or decision is None:
            return Verdict(Reason.ERROR, f"rule {entry.rule} does not apply to this order any more")
        return _verdict(entry, judged.facts, decision)

    return judge_entry


def _verdict(entry: Entry, facts: Facts, decision: Decision) -> Verdict:
    if decision.step is not None and (decision.step.id or None) != entry.step:
        return Verdict(Reason.ALREADY_SENT, f"the ladder has moved on to {decision.step.id}: {decision.why}")
    return Verdict(
        decision.reason,
        decision.why,
        version=facts.version,
        address=str(facts.values.get("email", "")),
        expires_at=decision.expires_at,
        facts=facts,
        decision=decision,
    )


def compose_of(
    project: Project, templates: Templates, clock: Callable[[], Clock], *, redirect: str | None = None
) -> Compose:
    """Builds a message from a verdict; `redirect` replaces its recipients, for a rehearsal."""

    def compose_verdict(verdict: Verdict) -> Message:
        assert verdict.facts is not None
        assert verdict.decision is not None
        return compose(project, templates, verdict.facts, verdict.decision, clock(), redirect=redirect)

    return compose_verdict


def compose(
    project: Project,
    templates: Templates,
    facts: Facts,
    decision: Decision,
    clock: Clock,
    *,
    redirect: str | None = None,
) -> Message:
    """The mail of a decision. Raises UserError when its template or its headers cannot give one."""
    settings, rule, step = project.settings, decision.rule, decision.step
    if step is None or "email" not in facts.values:
        raise UserError(Problem("no-message", f"there is no mail to show: {decision.why}"))
    chosen = chosen_template(project, facts, step.template)
    if chosen is None:
        raise UserError(Problem("missing-template", f"there is no template `{step.template}` for this buyer"))
    account = settings.accounts[facts.account]
    sender = settings.senders[account.sender]
    context = Context(facts, settings.shop, account, sender, rule.id, rule.title, step.id or None)
    email = str(facts.values["email"])
    wants_link = settings.classes[step.klass].unsubscribe_required
    return message.build(
        templates.render(chosen.path, chosen.language, context),
        key=key_of(facts.id, rule.id, step.id or None),
        sender=sender,
        account=account,
        to=email,
        to_name=str(facts.values["name"]) if "name" in facts.values else None,
        unsubscribe=unsubscribe_link(settings.shop, email) if wants_link else None,
        now=clock.now.astimezone(settings.calendar.zone),
        redirect=redirect,
    )
