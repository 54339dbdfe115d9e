"""The mail for one order and step: template chosen, rendered, and built into bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sendplan.deciding.facts import Facts
from sendplan.mail import attachments
from sendplan.mail.message import Message, MessageError, build, clean_name
from sendplan.plan import key_of
from sendplan.planning.planner import chosen_template
from sendplan.problems import Problem, UserError, did_you_mean
from sendplan.project.project import TEMPLATES, Project
from sendplan.project.rules import Rule, Step
from sendplan.templates import Context, Templates, unsubscribe_links
from sendplan.units import size_text

if TYPE_CHECKING:
    from sendplan.templates import Rendered


def templates_of(project: Project) -> Templates:
    """The project's templates, compiled when first used."""
    return Templates(project.settings.folder / TEMPLATES, project.settings)


def compose(
    project: Project,
    templates: Templates,
    facts: Facts,
    rule: Rule,
    step: Step,
    *,
    now: datetime,
    redirect: str | None = None,
    rehearsal: bool = False,
    mark: str = "",
) -> tuple[Message, Rendered]:
    """The message as it would leave at `now` (UTC), with the rendered parts.

    `redirect` replaces every recipient; a `mark` stands before the subject. Raises UserError: TemplateError for what
    cannot be rendered, MessageError for what no header may hold and a mail that is too large, AttachmentError for a
    file that cannot go along.
    """
    settings = project.settings
    account = settings.accounts.get(facts.account)
    if account is None:
        gone = f"account `{facts.account}` of order `{facts.id}` is not in sendplan.yaml"
        raise UserError(Problem("unknown-name", gone, None, did_you_mean(facts.account, settings.accounts)))
    sender = settings.senders[account.sender]
    chosen = chosen_template(project, facts, step.template)
    if chosen is None:
        raise UserError(Problem("missing-template", f"there is no template `{step.template}` for this buyer"))
    if "email" not in facts.values:
        raise UserError(Problem("no-address", f"order {facts.id} has no e-mail address"))
    if "name" in facts.values:
        # Also in the text: a subject may greet the buyer.
        facts = replace(facts, values={**facts.values, "name": clean_name(str(facts.values["name"]))})
    context = Context(facts, settings.shop, account, sender, rule.id, rule.title, step.id or None)
    rendered = templates.render(chosen.path, chosen.language, context)
    address = str(facts.values["email"])
    names = (templates.file_name(each.source, chosen.language, context) for each in rule.attach)
    files = tuple(
        attachments.find(settings.folder / settings.attachments, settings.attachments, each) for each in names
    )
    needs_unsubscribe = settings.classes[step.klass].unsubscribe_required
    message = build(
        replace(rendered, subject=f"{mark} {rendered.subject}") if mark else rendered,
        key=key_of(facts.id, rule.id, step.id or None),
        sender=sender,
        account=account,
        to=address,
        to_name=str(facts.values["name"]) if "name" in facts.values else None,
        unsubscribe=unsubscribe_links(settings.shop, address) if needs_unsubscribe else (),
        now=settings.calendar.local(now),
        attachments=files,
        redirect=redirect,
        rehearsal=rehearsal,
    )
    if message.size > settings.largest_mail:
        sizes = f"{size_text(message.size)}, and `limits.attachment` allows {size_text(settings.largest_mail)}"
        largest = max(files, key=lambda file: file.size, default=None)
        with_ = f" with `{largest.shown}`" if largest else ""
        raise MessageError(Problem("mail-too-large", f"the mail{with_} is too large: {sizes}"))
    return message, rendered
