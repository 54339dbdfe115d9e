"""One message as it would leave, without any side effect."""

from __future__ import annotations

from dataclasses import replace

from sendplan.addresses import mailbox
from sendplan.dataclass import dataclass
from sendplan.deciding.facts import Facts
from sendplan.mail.attachments import Attachment
from sendplan.mail.compose import compose, templates_of
from sendplan.mail.diagnosis import TestResult, deliver
from sendplan.mail.message import Message
from sendplan.plan import parse_key
from sendplan.planning.lookup import decided_order, unknown_key
from sendplan.planning.planner import Clock
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.languages import language_of
from sendplan.project.project import Project
from sendplan.project.rules import Rule, Step
from sendplan.store import Reader
from sendplan.store.records import SECRET
from sendplan.templates.render import Rendered

MARK = "[Test]"
"""What stands before the subject of a message that is sent to the merchant."""


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """A message as it would leave."""

    key: str
    message: Message
    rendered: Rendered
    languages: tuple[str, ...] = ()
    """The languages that its template is written in (BCP 47)."""

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return self.rendered.subject

    @property
    def text(self) -> str:
        """The text part."""
        return self.rendered.text

    @property
    def html(self) -> str:
        """The HTML part."""
        return self.rendered.html

    @property
    def language(self) -> str:
        """The language that it is written in (BCP 47)."""
        return self.rendered.language

    @property
    def eml(self) -> bytes:
        """The whole mail (RFC 5322), with CR LF."""
        return self.message.bytes

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that go along."""
        return self.message.attachments

    @property
    def headers(self) -> list[str]:
        """The lines of the mail's header, as sent."""
        return self.message.head.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")


def preview(project: Project, reader: Reader, key: str, clock: Clock, language: str | None = None) -> MessagePreview:
    """The message KEY (ORDER/RULE or ORDER/RULE/STEP) as it would leave, whether or not it is due.

    `language` (BCP 47) shows it as a buyer would get it who reads that. Its links to unsubscribe concern nobody.
    Raises UserError for an unknown order or message, and for a template that cannot be rendered.
    """
    facts, rule, step = _found(project, reader, key, clock)
    if language is not None:
        facts = replace(facts, values={**facts.values, "language": language})
    secret = reader.meta(SECRET) or ""
    composed = compose(project, templates_of(project), facts, rule, step, now=clock.now, secret=secret, neutral=True)
    return MessagePreview(key, *composed, _languages(project, step.template))


def _languages(project: Project, template: str) -> tuple[str, ...]:
    files = (path for path in project.templates if path.rpartition("/")[2].partition(".")[0] == template)
    return tuple(sorted(set(filter(None, map(language_of, files)))))


def send_preview(project: Project, reader: Reader, key: str, clock: Clock, to: str) -> TestResult:
    """Send the message to the merchant's own address, marked as a test; nothing of it enters the ledger.

    Raises UserError like `preview`, and for the buyer's address: that would be the message itself, sent unseen.
    """
    facts, rule, step = _found(project, reader, key, clock)
    if mailbox(to) == mailbox(str(facts.values.get("email", ""))):
        why = "this is the buyer's own address: the mail would not be known as sent, and be sent again"
        raise UserError(Problem("not-a-test", why, None, "name an address of your own"), Exit.USAGE)
    message, _ = compose(
        project,
        templates_of(project),
        facts,
        rule,
        step,
        now=clock.now,
        secret=reader.meta(SECRET) or "",
        redirect=to,
        rehearsal=True,
        neutral=True,
        mark=MARK,
    )
    return deliver(project.settings.senders[project.settings.accounts[facts.account].sender], message)


def _found(project: Project, reader: Reader, key: str, clock: Clock) -> tuple[Facts, Rule, Step]:
    parsed = parse_key(key, project.steps_by_rule())
    if parsed is None:
        raise unknown_key(project, key)
    order, rule_id, step_id = parsed
    decided = decided_order(project, reader, order, clock)
    rule = next(rule for rule in project.rules_for(decided.facts.account) if rule.id == rule_id)
    return decided.facts, rule, rule.step(step_id)
