"""Errors as values with positions: what is wrong, where, and what to write instead.

A user's mistake is never an exception with a traceback: it is a `Problem`, collected with all the others. Code that
cannot go on raises `UserError`, which carries its problems to the command line, the only place that ends the process.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum, StrEnum

from sendplan.dataclass import dataclass

_FRAME_WIDTH = 120
"""Of a longer line the frame shows only this many characters around the place."""


class Exit(IntEnum):
    """The exit codes of every command (docs/commands.md#exit-codes)."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    REFUSED = 3
    SOME_FAILED = 4
    SOME_UNKNOWN = 5
    DIFFERENT = 10


def code_of_signal(error: BaseException) -> int:
    """The exit code of what a signal ended: 143 for SIGTERM, whose number is the exception's argument, else 130."""
    return 128 + int(next(iter(error.args), signal.SIGINT))


class Severity(StrEnum):
    """How much a problem weighs: an error stops its rule or file, a warning only fails `check --strict`."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a user's file; lines and columns count from 1, `end_column` is not included."""

    file: str
    line: int
    column: int
    end_column: int
    text: str = ""
    """The whole source line, for the frame."""

    def narrowed(self, start: int, end: int) -> Span:
        """The part of this span from character `start` to `end` (counted from its first column)."""
        return Span(self.file, self.line, self.column + start, self.column + max(end, start + 1), self.text)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a user's file, with its place and what to write instead."""

    code: str
    """A key of `CODES`."""
    message: str
    span: Span | None = None
    help: str = ""
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        """Whether this problem stops what it stands in."""
        return self.severity is Severity.ERROR

    def frame(self) -> str:
        """The offending line with a caret under the place; empty without a position."""
        if self.span is None or not self.span.text:
            return ""
        line, start = self.span.text.replace("\t", " "), self.span.column - 1
        if len(line) > _FRAME_WIDTH:
            cut = max(0, start - _FRAME_WIDTH // 3)
            shown = line[cut : cut + _FRAME_WIDTH]
            line = ("…" if cut else "") + shown + ("…" if cut + len(shown) < len(line) else "")
            start += (1 if cut else 0) - cut
        width = max(1, min(self.span.end_column - self.span.column, len(line) - start))
        number = str(self.span.line)
        return f"{number} | {line}\n{' ' * len(number)} | {' ' * start}{'^' * width}"


class UserError(Exception):
    """The command cannot go on; carries every problem found and the exit code."""

    def __init__(self, problems: Problem | Iterable[Problem], exit_code: Exit = Exit.FINDINGS) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.exit_code = exit_code
        super().__init__("; ".join(problem.message for problem in self.problems))


def did_you_mean(name: str, known: Iterable[str], *, listing: bool = True) -> str:
    """A help sentence naming the closest known names; when none is close all of them, or nothing without `listing`."""
    names = sorted(known)
    # Two letters are like many words, and hardly meant by one of four.
    alike = [each for each in names if len(each) > 2 or len(name) <= 3]
    close = get_close_matches(name, alike, n=2, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"`{each}`" for each in close) + "?"
    return "known: " + ", ".join(names) if names and listing else ""


def wrong_value(message: str, help_: str) -> UserError:
    """The error for an argument that cannot be meant."""
    return UserError(Problem("wrong-value", message, None, help_), Exit.USAGE)


def unknown_name(message: str, name: str, known: Iterable[str]) -> UserError:
    """The error for an argument that names nothing, with the names that are like it."""
    return UserError(Problem("unknown-name", message, None, did_you_mean(name, known)), Exit.USAGE)


CODES: dict[str, str] = {
    "absent-column": "A column that the mapping names and the file lacks",
    "advertising": "A transactional message that looks like advertising",
    "always-true": "A condition that is true for every order",
    "attachment-missing": "A file that cannot go along with its mail",
    "awaits-approval": "A plan that nobody has approved yet",
    "bad-row": "A row that cannot become an order",
    "clock-apart": "A computer whose clock differs from the store's",
    "duplicate-id": "Two things with the same id",
    "duplicate-item": "The same item twice",
    "empty-value": "A missing value",
    "expires-ladder": "A later step that expires, which ends the ladder",
    "expires-short": "A message that expires while its window is shut",
    "expression-cut": "A comment that holds the rest of an expression",
    "expression-syntax": "An expression that cannot be read",
    "file-missing": "A file that does not exist",
    "file-unreadable": "A file that cannot be read",
    "foreign-store": "A store that sendplan did not send from last",
    "from-not-login": "A From address other than the login, where the provider asks for it",
    "ignore-comment": "An ignore comment without a known code or a reason",
    "illegal-move": "A message that cannot be settled like this",
    "import-file": "A file that cannot be imported",
    "import-suspicious": "A file that was read, perhaps not as meant",
    "ladder-short": "A ladder with fewer steps than its depth",
    "literal-password": "A password in a file",
    "lookback-short": "A rule that looks back for a shorter time than it takes",
    "mail-too-large": "A mail that is larger than allowed",
    "mailbox-unreadable": "A mailbox that cannot be read",
    "mark-unwritable": "Nowhere to note how far the mails have come",
    "message-header": "A header that cannot be written safely",
    "missing-extra": "A package that this needs and that is not installed",
    "missing-field": "A field that the template prints and the order lacks",
    "missing-key": "A required key is missing",
    "missing-level": "A word or fee for a level of dunning that the ladder lacks",
    "missing-password": "A password that cannot be read here",
    "missing-template": "A template without a file",
    "never-true": "A condition that is never true",
    "no-address": "An order without an e-mail address",
    "no-project": "A folder outside any project",
    "no-scenario": "A rule that no scenario covers",
    "no-unsubscribe-block": "Advertising without a way to unsubscribe",
    "not-logged-in": "A sender whose token this computer does not have",
    "not-a-test": "A test mail to the buyer",
    "not-approved": "An approval for a different number",
    "output-exists": "A file in the place of what is to be written",
    "over-limit": "A plan with more mails than one run may send",
    "password-ends": "A password where the provider switches password logins off",
    "payment-not-fresh": "A rule for unpaid orders that trusts old payment data",
    "plan-executed": "A plan that has already been executed",
    "plan-file": "A file that is not a plan, or was edited",
    "plan-in-execution": "A plan that another process executes",
    "plan-stale": "A plan that is out of date",
    "postcode-partial": "A part of a postcode where whole ones are compared",
    "project-exists": "A folder that already contains a project",
    "renamed-without-formerly": "A new id that hides what was sent under the old one",
    "scenario": "A scenario that cannot be played as written",
    "sent-circle": "Rules that wait for each other",
    "shared-field": "A field that two imports write for the same orders",
    "step-unreachable": "A step that nobody can reach",
    "store-broken": "A store that cannot be written",
    "store-busy": "A store that other commands keep busy",
    "store-left": "A store that was copied to another place",
    "store-newer": "A store of a later version of sendplan",
    "store-unreadable": "A file that is not a store",
    "template-construct": "A part of Jinja that is not available in mails",
    "template-html": "HTML in a Markdown template",
    "template-limit": "A template that runs too long or grows too large",
    "template-name": "A template file that no mail uses as meant",
    "template-subject": "Front matter without a usable subject",
    "template-syntax": "A template that Jinja cannot read",
    "template-value": "A value that cannot be printed like this",
    "translation-gap": "A text that one of the project's languages lacks",
    "type-mismatch": "Two types that do not go together",
    "unknown-column": "A column that belongs to no field",
    "unknown-field": "A field that no order has",
    "unknown-key": "A key that does not exist here",
    "unknown-message": "A key that does not belong to any message",
    "unknown-name": "A name that does not exist",
    "unknown-order": "An order that does not exist",
    "unknown-revision": "A revision that cannot be read",
    "unknown-value": "A text that no order holds",
    "unused-class": "A class that no rule uses",
    "unused-sender": "A sender that no account uses",
    "unused-template": "A template that no rule uses",
    "unused-window": "A window that no rule uses",
    "window-never-opens": "A window that never opens",
    "wrong-key": "A key that is not allowed here",
    "wrong-sign": "A message that is due before what it mentions",
    "wrong-type": "A value of the wrong type",
    "wrong-value": "A value that is not allowed",
    "yaml-alias": "An alias without anchor, or too many aliases",
    "yaml-character": "A character that YAML does not allow",
    "yaml-documents": "More than one document in a file",
    "yaml-duplicate-key": "The same key twice in one mapping",
    "yaml-empty": "A file without content",
    "yaml-encoding": "A file that is not UTF-8",
    "yaml-expression": "An expression that YAML reads as something else",
    "yaml-indentation": "A line with wrong indentation",
    "yaml-key": "A key that is not text",
    "yaml-merge-key": "A YAML merge key",
    "yaml-nesting": "Lists and mappings nested too deeply",
    "yaml-syntax": "Text that is not YAML",
    "yaml-tag": "A YAML tag",
    "zero-days": "An offset of zero",
}
"""Every code and its one-line title; `docs/problems.md` has a section for each."""
