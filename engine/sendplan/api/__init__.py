"""The public Python API: what the commands do, for programs and tests (docs/python.md).

`import sendplan` gives these names. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sendplan.api.acting import Acting
from sendplan.api.opened import ProblemsError, When, check_plan, check_text, real_time
from sendplan.dataclass import dataclass
from sendplan.plan import Plan
from sendplan.problems import Problem

if TYPE_CHECKING:
    from types import TracebackType

    from sendplan.comparing.difference import Difference
    from sendplan.deciding.decision import Decision
    from sendplan.ledger import Move
    from sendplan.mail.preview import MessagePreview
    from sendplan.operating.overview import Overview
    from sendplan.planning.funnel import Funnel
    from sendplan.planning.planner import OrderDecisions
    from sendplan.project.project import Project
    from sendplan.scenarios.coverage import Report as CoverageReport
    from sendplan.scenarios.tests import PlayedTest
    from sendplan.simulation.forecast import Forecast

OtherRules: TypeAlias = "OpenProject | str | Path"
"""Rules to compare with: a project, the folder of one, or a git revision."""


def open_project(folder: str | Path = ".", *, store: str | None = None) -> OpenProject:
    """The project in a folder, checked; `store` names another store than its settings do, such as one for a test.

    Raises ProblemsError with every error in its settings, rules and mappings, each with file, line and column.
    """
    from sendplan.project.project import load
    from sendplan.project.project_folder import FILE

    path = Path(folder).resolve()
    if not (path / FILE).is_file():
        raise ProblemsError(Problem("no-project", f"`{folder}` holds no {FILE}", None, "name a project's folder"))
    project, problems = load(path)
    errors = [problem for problem in problems if problem.is_error]
    if project is None or errors:
        raise ProblemsError(errors or problems)
    if store is not None:
        project = replace(project, settings=replace(project.settings, store=store))
    return OpenProject(project)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one rule sends an order's message, or does not."""

    order: str
    rule: str
    step: str | None
    reason: str
    """One of the reasons of docs/language.md#reasons, such as `send` or `not_due`."""
    why: str
    """One sentence for a person."""
    text: str
    """The reason, every check on the way to it, and the values under each part of the conditions."""
    decision: Decision


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order that a search found, with what each rule says of it."""

    id: str
    number: str
    """What the buyer sees."""
    account: str
    title: str
    """The order as people know it, the address masked."""
    explanations: tuple[Explanation, ...]
    """A decision of every rule."""


def check(folder: str | Path = ".") -> tuple[Problem, ...]:
    """Every problem of the project in a folder, errors and warnings, like `sendplan check`."""
    from sendplan import checking

    return tuple(checking.check(Path(folder).resolve()))


def read_plan(file: str | Path) -> Plan:
    """The plan that `sendplan plan -o FILE` wrote; raises ProblemsError for what is none, or was edited."""
    from sendplan.planning import plan_file

    return plan_file.read_plan(Path(file))


def diff_plans(old: Plan, new: Plan) -> Difference:
    """What a newer plan adds, drops, moves and changes beside an older one, like `sendplan diff OLD NEW`."""
    from sendplan.comparing.difference import of_plans

    check_plan(old)
    check_plan(new)
    return of_plans(old, new)


class OpenProject(Acting):
    """A project with its store. Every method opens the store for as long as it works, so there is nothing to close."""

    def __enter__(self) -> OpenProject:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    # --- looking; nothing of it changes anything ---

    def plan(
        self,
        now: When = None,
        *,
        rules: Iterable[str] | None = None,
        account: str | None = None,
        find: str | None = None,
        show_addresses: bool = False,
    ) -> Plan:
        """What would leave at `now`, what is for later, held or in error, like `sendplan plan`.

        Raises ProblemsError for an unknown rule or account.
        """
        from sendplan.planning.finding import ids_found
        from sendplan.planning.lookup import known_account, known_rules
        from sendplan.planning.planner import make_plan

        wanted = known_rules(self._project, rules) if rules is not None else None
        with self._reader() as reader:
            return make_plan(
                self._project,
                reader,
                self._clock(now),
                rules=wanted,
                account=known_account(self._project, account),
                orders=ids_found(reader, find) if find is not None else None,
                show_addresses=show_addresses,
            )

    def funnel(self, now: When = None) -> tuple[Funnel, ...]:
        """For each rule, how many orders stopped at which reason, like `sendplan plan --funnel`."""
        from sendplan.planning.funnel import funnels
        from sendplan.planning.planner import decide_orders

        with self._reader() as reader:
            decided = decide_orders(self._project, reader, self._clock(now))
            return funnels(decided, self._project.settings.calendar)

    def find(self, text: str, now: When = None, *, limit: int = 20) -> tuple[FoundOrder, ...]:
        """The orders that a text finds, at most `limit`, like `sendplan find`; those that it names in full come first.

        An id, number, name, e-mail address or customer, or parts of them; of several words all must be found.
        """
        from sendplan.planning.finding import find, title

        check_text(text)
        with self._reader() as reader:
            found = find(self._project, reader, text, self._clock(now), limit=limit)
        calendar = self._project.settings.calendar
        return tuple(
            FoundOrder(
                each.facts.id,
                str(each.facts.values["number"]),
                each.facts.account,
                title(each.facts, calendar),
                tuple(self._explained(each)),
            )
            for each in found
        )

    def explain(self, order: str, now: When = None, *, rules: Iterable[str] | None = None) -> tuple[Explanation, ...]:
        """Every rule's decision, or that of these rules, on the order of this id, number or e-mail address.

        Like `sendplan explain`. A number or address may name several orders. Raises ProblemsError for an unknown order.
        """
        from sendplan.planning.lookup import decided_orders, known_rules

        check_text(order)
        wanted = known_rules(self._project, rules) if rules is not None else None
        with self._reader() as reader:
            decided = decided_orders(self._project, reader, order, self._clock(now), wanted)
        return tuple(explained for each in decided for explained in self._explained(each))

    def history(self, key: str) -> tuple[Move, ...]:
        """What happened to the message ORDER/RULE or ORDER/RULE/STEP, oldest first, like `explain --message`."""
        from sendplan.planning.lookup import moves_of

        check_text(key)
        with self._reader() as reader:
            return moves_of(self._project, reader, key)

    def preview(self, key: str, now: When = None) -> MessagePreview:
        """The message ORDER/RULE or ORDER/RULE/STEP as it would leave, whether or not it is due.

        Raises ProblemsError for an unknown order or message, and for a text that cannot be rendered.
        """
        from sendplan.mail.preview import preview

        check_text(key)
        with self._reader() as reader:
            return preview(self._project, reader, key, self._clock(now))

    def diff(self, other: OtherRules, now: When = None) -> Difference:
        """What these rules add, drop, move and change beside the other ones, over this project's orders.

        Like `sendplan diff --rules-from`; `other` is a project, a folder, or a git revision of this project.
        """
        from sendplan.comparing.difference import of_rules

        with self._other(other) as (before, name):
            return of_rules(before, self._project, self._clock(now), (name, "the present rules"))

    def simulate(self, first: str, last: str, *, every: str | None = None, other: OtherRules | None = None) -> Forecast:
        """What would leave from a day, or time, to another, both included, like `sendplan simulate`.

        `every` is another rhythm of runs (cron, the shop's clock); `other` are rules to compare with, as for `diff`.
        Raises ProblemsError for a wrong time or rhythm, and when no run falls into the time.
        """
        from sendplan.simulation.forecast import forecast

        if other is None:
            return forecast(self._project, first, last, every=every)
        with self._other(other) as (before, name):
            return forecast(self._project, first, last, every=every, before=before, name=name)

    def status(self, now: When = None) -> Overview:
        """What needs attention, counts, the last imports and runs, like `sendplan status`."""
        from sendplan.operating.overview import overview_of

        with self._reader() as reader:
            return overview_of(self._project, reader, self._clock(now), real_time())

    def test(self, *paths: str | Path, update: bool = False) -> tuple[PlayedTest, ...]:
        """Play the project's scenarios and snapshots, or those in `paths`; `update` keeps snapshots as they are now."""
        from sendplan.scenarios import tests

        played = tests.read_all(self.folder, [self._path(path) for path in paths])
        return tuple(tests.run(each, self._project, update=update) for each in played)

    def coverage(self, *paths: str | Path) -> CoverageReport:
        """What the scenarios do not exercise, like `sendplan test --coverage`."""
        from sendplan.scenarios import tests
        from sendplan.scenarios.coverage import Coverage

        seen = Coverage(self._project)
        for each in tests.read_all(self.folder, [self._path(path) for path in paths]):
            tests.run(each, self._project, seen.observe)
        return seen.report()

    def scenario_from(self, order: str, now: When = None) -> str:
        """A scenario (YAML) of an order as it went, with names and addresses replaced, like `test --from-order`."""
        from sendplan.scenarios.from_order import scenario_from_order

        check_text(order)
        with self._reader() as reader:
            return scenario_from_order(self._project, reader, order, self._clock(now).now)

    # --- helpers ---

    def _explained(self, decided: OrderDecisions) -> Iterator[Explanation]:
        from sendplan.planning.explain import explanation_text, next_change

        settings = self._project.settings
        for each in decided.decisions:
            step = (each.step.id or None) if each.step else None
            text = explanation_text(each, next_change(each, settings), settings.calendar)
            yield Explanation(decided.facts.id, each.rule.id, step, each.reason.value, each.why, text, each)

    @contextmanager
    def _other(self, other: OtherRules) -> Iterator[tuple[Project, str]]:
        """Rules to compare with, and what they are called."""
        from sendplan.comparing.revisions import project_at

        if isinstance(other, OpenProject):
            yield other._project, str(other.folder)
        else:
            with project_at(self.folder, str(other)) as project:
                yield project, str(other)
