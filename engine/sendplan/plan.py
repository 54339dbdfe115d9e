"""The send plan: the frozen model that people read and the dispatcher executes, and its JSON.

See docs/commands.md#sendplan-plan.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring as _string
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, assert_never

from sendplan import plan_text
from sendplan.dataclass import dataclass
from sendplan.text import counted, minute


class Reason(StrEnum):
    """The closed list of reasons, in the order in which the first that applies wins (docs/language.md#reasons)."""

    ERROR = "error"
    ACCOUNT_SKIPS_RULE = "account_skips_rule"
    DISABLED = "disabled"
    ALREADY_SENT = "already_sent"
    IN_FLIGHT = "in_flight"
    UNRESOLVED = "unresolved"
    PREDECESSOR_UNSENT = "predecessor_unsent"
    BEFORE_START = "before_start"
    TOO_OLD = "too_old"
    TRIGGER_FALSE = "trigger_false"
    TRIGGER_UNKNOWN = "trigger_unknown"
    REGION_EXCLUDED = "region_excluded"
    CLASS_BLOCKED = "class_blocked"
    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no_address"
    WAITING = "waiting"
    NOT_DUE = "not_due"
    EXPIRED = "expired"
    HELD = "held"
    PAUSED = "paused"
    STALE_DATA = "stale_data"
    RETRY_LATER = "retry_later"
    OUTSIDE_WINDOW = "outside_window"
    SEND = "send"


class Status(StrEnum):
    """What the plan lists: what leaves now, what leaves later, what waits for a person, what went wrong."""

    SEND = "send"
    LATER = "later"
    HELD = "held"
    ERROR = "error"


WOULD_LEAVE = frozenset({Status.SEND, Status.LATER, Status.HELD})
"""What the plan lists because a mail may come of it."""

STATUS_OF: Mapping[Reason, Status | None] = {
    Reason.ERROR: Status.ERROR,
    Reason.ACCOUNT_SKIPS_RULE: None,
    Reason.DISABLED: None,
    Reason.ALREADY_SENT: None,
    Reason.IN_FLIGHT: None,
    Reason.UNRESOLVED: None,
    Reason.PREDECESSOR_UNSENT: None,
    Reason.BEFORE_START: None,
    Reason.TOO_OLD: None,
    Reason.TRIGGER_FALSE: None,
    Reason.TRIGGER_UNKNOWN: None,
    Reason.REGION_EXCLUDED: None,
    Reason.CLASS_BLOCKED: None,
    Reason.SUPPRESSED: None,
    Reason.NO_ADDRESS: None,
    Reason.WAITING: None,
    Reason.NOT_DUE: None,
    Reason.EXPIRED: None,
    Reason.HELD: Status.HELD,
    Reason.PAUSED: Status.HELD,
    Reason.STALE_DATA: Status.HELD,
    Reason.RETRY_LATER: Status.LATER,
    Reason.OUTSIDE_WINDOW: Status.LATER,
    Reason.SEND: Status.SEND,
}
"""How a plan lists each reason; what it does not list only shows in `explain`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the plan: one message to one buyer, or why it is not sent now.

    Moments are text already: a date stays a bare date, an instant carries the shop's offset.
    """

    key: str
    status: Status
    reason: Reason
    why: str
    rule: str
    step: str | None
    order: str | None
    account: str | None = None
    region: str | None = None
    klass: str | None = None
    sender: str | None = None
    template: str | None = None
    language: str | None = None
    due: str | None = None
    send_at: str | None = None
    to: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The entry as `schemas/plan.schema.json` describes it."""
        return {("class" if name == "klass" else name): getattr(self, name) for name in _ENTRY_FIELDS}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """The entry back from its JSON."""
        values = {("klass" if name == "class" else name): value for name, value in data.items()}
        return cls(**{**values, "status": Status(data["status"]), "reason": Reason(data["reason"])})

    @property
    def waiting(self) -> str:
        """Why it does not leave now, and until when; empty for what leaves."""
        match self.status:
            case Status.SEND:
                return ""
            case Status.LATER:
                return f"{self.reason.value} until {minute(self.send_at)}"
            case Status.HELD | Status.ERROR:
                return self.reason.value
            case _:
                assert_never(self.status)

    def canonical(self) -> bytes:
        """The bytes of `canonical(self.to_json())`, which a plan's `id` is made of; a plan has many entries."""
        facts, names = self.facts, _forms_of_facts(tuple(self.facts))
        shown = names.canonical % tuple(_texts(map(facts.__getitem__, names.ordered)))
        texts: tuple[str, ...] = _SORTED((*_texts(_OWN(self)), shown))
        return (_forms(*_ALIKE(self)).canonical % texts).encode()

    def filed(self) -> bytes:
        """The bytes of the entry in a plan file, where it has a line for each value."""
        values = [_string(each) if type(each) is str else _lines(each) for each in self.facts.values()]
        shown = _forms_of_facts(tuple(self.facts)).filed % tuple(values)
        return (_forms(*_ALIKE(self)).filed % (*_texts(_OWN(self)), shown)).encode()

    def sort_key(self) -> tuple[bool | str, ...]:
        """Entries sort by (`send_at`, `rule`, `step`, `order`), null last."""
        columns = (self.send_at, self.rule, self.step, self.order)
        return tuple(part for each in columns for part in (each is None, each or ""))


_ENTRY_FIELDS = tuple(each.name for each in fields(Entry))
_JSON_NAMES = tuple(Entry("", Status.ERROR, Reason.ERROR, "", "", None, None).to_json())
_OWN_NAMES = ("key", "why", "order", "due", "to")
_OWN = attrgetter(*_OWN_NAMES)
"""What differs from entry to entry; the facts come last."""
_ALIKE_NAMES = tuple(name for name in _ENTRY_FIELDS[:-1] if name not in _OWN_NAMES)
_ALIKE = attrgetter(*_ALIKE_NAMES)
"""What many entries share."""
_SORTED = itemgetter(*sorted(range(len(_OWN_NAMES) + 1), key=(*_OWN_NAMES, "facts").__getitem__))


class _Forms(NamedTuple):
    """JSON with places for the texts that differ, in both forms."""

    canonical: str
    filed: str
    ordered: tuple[str, ...] = ()
    """Whose texts the canonical form takes, where that is another order."""


@lru_cache(maxsize=4096)
def _forms(*alike: str | None) -> _Forms:
    """An entry with these values."""
    shared = dict(zip(_ALIKE_NAMES, map(_escaped, alike), strict=True))
    texts = {name: shared.get(field, "%s") for name, field in zip(_JSON_NAMES, _ENTRY_FIELDS, strict=True)}
    inner = ",".join(f"{_string(name)}:{texts[name]}" for name in sorted(texts))
    lines = ",".join(f"\n   {_string(name)}: {text}" for name, text in texts.items())
    return _Forms(f"{{{inner}}}", f"\n  {{{lines}\n  }}")


@lru_cache(maxsize=4096)
def _forms_of_facts(names: tuple[str, ...]) -> _Forms:
    """Facts of these names."""
    inner = ",".join(f"{_escaped(name)}:%s" for name in sorted(names))
    lines = ",".join(f"\n    {_escaped(name)}: %s" for name in names)
    return _Forms(f"{{{inner}}}", f"{{{lines}\n   }}" if names else "{}", tuple(sorted(names)))


@dataclass(frozen=True, slots=True)
class Missed:
    """A message that would be listed, had it not expired or grown too old a few days ago (docs/sending.md#missed)."""

    rule: str
    step: str | None
    order: str
    sender: str
    at: str
    """When it was too late."""
    why: str

    @property
    def key(self) -> str:
        """`ORDER/RULE` or `ORDER/RULE/STEP`."""
        return key_of(self.order, self.rule, self.step)


@dataclass(frozen=True, slots=True)
class MessageGroup:
    """The messages of one rule that a plan lists under one status, in plan order."""

    status: Status
    rule: str
    formula: str
    """When its messages are due, as the rule says it; empty when the plan does not know (read from a file)."""
    entries: tuple[Entry, ...]

    @property
    def steps(self) -> bool:
        """Whether its messages are steps of a ladder."""
        return any(entry.step for entry in self.entries)

    @property
    def same_why(self) -> str | None:
        """The sentence that all its messages share; None when they differ."""
        sentences = {entry.why for entry in self.entries}
        return sentences.pop() if len(sentences) == 1 else None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run would do, complete before the first mail leaves."""

    now: str
    timezone: str
    digest: str
    """Hash of rules, settings and templates; a plan is stale when it no longer matches."""
    entries: tuple[Entry, ...]
    refused: str | None = None
    """`per_run` while the plan holds more sends than the project allows at once."""
    warnings: tuple[str, ...] = ()
    id: str = ""
    missed: tuple[Missed, ...] = field(default=(), compare=False)
    """By rule; warned of, and no part of the file."""
    unknown: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
    """(rule, field) → orders whose message waits only because the field is missing; warned of, no part of the file."""
    suppressed: int = field(default=0, compare=False)
    """Messages that would be listed, were their addresses not suppressed; no part of the file."""
    formulas: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Each rule that was looked at → when its messages are due, as it says it; for reading, no part of the file."""

    def with_status(self, status: Status) -> tuple[Entry, ...]:
        """The entries of one status, in plan order."""
        return tuple(entry for entry in self.entries if entry.status is status)

    @property
    def send(self) -> tuple[Entry, ...]:
        """What leaves now, in plan order."""
        return self.with_status(Status.SEND)

    @property
    def later(self) -> tuple[Entry, ...]:
        """What is due and leaves later: outside its window, or put off by the server."""
        return self.with_status(Status.LATER)

    @property
    def held(self) -> tuple[Entry, ...]:
        """What is due and waits for somebody or something: holds, pauses, stale data."""
        return self.with_status(Status.HELD)

    @property
    def errors(self) -> tuple[Entry, ...]:
        """What could not be decided, and rules that are broken."""
        return self.with_status(Status.ERROR)

    def groups(self) -> tuple[MessageGroup, ...]:
        """The messages by status, then by rule, each group in plan order."""
        return tuple(
            MessageGroup(status, rule, self.formulas.get(rule, ""), tuple(each for each in listed if each.rule == rule))
            for status in Status
            if (listed := self.with_status(status))
            for rule in sorted({each.rule for each in listed})
        )

    def totals(self) -> str:
        """How many messages there are of each status, for people."""
        summary = self.summary()
        return ", ".join(f"{summary[status.value]} {status.value}" for status in Status)

    def said_of_suppressed(self) -> str:
        """How many messages suppressed addresses keep out of the plan, for people."""
        return f"{counted(self.suppressed, 'message')} not listed: suppressed address"

    def to_text(self) -> str:
        """The plan as a snapshot shows it: grouped, one line a message, addresses masked unless the plan shows them."""
        return plan_text.text(self)

    def summary(self) -> dict[str, Any]:
        """Counts by status, and per rule by status."""
        by_rule: dict[str, Counter[str]] = {}
        for entry in self.entries:
            by_rule.setdefault(entry.rule, Counter())[entry.status.value] += 1
        totals = Counter(entry.status.value for entry in self.entries)
        counts: dict[str, Any] = {status.value: totals[status.value] for status in Status}
        return counts | {"by_rule": {rule: dict(sorted(by_rule[rule].items())) for rule in sorted(by_rule)}}

    def to_json(self) -> dict[str, Any]:
        """The plan file's content."""
        return self._head() | {"entries": [entry.to_json() for entry in self.entries]}

    def _head(self) -> dict[str, Any]:
        return {
            "format": 1,
            "id": self.id,
            "now": self.now,
            "timezone": self.timezone,
            "digest": self.digest,
            "refused": self.refused,
            "summary": self.summary(),
            "warnings": list(self.warnings),
            "entries": [],
        }

    def identified(self) -> Plan:
        """The plan with its `id`, the hash of everything else in it: same rules, store and `now`, same bytes."""
        before, after = canonical(self._head() | {"id": ""}).split(b'"entries":[]')
        hashed = hashlib.sha256(before + b'"entries":[')
        for number, entry in enumerate(self.entries):
            hashed.update(b"," * (number > 0) + entry.canonical())
        hashed.update(b"]" + after)
        return replace(self, id=hashed.hexdigest()[:16])

    def chunks(self) -> Iterator[bytes]:
        """The plan file entry by entry, byte-stable: `to_json` with indents, never whole in memory."""
        yield _indented(self._head()).removesuffix("]\n}").encode()
        for number, entry in enumerate(self.entries):
            yield b"," * (number > 0) + entry.filed()
        yield b"\n ]\n}\n" if self.entries else b"]\n}\n"

    def to_bytes(self) -> bytes:
        """The whole plan file."""
        return b"".join(self.chunks())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan back from its JSON, which the caller has checked against the schema."""
        return cls(
            now=data["now"],
            timezone=data["timezone"],
            digest=data["digest"],
            entries=tuple(Entry.from_json(each) for each in data["entries"]),
            refused=data["refused"],
            warnings=tuple(data["warnings"]),
            id=data["id"],
        )


def _escaped(value: object) -> str:
    """A value as JSON in one line, in a format."""
    return _text(value).replace("%", "%%")


def _texts(values: Iterable[object]) -> list[str]:
    """Values as JSON, each in one line."""
    return [_string(each) if type(each) is str else _text(each) for each in values]


def _text(value: object) -> str:
    """A value as JSON in one line."""
    if value is None:
        return "null"
    return _string(value) if isinstance(value, str) else _canonical_text(value)


def _lines(value: object) -> str:
    """A fact as JSON in a plan file: a list has a line for each element."""
    return _indented(value).replace("\n", "\n    ") if isinstance(value, list | dict) else _text(value)


def _indented(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1)


def canonical(data: object) -> bytes:
    """One byte form of JSON data, for hashing."""
    return _canonical_text(data).encode()


_canonical_text = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def key_of(order: str, rule: str, step: str | None) -> str:
    """A message's identity as people write it: `ORDER/RULE` or `ORDER/RULE/STEP` (docs/project.md#rules)."""
    return "/".join(part for part in (order, rule, step) if part)


def parse_key(key: str, rules: Mapping[str, Sequence[str]]) -> tuple[str, str, str | None] | None:
    """(order, rule, step) of a written key, or None; `rules` maps a rule's id to its step ids (empty: no ladder).

    Read from the right, because an order's id may hold slashes (`2024/17`).
    """
    parts = key.split("/")
    if len(parts) >= 3 and parts[-1] in rules.get(parts[-2], ()):
        return "/".join(parts[:-2]), parts[-2], parts[-1]
    if len(parts) >= 2 and parts[-1] in rules and not rules[parts[-1]]:
        return "/".join(parts[:-1]), parts[-1], None
    return None
