"""What a program does to a project: orders in, mail out, and what people settle by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sendplan.api.opened import Opened, ProblemsError, When, check_plan, check_text, real_time
from sendplan.problems import unknown_name

if TYPE_CHECKING:
    from sendplan.dispatch import DispatchReport
    from sendplan.importing.import_report import ImportReport
    from sendplan.operating.adopting import Adopted
    from sendplan.operating.by_hand import Person
    from sendplan.operating.histories import HistoryReport
    from sendplan.operating.imports import SourceImport
    from sendplan.operating.resolving import Resolution
    from sendplan.operating.running import Run
    from sendplan.operating.suppressing import SuppressionChange
    from sendplan.operating.trying_senders import SenderTest
    from sendplan.plan import Plan
    from sendplan.store.records import Act, Approval


class Acting(Opened):
    """Everything that changes a project's store, or sends."""

    # --- orders ---

    def import_orders(
        self,
        file: str | Path,
        *,
        mapping: str | Path | None = None,
        system: str | None = None,
        strict: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Read a file of orders into the store, like `sendplan import`; relative paths are below the project's folder.

        `system` names a mapping that comes with sendplan. With `dry_run` nothing is stored, and the report's `previews`
        hold the orders as they would be. Bad rows are in the report's `problems` and stop no other.
        Raises ProblemsError when nothing could be stored, though it was meant to.
        """
        from sendplan.importing.mapping_file import shipped_names, shipped_path
        from sendplan.operating.imports import take_file

        mapped = self._path(mapping) if mapping is not None else None
        if system is not None:
            if system not in shipped_names():
                raise unknown_name(f"no mapping called `{system}` comes with sendplan", system, shipped_names())
            mapped = shipped_path(system)
        with self._store() as store:
            report = take_file(
                self._path(file),
                mapped,
                self._project.settings,
                store,
                real_time(),
                strict=strict,
                dry_run=sys.maxsize if dry_run else None,
            )
        if not report.stored and not dry_run:
            raise ProblemsError(report.problems)
        return report

    def read_imports(self) -> tuple[SourceImport, ...]:
        """Read every file that `imports:` names; what is refused is in the reports and stops none of the others."""
        from sendplan.operating.imports import read_imports

        with self._store() as store:
            return read_imports(self._project.settings, store, real_time())

    def import_history(self, file: str | Path, *, strict: bool = False, dry_run: bool = False) -> HistoryReport:
        """Record what another system has sent, so that no rule sends it again, like `sendplan import --history`.

        Bad rows are in the report's `problems` and stop no other, unless `strict`.
        """
        from sendplan.operating.histories import take_history

        path = self._path(file)
        with self._store() as store:
            return take_history(path, str(file), self._project, store, real_time(), strict=strict, dry_run=dry_run)

    # --- sending ---

    def send(
        self,
        plan: Plan,
        now: When = None,
        *,
        approve: int | None = None,
        redirect: str | None = None,
        to_dir: str | Path | None = None,
    ) -> DispatchReport:
        """Send exactly the plan's `send` entries, each decided again right before its mail, like `sendplan send`.

        `redirect` and `to_dir` make it a rehearsal: nothing enters the ledger. Raises ProblemsError, before any mail,
        for a plan that is stale, was executed already, or is over `limits.per_run` and not approved.
        """
        from sendplan.dispatch.delivery import Rehearsal, check_brake, deliver
        from sendplan.dispatch.stopping import Stop
        from sendplan.operating.approving import check_approved
        from sendplan.planning.plan_file import check_fresh

        check_plan(plan)
        clock = self._clock(now)
        check_fresh(plan, self._project, clock.now)
        check_brake(plan, self._project, approve)
        if redirect is None and to_dir is None and self._project.settings.approval:
            with self._reader() as reader:
                check_approved(plan, self._project, reader, real_time())
        redirect = redirect or self._project.settings.redirect
        rehearsal = Rehearsal(redirect, Path(to_dir) if to_dir is not None else None)
        fixed = clock if now is not None else None
        return deliver(
            plan,
            self._project,
            lambda: fixed or self._clock(None),
            stop=Stop(),
            rehearsal=rehearsal if redirect or to_dir is not None else None,
        )

    def run(self, now: When = None, *, imports: bool = True) -> Run:
        """Read the files under `imports:`, plan, and send, like `sendplan run`.

        Raises ProblemsError, before any mail, for a plan that is over `limits.per_run` or waits for approval.
        """
        from sendplan.dispatch.delivery import Rehearsal, deliver
        from sendplan.dispatch.stopping import Stop
        from sendplan.operating.running import Run, prepare, read_files, read_returned, ready
        from sendplan.planning.planner import make_plan

        clock, project = self._clock(now), self._project
        read = read_files(project.settings, real_time()) if imports else ()
        prepare(project, clock.now, real_time())
        returned, unread = read_returned(project.settings, real_time())
        with self._reader() as reader:
            plan = make_plan(project, reader, clock)
        fixed = clock if now is not None else None
        redirect = project.settings.redirect
        report = deliver(
            ready(plan, project, real_time()),
            project,
            lambda: fixed or self._clock(None),
            stop=Stop(),
            rehearsal=Rehearsal(redirect) if redirect else None,
        )
        return Run(read, returned, tuple(unread), plan, report)

    def approve(self, plan: Plan, now: When = None) -> Approval:
        """Say yes to a plan, which `approval: required` waits for, like `sendplan approve`.

        Raises UserError for a plan that is too old, of other rules, or has left already.
        """
        from sendplan.operating.approving import approve
        from sendplan.operating.by_hand import user_name
        from sendplan.planning.plan_file import check_fresh

        check_plan(plan)
        check_fresh(plan, self._project, self._clock(now).now)
        with self._store() as store:
            return approve(store, plan, user_name(), real_time())

    # --- by hand; each is noted for `status --audit` ---

    def resolve(
        self,
        *names: str,
        outcome: str,
        sender: str | None = None,
        rule: str | None = None,
        state: str | None = None,
        at: When = None,
    ) -> Resolution:
        """Settle messages as `sent`, `retry` or `drop`, like `sendplan resolve`.

        `names` are messages or orders; without them `sender`, `rule` and `state` (`failed`, `uncertain`, `missed`)
        choose among those that wait for a person. `at` is when they were sent. What could not be settled is told.
        Raises ProblemsError for names that mean nothing.
        """
        from sendplan.operating.resolving import resolve
        from sendplan.operating.settling import Verb

        check_text(*names)
        verbs = [each.value for each in Verb]
        if outcome not in verbs:
            raise unknown_name(f"there is no outcome `{outcome}`", outcome, verbs)
        with self._person() as person:
            return resolve(
                self._project,
                person,
                names,
                Verb(outcome),
                sender=sender,
                rule=rule,
                state=state,
                clock=self._clock(at),
            )

    def pause(self, name: str | None = None) -> bool:
        """Hold a sender's or a rule's messages, or all, like `sendplan pause`; False when they were held already."""
        from sendplan.operating.meant import pausable

        if name is not None:
            check_text(name)
        with self._person() as person:
            return person.pause(pausable(self._project, name))

    def resume(self, name: str | None = None) -> bool:
        """End a pause, like `sendplan resume`; False when there was none."""
        from sendplan.operating.meant import pausable

        if name is not None:
            check_text(name)
        with self._person() as person:
            return person.resume(pausable(self._project, name))

    def snooze(self, what: str, until: str, *, rule: str | None = None, reason: str = "") -> None:
        """Hold the messages of an order (id or number), or to an address, until a day begins, like `sendplan snooze`.

        Raises ProblemsError for an unknown order or rule, and a day that has begun.
        """
        from sendplan.operating.meant import day_ahead, order_or_buyer
        from sendplan.planning.lookup import known_rules

        check_text(what)
        known_rules(self._project, (rule,) if rule else ())
        day = day_ahead(until, self._project.settings.calendar.day(real_time()))
        with self._person() as person:
            person.snooze(*order_or_buyer(person.store, what), day, rule or "", reason)

    def wake(self, what: str, *, rule: str | None = None) -> bool:
        """End a snooze, like `sendplan snooze --remove`; False when there was none."""
        from sendplan.operating.meant import order_or_buyer
        from sendplan.planning.lookup import known_rules

        check_text(what)
        known_rules(self._project, (rule,) if rule else ())
        with self._person() as person:
            return person.wake(*order_or_buyer(person.store, what), rule)

    def suppress(
        self, *addresses: str, klass: str | None = None, reason: str | None = None
    ) -> tuple[SuppressionChange, ...]:
        """Send nothing, or nothing of a class, to these addresses any more, like `sendplan suppress`."""
        from sendplan.operating.suppressing import Namer, suppress

        check_text(*addresses)
        with self._person() as person:
            namer = Namer(self._project.settings, person.store, klass=klass, reason=reason, removing=False)
            return suppress(person, namer.addresses(addresses))

    def unsuppress(self, *addresses: str, klass: str | None = None) -> tuple[SuppressionChange, ...]:
        """Take suppressions off the list, like `sendplan suppress --remove`; others of an address stay."""
        from sendplan.operating.suppressing import Namer, unsuppress

        check_text(*addresses)
        with self._person() as person:
            namer = Namer(self._project.settings, person.store, klass=klass, reason=None, removing=True)
            return unsuppress(person, namer.addresses(addresses))

    def forget(self, who: str) -> tuple[str, ...]:
        """Erase a buyer, named by e-mail address or customer id, like `sendplan forget`; the ids of their orders.

        Raises ProblemsError when nobody is known by this name.
        """
        from sendplan.operating.forgetting import find_person, forget_person

        check_text(who)
        with self._store() as store:
            person = find_person(store, self._project.settings, who)
            forget_person(store, self._project.settings, person)
        return tuple(order.id for order in person.orders)

    def acts(self, limit: int = 1000) -> tuple[Act, ...]:
        """What people did by hand, the latest first, like `sendplan status --audit`."""
        with self._reader() as reader:
            return reader.acts(limit)

    def adopt(self, now: When = None) -> Adopted:
        """Accept a copied or restored store, and begin with orders from now on, like `sendplan adopt`.

        A store that nothing is wrong with stays as it is.
        """
        from sendplan.operating.adopting import adopt

        with self._store() as store:
            return adopt(self._project, store, self._clock(now))

    def smtp_test(self, sender: str | None = None, *, to: str | None = None) -> SenderTest:
        """Send a test mail through a sender, the first one by default, like `sendplan smtp-test`."""
        from sendplan.operating.trying_senders import try_sender

        return try_sender(self._project.settings, sender, to)

    @contextmanager
    def _person(self) -> Iterator[Person]:
        """Whoever runs the program, at work on the store."""
        from sendplan.operating.by_hand import Person, user_name

        with self._store() as store:
            yield Person(user_name(), store)
