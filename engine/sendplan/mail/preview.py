"""One message as it would leave, without any side effect."""

from __future__ import annotations

from dataclasses import dataclass

from sendplan.mail.attachments import Attachment
from sendplan.mail.compose import compose, templates_of
from sendplan.mail.message import Message
from sendplan.plan import parse_key
from sendplan.planning.lookup import decided_order, unknown_key
from sendplan.planning.planner import Clock
from sendplan.project.project import Project
from sendplan.store import Reader
from sendplan.templates.render import Rendered


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """A message as it would leave."""

    key: str
    message: Message
    rendered: Rendered

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


def preview(project: Project, reader: Reader, key: str, clock: Clock) -> MessagePreview:
    """The message KEY (ORDER/RULE or ORDER/RULE/STEP) as it would leave, whether or not it is due.

    Raises UserError for an unknown order or message, and for a template that cannot be rendered.
    """
    parsed = parse_key(key, project.steps_by_rule())
    if parsed is None:
        raise unknown_key(project, key)
    order, rule_id, step_id = parsed
    decided = decided_order(project, reader, order, clock)
    rule = next(rule for rule in project.rules_for(decided.facts.account) if rule.id == rule_id)
    step = next(step for step in rule.written if step.id == (step_id or ""))
    message, rendered = compose(project, templates_of(project), decided.facts, rule, step, now=clock.now)
    return MessagePreview(key, message, rendered)
