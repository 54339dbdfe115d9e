"""What people change by hand, by whatever face: the change and its note, both or neither.

The notes are what `sendplan status --audit` prints (docs/commands.md#sendplan-status).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime

from sendplan.addresses import masked
from sendplan.dataclass import dataclass
from sendplan.dispatch import recover
from sendplan.ledger import EVERY_CLASS, MessageKey, Snooze, SnoozeSubject
from sendplan.operating.settling import Settled, Verb, settle
from sendplan.project.project import Project
from sendplan.store.adoption import JOURNALS, checked
from sendplan.store.protocols import Store
from sendplan.store.records import Act

EVERYTHING = "*"
"""As the name of what is paused: every sender and rule."""
BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts, and the store in which that is done and noted."""

    name: str
    store: Store

    def note(self, act: str, subject: str, detail: str = "") -> None:
        """Note what was done, at the real time."""
        self.store.note_act(Act(_real_time(), self.name, act, subject, detail))

    def pause(self, target: str) -> bool:
        """Hold a sender's or rule's messages, `EVERYTHING` all; False when it was paused already."""
        with self.store.together():
            changed = self.store.pause(target, at=datetime.now(UTC))
            if changed:
                self.note("pause", target)
        return changed

    def resume(self, target: str) -> bool:
        """End a pause; False when there was none."""
        with self.store.together():
            changed = self.store.resume(target)
            if changed:
                self.note("resume", target)
        return changed

    def snooze(self, subject: SnoozeSubject, name: str, until: date, rule: str = "", reason: str = "") -> None:
        """Hold an order's or a buyer's messages until a day of the shop begins; only a rule's when one is named."""
        with self.store.together():
            self.store.snooze(Snooze(subject, name, until, datetime.now(UTC), rule, reason))
            self._note_snooze("snooze", subject, name, f"snoozed until {until}", rule, reason)

    def wake(self, subject: SnoozeSubject, name: str, rule: str | None = None) -> bool:
        """End a snooze (`rule` as `Store.wake` takes it); False when there was none."""
        with self.store.together():
            woken = self.store.wake(subject, name, rule)
            self._note_snooze("wake", subject, name, "goes on" if woken else "was not snoozed", rule or "")
        return woken

    def _note_snooze(self, act: str, subject: SnoozeSubject, name: str, *detail: str) -> None:
        about = masked(name) if subject is SnoozeSubject.ADDRESS else name
        self.note(act, about, " ".join(filter(None, detail)))

    def suppress(self, address: str, klass: str = EVERY_CLASS, reason: str = BY_HAND) -> bool:
        """Send no mail, or none of a class, to an address any more; False when it was so already."""
        with self.store.together():
            added = self.store.suppress(address, at=datetime.now(UTC), reason=reason, klass=klass)
            if added:
                self.note("suppress", masked(address), " ".join(filter(None, (klass, reason))))
        return added

    def unsuppress(self, address: str, klass: str = EVERY_CLASS) -> bool:
        """Lift one suppression; False when there was none."""
        with self.store.together():
            removed = self.store.unsuppress(address, klass)
            if removed:
                self.note("unsuppress", masked(address), klass)
        return removed

    def settle(
        self,
        project: Project,
        choose: Callable[[Collection[str]], Iterable[tuple[str, MessageKey]]],
        outcome: Verb,
        *,
        at: datetime,
        marked: Collection[str] = (),
    ) -> tuple[tuple[Settled, ...], tuple[str, ...]]:
        """Settle the messages that `choose` names; `at` is when they were sent (UTC).

        With `drop`, orders of `marked` of which an import refused a row get mail again; the second value tells which,
        and `choose` hears it.
        Raises UserError when the store may have forgotten mails that left.
        """
        store = self.store
        with checked(project.settings, store) as marks:
            # What a vanished run left in flight is a person's as soon as its lease has ended, before any other run.
            recover(store, project.settings.folder / JOURNALS, datetime.now(UTC))
            freed = tuple(order for order in marked if outcome is Verb.DROP and store.unmark(order))
            settled = settle(store, dict.fromkeys(choose(freed)), outcome, at=at)
            for done in (*freed, *(each.key for each in settled if each.done)):
                self.note("resolve", done, outcome.value)
            marks.rise(store.high_water())
        return settled, freed

    def look(self, order: str) -> None:
        """Note that somebody was shown the whole address of an order's buyer."""
        self.note("look", order, "the buyer's address")


def user_name() -> str:
    """The name of whoever works on this computer, as it knows it."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _real_time() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
