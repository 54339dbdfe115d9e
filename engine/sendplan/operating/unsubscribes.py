"""A token becomes a suppression, whichever way it came (docs/bounces.md#unsubscribing-by-mail)."""

from __future__ import annotations

from datetime import datetime

from sendplan.dataclass import dataclass
from sendplan.project.settings import TRANSACTIONAL, Settings
from sendplan.store.protocols import Reader, Store
from sendplan.store.records import SECRET
from sendplan.unsubscribe_tokens import EVERY_REQUIRED, NOBODY, Unsubscribe, earlier_token, is_earlier, read_token

REASON = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Whom a token unsubscribed, and from what."""

    address: str
    """`NOBODY` when the token fits no buyer."""
    classes: tuple[str, ...]
    language: str = ""

    @property
    def known(self) -> bool:
        """Whether it was somebody's."""
        return self.address != NOBODY


def unsubscribe(token: str, settings: Settings, store: Store, now: datetime) -> Unsubscribed | None:
    """Suppress what a token names; None for a text that this store has not made into one. `now` is UTC.

    An earlier version's token may be anybody's guess: whether it fits a buyer is not for those who send it.
    """
    found = resolve(token, settings, store)
    if found is not None and found.known:
        for klass in found.classes:
            store.suppress(found.address, at=now, reason=REASON, klass=klass)
    return found


def resolve(token: str, settings: Settings, reader: Reader) -> Unsubscribed | None:
    """What `unsubscribe` would suppress."""
    if is_earlier(token):
        return Unsubscribed(_earlier(token, settings, reader), _required(settings))
    wanted = read_token(reader.meta(SECRET) or "", token)
    return _of(wanted, settings) if wanted is not None else None


def _of(wanted: Unsubscribe, settings: Settings) -> Unsubscribed | None:
    classes = _required(settings) if wanted.klass == EVERY_REQUIRED else (wanted.klass,)
    return None if TRANSACTIONAL in classes else Unsubscribed(wanted.address, classes, wanted.language)


def _required(settings: Settings) -> tuple[str, ...]:
    return tuple(each.name for each in settings.classes.values() if each.unsubscribe_required)


def _earlier(token: str, settings: Settings, reader: Reader) -> str:
    """The buyer's address; one look at every order."""
    for order in reader.orders():
        address = str(order.values.get("email", ""))
        if address and earlier_token(settings.shop.name, address) == token:
            return address
    return NOBODY
