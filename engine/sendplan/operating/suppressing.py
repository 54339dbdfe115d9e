"""Addresses that get no mail any more, or none of one class, as people name them.

See docs/commands.md#sendplan-suppress.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sendplan.addresses import address_error, mailbox
from sendplan.dataclass import dataclass
from sendplan.ledger import EVERY_CLASS
from sendplan.operating.by_hand import BY_HAND, Person
from sendplan.operating.meant import known_class
from sendplan.operating.unsubscribes import REASON, resolve
from sendplan.problems import Exit, Problem, Span, UserError
from sendplan.project.settings import Settings
from sendplan.store.protocols import Reader
from sendplan.unsubscribe_tokens import is_earlier

ALL_MAIL = "all mail"


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of the list of suppressed addresses: to be put on it, or taken off."""

    address: str
    klass: str
    """A class's name, or `EVERY_CLASS`."""
    reason: str = BY_HAND


@dataclass(frozen=True, slots=True)
class SuppressionChange:
    """What became of one line."""

    listing: Listing
    changed: bool
    """False when it was so already."""
    left: tuple[str, ...] = ()
    """After a removal, what the address still does not get: classes, or `ALL_MAIL`."""


class Namer:
    """Reads what people write: addresses, and tokens of unsubscribe links."""

    def __init__(
        self, settings: Settings, reader: Reader, *, klass: str | None, reason: str | None, removing: bool
    ) -> None:
        """`klass` narrows to a class (all mail, or what a token names, when None).

        Raises UserError for an unknown class, unless something is to be removed: what is on the list may be.
        """
        if klass is not None and not removing:
            known_class(settings, klass)
        self._settings, self._reader = settings, reader
        self._klass, self._reason, self._removing = klass, reason, removing

    def addresses(self, texts: Sequence[str]) -> list[Listing]:
        """What addresses stand for; raises UserError with everything that is wrong."""
        return self._all(map(self._address, texts))

    def token(self, text: str) -> list[Listing]:
        """What a token stands for; raises UserError for one that is nobody's."""
        return self._all([self._token(text)])

    def file(self, file: Path) -> list[Listing]:
        """What each line of a file stands for; empty ones count for nothing.

        Raises UserError with every line that is wrong.
        """
        return self._once_each(_file_listings(file, self))

    def line(self, text: str) -> list[Listing] | str:
        """What a line of a file stands for, or what is wrong with it."""
        return self._address(text) if "@" in text else self._token(text)

    def _all(self, found: Iterable[list[Listing] | str]) -> list[Listing]:
        listings, problems = list[Listing](), list[Problem]()
        for each in found:
            if isinstance(each, str):
                problems.append(Problem("wrong-value", each))
            else:
                listings += each
        if problems:
            raise UserError(problems, Exit.USAGE)
        return self._once_each(listings)

    def _once_each(self, listings: Iterable[Listing]) -> list[Listing]:
        first: dict[tuple[str, str], Listing] = {}
        for each in listings:
            reason = self._reason if self._reason is not None else each.reason
            first.setdefault((mailbox(each.address), each.klass), replace(each, reason=reason))
        return list(first.values())

    def _address(self, text: str) -> list[Listing] | str:
        """What is on the list already may always be removed, so that a removal looks at no address."""
        error = None if self._removing else address_error(text)
        of = EVERY_CLASS if self._klass is None else self._klass
        return f"`{text}` is not an e-mail address: {error}" if error else [Listing(text, of)]

    def _token(self, text: str) -> list[Listing] | str:
        found = resolve(text, self._settings, self._reader)
        if found is None:
            return f"`{text}` is no token that this store has made; copy all of what stands in the link"
        if not found.known:
            earlier = "is a token of an earlier version, and fits no buyer in this store"
            return (
                f"`{text}` {earlier if is_earlier(text) else 'is of a preview or rehearsal, and stands for no buyer'}"
            )
        classes = found.classes if self._klass is None else (self._klass,)
        if not classes:
            return f"`{text}` ends all advertising, and no class has `unsubscribe: required`; name one with --class"
        return [Listing(found.address, each, REASON) for each in classes]


def suppress(person: Person, listings: Iterable[Listing]) -> tuple[SuppressionChange, ...]:
    """Put lines on the list, all or none."""
    with person.store.together():
        return tuple(
            SuppressionChange(each, person.suppress(each.address, each.klass, each.reason)) for each in listings
        )


def unsuppress(person: Person, listings: Iterable[Listing]) -> tuple[SuppressionChange, ...]:
    """Take lines off the list, all or none; others of an address stay."""
    with person.store.together():
        done = [SuppressionChange(each, person.unsuppress(each.address, each.klass)) for each in listings]
        left: dict[str, list[str]] = {}
        for suppression in person.store.suppressions():
            left.setdefault(suppression.address, []).append(suppression.klass or ALL_MAIL)
    return tuple(replace(each, left=tuple(left.get(mailbox(each.listing.address), ()))) for each in done)


def _file_listings(file: Path, namer: Namer) -> Iterator[Listing]:
    problems: list[Problem] = []
    for number, line in enumerate(_lines(file), 1):
        written = line.strip()
        found = namer.line(written) if written else []
        if isinstance(found, str):
            column = line.index(written) + 1
            span = Span(str(file), number, column, column + len(written), line)
            problems.append(Problem("wrong-value", found, span, "write one address or one token a line"))
        else:
            yield from found
    if problems:
        raise UserError(problems, Exit.USAGE)


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start + 1})"
        problem = Problem("yaml-encoding", message, Span(str(file), 1, 1, 2), "save it as UTF-8")
        raise UserError(problem, Exit.USAGE) from error
    return re.split("\r\n|\r|\n", text)
