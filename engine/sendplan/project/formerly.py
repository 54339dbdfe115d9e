"""Earlier names of messages: what was sent under them is never sent again (docs/project.md#formerly)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sendplan.ledger import ANY_STEP, MessageKey
from sendplan.problems import Problem
from sendplan.project.rules_file import RuleFiles, Written
from sendplan.reading.source import KeyPath


def rule_ids(rule: Written) -> tuple[str, ...]:
    """The rule's id, then the ids of the rules that it continues."""
    return tuple(dict.fromkeys((rule.id, *(name for name in _names(rule.data) if "/" not in name))))


def message_keys(rule: Written) -> tuple[tuple[MessageKey, ...], ...]:
    """For each step (without a ladder for the one message) its ledger key, then those of every earlier message.

    A plain rule takes over whatever its earlier rules sent. A ladder's step takes over those of its own id and of the
    words in its `formerly`, from this rule and from the earlier ones; a plain message goes to the step of that id,
    else to the first.
    """
    ids = rule_ids(rule)
    named = _exact(_names(rule.data))
    if not rule.steps:
        return (_unique((rule.id, ""), *((id_, ANY_STEP) for id_ in ids), *named),)
    inherited = (*((id_, "") for id_ in ids), *named)
    found = []
    for number, step in enumerate(rule.steps):
        names = _names(step)
        words = (str(step["id"]), *(name for name in names if "/" not in name))
        own = ((id_, word) for id_ in ids for word in words)
        heir = (key for key in inherited if _target(key) == step["id"] or (not number and _homeless(rule, key)))
        found.append(_unique(*own, *_exact(names), *heir))
    return tuple(found)


def silenced(files: RuleFiles) -> dict[str, list[Problem]]:
    """By rule, the names under `formerly` that are present messages: what they send would silence this rule."""
    present = {rule.id: rule for rule in files.written}
    return {rule.id: list(_silenced(rule, present)) for rule in files.written}


def _silenced(rule: Written, present: dict[str, Written]) -> Iterator[Problem]:
    for number, name in enumerate(_names(rule.data)):
        if ("/" not in name and name != rule.id and name in present) or _is_present(name, present):
            yield _problem(rule, ("formerly", number), name, "rule" if "/" not in name else "message")
    for place, step in enumerate(rule.steps):
        for number, name in enumerate(_names(step)):
            path = ("ladder", "steps", place, "formerly", number)
            if "/" not in name and name in rule.step_ids and name != step["id"]:
                yield _problem(rule, path, name, "step")
            elif name != f"{rule.id}/{step['id']}" and _is_present(name, present):
                yield _problem(rule, path, name, "message")


def _is_present(name: str, present: dict[str, Written]) -> bool:
    """Whether `RULE/STEP` or `RULE/` is a message that is sent today."""
    id_, slash, step = name.partition("/")
    if not slash or id_ not in present:
        return False
    return step in present[id_].step_ids if step else not present[id_].steps


def _problem(rule: Written, path: KeyPath, name: str, what: str) -> Problem:
    message = f"`{name}` is a {what} of today: whoever had its mail would never get this one"
    help_ = "name only what is gone; remove it here, or take the other one out"
    return Problem("duplicate-id", message, rule.document.span((*rule.path, *path)), help_)


def _names(data: object) -> Sequence[str]:
    return data.get("formerly", ()) if isinstance(data, dict) else ()


def _exact(names: Sequence[str]) -> tuple[MessageKey, ...]:
    return tuple((rule, step) for rule, slash, step in (name.partition("/") for name in names) if slash)


def _target(key: MessageKey) -> str:
    """The id of the step that takes an earlier message over."""
    return key[1] or key[0]


def _homeless(rule: Written, key: MessageKey) -> bool:
    return _target(key) not in rule.step_ids


def _unique(*keys: MessageKey) -> tuple[MessageKey, ...]:
    return tuple(dict.fromkeys(keys))
