"""The mail for one order and step: template chosen, rendered, and built into bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sendplan.deciding.facts import Facts
from sendplan.ledger import message_digest
from sendplan.mail import attachments
from sendplan.mail.message import Message, MessageError, build, clean_name
from sendplan.planning.entries import chosen_template
from sendplan.problems import Problem, UserError, did_you_mean
from sendplan.project.project import Project
from sendplan.project.project_folder import TEMPLATES
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Settings
from sendplan.templates import Context, Templates, unsubscribe_links
from sendplan.units import size_text
from sendplan.unsubscribe_tokens import EVERY_REQUIRED, NOBODY, Unsubscribe, token_of

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
    secret: str,
    redirect: str | None = None,
    rehearsal: bool = False,
    neutral: bool = False,
    mark: str = "",
) -> tuple[Message, Rendered]:
    """The message as it would leave at `now` (UTC), with the rendered parts.

    `secret` is the store's, for `Message-ID` and links to unsubscribe. `redirect` replaces every recipient, a `mark`
    stands before the subject. With `neutral`, for readers other than the buyer, the links to unsubscribe concern
    nobody. Raises UserError: TemplateError for what cannot be rendered, MessageError for what no
    header may hold and a mail that is too large, AttachmentError for a file that cannot go along.
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
    address = str(facts.values["email"])
    token = _token(settings, secret, NOBODY if neutral else address, step.klass, chosen.language)
    context = Context(facts, settings.shop, account, sender, rule.id, rule.title, step.id or None, token)
    rendered = templates.render(chosen.path, chosen.language, context)
    names = (templates.file_name(each.source, chosen.language, context) for each in rule.attach)
    files = tuple(
        attachments.find(settings.folder / settings.attachments, settings.attachments, each) for each in names
    )
    needs_unsubscribe = settings.classes[step.klass].unsubscribe_required
    message = build(
        replace(rendered, subject=f"{mark} {rendered.subject}") if mark else rendered,
        digest=message_digest(secret, facts.id, (rule.id, step.id)),
        sender=sender,
        account=account,
        to=address,
        to_name=str(facts.values["name"]) if "name" in facts.values else None,
        unsubscribe=unsubscribe_links(settings.shop, token) if needs_unsubscribe else (),
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


def _token(settings: Settings, secret: str, address: str, klass: str, language: str) -> str:
    """A mail that nobody can unsubscribe from may still tell how to end the others."""
    named = klass if settings.classes[klass].unsubscribe_required else EVERY_REQUIRED
    return token_of(secret, Unsubscribe(address, named, language))
