"""What is sent when: rules and their steps as frozen values. `rules_file` reads them from YAML.

See docs/project.md#rules.
"""

from __future__ import annotations

from datetime import date

from sendplan.dataclass import dataclass
from sendplan.expressions import Condition, Expression
from sendplan.ledger import MessageKey
from sendplan.problems import Problem, Span
from sendplan.units import Duration


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes along with every mail of a rule."""

    source: str
    """Its name below `attachments:`, as a template."""
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a rule: a ladder has several, any other rule exactly one whose id is empty."""

    id: str
    template: str
    triggers: tuple[Condition, ...]
    """The rule's condition, then the step's own, which narrows it."""
    regions: frozenset[str] | None
    """Names of allowed regions; None is `all`, which an unknown region passes too."""
    klass: str
    window: str | None
    expires: Duration | None
    after: Duration | None
    """In a ladder, from the day on which the previous step really went out (hours and minutes: from the instant)."""
    keys: tuple[MessageKey, ...]
    """The ledger key, then earlier ones (`formerly`), of which one may stand for every step of a rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule for one set of params: everything in it is a plain value."""

    id: str
    title: str
    enabled: bool
    due: Expression
    steps: tuple[Step, ...]
    """The active steps, from the top, as many as `depth` says."""
    written: tuple[Step, ...]
    """Every step that is written, disabled ones too."""
    ladder: bool
    depth: int | None
    """How many steps of a ladder are taken from the top; None: all that are enabled."""
    lookback: Duration | None
    orders_from: date | None
    reads: frozenset[str]
    """The stored fields behind its conditions, its due date and its classes."""
    description: str
    span: Span
    beyond: tuple[Step, ...] = ()
    """The enabled steps that `depth` leaves out; one that a person sent nevertheless ends the ladder."""
    ids: tuple[str, ...] = ()
    """Its id, then those of the rules that it continues (`formerly`)."""
    attach: tuple[Attached, ...] = ()

    def enabled_steps(self) -> tuple[Step, ...]:
        """The steps that are switched on, also those that `depth` leaves out."""
        return (*self.steps, *self.beyond)

    def step(self, id_: str | None) -> Step:
        """The written step of this id; None is the only step of a rule without a ladder."""
        return next(step for step in self.written if step.id == (id_ or ""))

    def step_ids(self) -> tuple[str, ...]:
        """The ids of all written steps; empty without a ladder."""
        return tuple(step.id for step in self.written) if self.ladder else ()

    def sent_keys(self) -> frozenset[MessageKey]:
        """The current ledger keys of the messages that its expressions ask about with `sent`."""
        expressions = (self.due, *(trigger for step in self.enabled_steps() for trigger in step.triggers))
        return frozenset(node.keys[0] for expression in expressions for node in expression.sent())


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that cannot be used: it becomes an error row, the others go on (docs/architecture.md#rules)."""

    id: str
    """As far as it could be read; else the file's name."""
    problem: Problem
