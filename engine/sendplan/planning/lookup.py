"""The order or message that somebody asks for by name, or a clear word that there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from sendplan.ledger import MessageKey, Move
from sendplan.plan import parse_key
from sendplan.planning.finding import named, similar
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


def decided_orders(
    project: Project, reader: Reader, name: str, clock: Clock, rules: Collection[str] | None = None
) -> tuple[OrderDecisions, ...]:
    """The orders with this id, number or e-mail address, each with the decision of every rule, or of these.

    Raises UserError when there is none at the clock's time.
    """
    stored = named(reader, name)
    decided = tuple(decide_orders(project, reader, clock, orders=stored))
    if not decided:
        raise unknown_order(reader, name, "it was not placed yet at this time" if stored else "")
    if rules is None:
        return decided
    return tuple(
        replace(each, decisions=tuple(one for one in each.decisions if one.rule.id in rules)) for each in decided
    )


def moves_of(project: Project, reader: Reader, key: str) -> tuple[Move, ...]:
    """What happened to a message so far, oldest first; raises UserError when the text names none."""
    found = message_named(project, reader, key)
    if found is None:
        raise unknown_message(project, reader, key)
    return tuple(reader.moves(*found))


def message_named(project: Project, reader: Reader, text: str) -> tuple[str, MessageKey] | None:
    """The order and ledger key of a message as people write it; None when the text is no message's key.

    A message of today whose order is stored, else one that the ledger knows although its rule or step is gone. Where
    only an earlier name of a message has a row (`formerly`), that row is meant.
    """
    parsed = parse_key(text, project.steps_by_rule())
    if parsed is not None:
        order, rule, step = parsed
        if next(iter(reader.orders_by_id([order])), None) is not None:
            return order, _ledger_key(project, reader, order, (rule, step or ""))
    return next(_in_ledger(reader, text), None)


def _ledger_key(project: Project, reader: Reader, order: str, key: MessageKey) -> MessageKey:
    history = reader.histories([order]).get(order)
    rule = project.rule(key[0])
    if history is None or rule is None or key in history.records:
        return key
    row = next((history.find(step.keys) for step in rule.written if step.keys[0] == key), None)
    return (row.rule, row.step) if row is not None else key


def _in_ledger(reader: Reader, text: str) -> Iterator[tuple[str, MessageKey]]:
    """The rows whose key reads so, the longest order id first."""
    parts = text.split("/")
    for width in (1, 2):
        order = "/".join(parts[:-width])
        history = reader.histories([order]).get(order) if order else None
        rule, step = (*parts[-width:], "")[:2]
        if history is not None and (rule, step) in history.records:
            yield order, (rule, step)


def unknown_message(project: Project, reader: Reader, key: str) -> UserError:
    """The error for a text that is not a message's key, or that of an order which is not in the store."""
    parsed = parse_key(key, project.steps_by_rule())
    return unknown_key(project, key) if parsed is None else unknown_order(reader, parsed[0], "")


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
    """The rules of these names, None for no name; raises UserError for one that does not exist.

    One text is one name, not its letters.
    """
    wanted = frozenset((names,) if isinstance(names, str) else names)
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
