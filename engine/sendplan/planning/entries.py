"""A decision as a line of the plan, and what stands in it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from sys import intern
from typing import Any

from sendplan.addresses import masked
from sendplan.calendar import Calendar
from sendplan.deciding.decision import Decision
from sendplan.deciding.facts import Facts
from sendplan.fields import Value, decimal_text
from sendplan.plan import Entry, key_of
from sendplan.project import languages
from sendplan.project.project import Project


def entry_of(project: Project, facts: Facts, decision: Decision, *, show_addresses: bool = False) -> Entry:
    """A decision as a line of the plan."""
    settings, calendar = project.settings, project.settings.calendar
    account = settings.accounts.get(facts.account)
    step = decision.step
    email = str(facts.values["email"]) if "email" in facts.values else None
    to = email if email is None or show_addresses else masked(email)
    status = decision.status
    assert status is not None, decision.reason
    return Entry(
        key=key_of(facts.id, decision.rule.id, step.id if step else None),
        status=status,
        reason=decision.reason,
        why=intern(decision.why),
        rule=decision.rule.id,
        step=(step.id or None) if step else None,
        order=facts.id,
        account=intern(facts.account),
        region=decision.region,
        klass=step.klass if step else None,
        sender=account.sender if account else None,
        template=step.template if step else None,
        language=_language(project, facts, step.template) if step else None,
        due=intern(calendar.text(decision.due)) if decision.due is not None else None,
        send_at=intern(calendar.text(decision.send_at)) if decision.send_at is not None else None,
        to=to,
        facts={name: hidden(fact_json(value, calendar), email, to) for name, value in decision.facts.items()},
    )


def hidden(shown: Any, email: str | None, to: str | None) -> Any:
    """A fact in which the buyer's address is shown like `to`: `customer` holds it where the shop names no customer."""
    if not isinstance(shown, str):
        return shown
    # Many orders share countries, days and amounts: each text is kept once, however long the plan is.
    return intern(shown.replace(email, to) if email and to else shown)


def fact_json(value: Value | None, calendar: Calendar) -> Any:
    """A field's value as the plan's JSON shows it: exact decimals and moments as text, null when missing."""
    match value:
        case Decimal():
            return decimal_text(value)
        case date():
            return calendar.text(value)
        case tuple():
            return list(value)
        case _:
            return value


def chosen_template(project: Project, facts: Facts, template: str) -> languages.Chosen | None:
    """The template file and language for a buyer (docs/templates.md#which-file-a-buyer-gets)."""
    settings, values = project.settings, facts.values
    account = settings.accounts.get(facts.account)
    language = languages.preferred(
        settings.languages,
        account=account.language if account else None,
        order=str(values["language"]) if "language" in values else None,
        billing_country=str(values["billing_country"]) if "billing_country" in values else None,
    )
    default = settings.languages.default
    names = account.names if account else (facts.account,)
    return languages.choose(project.templates, template, accounts=names, language=language, default=default)


def _language(project: Project, facts: Facts, template: str) -> str | None:
    chosen = chosen_template(project, facts, template)
    return chosen.language if chosen else None
