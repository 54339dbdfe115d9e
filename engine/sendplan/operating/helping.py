"""A host that takes part in sending what others planned (docs/hosts.md#sending-together)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import field

from sendplan.dataclass import dataclass
from sendplan.dispatch import DispatchReport, run
from sendplan.dispatch.delivery import check_clock, take_part
from sendplan.dispatch.run import owner
from sendplan.dispatch.stopping import Stop
from sendplan.events import emit
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.store import Store, open_store
from sendplan.store.adoption import checked, join, others_at_work, unmarked
from sendplan.store.hosts import OpenPlan
from sendplan.store.marks import Marks

POLL_SECONDS = 2.0
PLANS_AT_ONCE = 8
_RENEWAL_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Helping:
    """Looks for plans until it is stopped, and takes part in each in a thread of its own."""

    load: Callable[[], Project]
    """The project as its files are now; raises UserError."""
    stop: Stop
    told: Callable[[DispatchReport], None]
    """What came of this host's part of a plan; called from several threads."""
    warn: Callable[[str], None]
    """Something that a person should know; said once while it stays so."""
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _foreign: set[str] = field(default_factory=set)
    """Plans of other rules than this host's."""
    _warned: str = ""

    def to_end(self) -> None:
        """Until `stop` is set; what is past its intent is finished. A store that fails is tried again.

        Raises UserError for a project that cannot be used, a store that serves one host, and one in doubt.
        """
        project = self.load()
        while not self.stop.is_set():
            try:
                with closing(_opened(project)) as store:
                    check_clock(store)
                    if self._knows(project, store):
                        with checked(project.settings, store) as marks:
                            project = self._look_for_plans(project, store, marks)
            except UserError as error:
                if error.exit_code is Exit.REFUSED:
                    self.stop.set()
                    raise
                self._say(str(error))
            except OSError as error:
                self._say(str(error))
            self.stop.wait(POLL_SECONDS)
        for thread in self._threads.values():
            thread.join()

    def _knows(self, project: Project, store: Store) -> bool:
        """Whether this host may send from the store: a new one waits until it sees another at work.

        A copy of the store shows nobody who renews a lease.
        """
        settings = project.settings
        if not unmarked(settings, store):
            return True
        self._say("this host is new to the store: it takes part once it sees another host at work")
        while not self.stop.is_set():
            if others_at_work(store, self.stop.wait, _PATIENCE_SECONDS):
                join(settings, store)
                self._say("another host is at work on this store: this one takes part from now on")
                return True
        return False

    def _look_for_plans(self, project: Project, store: Store, marks: Marks) -> Project:
        token = store.join(owner(), run.LEASE_SECONDS)
        assert token is not None
        self._warned = ""
        renewed = time.monotonic()
        try:
            while not self.stop.is_set():
                self._threads = {each: thread for each, thread in self._threads.items() if thread.is_alive()}
                for each in store.open_plans():
                    if each.id not in self._threads and len(self._threads) < PLANS_AT_ONCE:
                        project = self._take_part(each, project, store)
                if time.monotonic() - renewed > _RENEWAL_SECONDS:
                    renewed = time.monotonic()
                    if not store.renew_lease(token, run.LEASE_SECONDS):
                        break
                    marks.rise(store.high_water())
                self.stop.wait(POLL_SECONDS)
        finally:
            store.leave(token)
        return project

    def _take_part(self, found: OpenPlan, project: Project, store: Store) -> Project:
        plan = store.plan(found.id)
        if plan is None or found.id in self._foreign:
            return project
        if plan.digest != project.digest:
            project = self.load()
        if plan.digest != project.digest:
            self._foreign.add(found.id)
            self._say(f"plan {found.id} is left to others: it was made with other rules, settings or templates")
            return project

        def work() -> None:
            try:
                report = take_part(plan, project, found.sending_at, stop=self.stop)
                if report is not None and report.results:
                    self.told(report)
            except (UserError, OSError) as error:
                self._say(str(error))

        self._threads[found.id] = threading.Thread(target=work, name=f"plan-{found.id}")
        self._threads[found.id].start()
        return project

    def _say(self, text: str) -> None:
        if text != self._warned:
            self._warned = text
            emit("worker", logging.WARNING, message=text)
            self.warn(text)


def _opened(project: Project) -> Store:
    settings = project.settings
    store = open_store(settings.store, settings.folder, settings.fields, settings.calendar)
    if not store.shared:
        store.close()
        message = "`worker` needs a store that several hosts share; a file serves one"
        help_ = "name a PostgreSQL server under `store:` in sendplan.yaml, see docs/hosts.md"
        raise UserError(Problem("wrong-value", message, None, help_), Exit.REFUSED)
    return store
