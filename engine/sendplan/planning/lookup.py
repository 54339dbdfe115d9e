"""The order or message that somebody asks for by name, or a clear word that there is none."""

from __future__ import annotations

from collections.abc import Iterable

from sendplan.planning.finding import similar
from sendplan.planning.planner import Clock, OrderDecisions, decide_orders
from sendplan.problems import Exit, Problem, UserError, did_you_mean
from sendplan.project.project import Project
from sendplan.store import Reader


def decided_order(project: Project, reader: Reader, order: str, clock: Clock) -> OrderDecisions:
    """One order with the decision of every rule; raises UserError when it is not in the store, or not there yet."""
    stored = tuple(reader.orders_by_id([order]))
    decided = next(decide_orders(project, reader, clock, orders=stored), None)
    if decided is None:
        raise unknown_order(reader, order, "it was not placed yet at this time" if stored else "")
    return decided


def unknown_order(reader: Reader, order: str, why_not: str) -> UserError:
    """The error for an order that is not in the store, or (`why_not`) not there yet."""
    found = () if why_not else similar(reader, order)
    help_ = f"did you mean {', '.join(f'`{each}`' for each in found)}?" if found else "see `sendplan find TEXT`"
    message = f"order `{order}`: {why_not}" if why_not else f"there is no order `{order}` in the store"
    return UserError(Problem("unknown-order", message, None, "" if why_not else help_), Exit.USAGE)


def unknown_key(project: Project, key: str) -> UserError:
    """The error for a text that is not a message's key."""
    forms = ", ".join(
        f"ORDER/{rule}/{'|'.join(steps)}" if steps else f"ORDER/{rule}"
        for rule, steps in sorted(project.steps_by_rule().items())
    )
    return UserError(
        Problem("unknown-message", f"`{key}` is not a message key", None, f"messages are {forms}"), Exit.USAGE
    )


def known_rules(project: Project, names: Iterable[str]) -> frozenset[str] | None:
    """The rules of these names, None for no name; raises UserError for one that does not exist."""
    wanted = frozenset(names)
    known = {rule.id for rule in project.rules} | {each.id for each in project.broken}
    unknown = sorted(wanted - known)
    if unknown:
        raise UserError(
            [
                Problem("unknown-name", f"there is no rule `{name}`", None, did_you_mean(name, known))
                for name in unknown
            ],
            Exit.USAGE,
        )
    return wanted or None


def known_account(project: Project, name: str | None) -> str | None:
    """The account of this name, by its present name; raises UserError for one that does not exist."""
    settings = project.settings
    if name is None:
        return None
    if name not in settings.account_names:
        problem = Problem("unknown-name", f"there is no account `{name}`", None, did_you_mean(name, settings.accounts))
        raise UserError(problem, Exit.USAGE)
    return settings.present_account(name)
