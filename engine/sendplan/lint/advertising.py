"""What the law asks of advertising: it is marked as such, and every mail offers a way out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem
from sendplan.project.project_folder import TEMPLATES
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import TRANSACTIONAL

RULING = "BGH VI ZR 225/17"
"""German Federal Court of Justice, 10 July 2018: a request for feedback is advertising, even beside an invoice."""

_LINK = re.compile(r"""\bshop\s*(?:\.\s*unsubscribe\b|\[\s*["']unsubscribe["']\s*\])""")
_WORDS = re.compile(
    r"feedback|bewertung|rezension|\breviews?\b|\bratings?\b|\brate us\b|cross-?\s?sell|up-?sell|newsletter"
    r"|empfehlung|recommend|werbung|advertis|promotion",
    re.IGNORECASE,
)
_FIELDS = ("seller_feedback", "buyer_feedback")


def missing_unsubscribe_blocks(subject: Subject) -> Iterator[Problem]:
    """A class needs a way to unsubscribe, and the template's text shows none."""
    classes = subject.project.settings.classes
    if _LINK.search(subject.layout):
        return
    for _, rule in subject.rules():
        for step in rule.written:
            if not classes[step.klass].unsubscribe_required:
                continue
            without = [path for path in subject.files_of(step.template) if not _LINK.search(subject.templates[path])]
            if without:
                files = " and ".join(f"`{TEMPLATES}/{path}`" for path in without)
                message = f"{files} {'has' if len(without) == 1 else 'have'} no unsubscribe block"
                place = subject.step_span(rule, step, "template")
                yield warning("no-unsubscribe-block", message, place, _block(subject, without[0]))


def _block(subject: Subject, path: str) -> str:
    language = path.rsplit(".", 2)[1]
    part = f"_unsubscribe.{language}.md"
    if part in subject.templates:
        return f'end it with `{{% include "{part}" %}}`'
    return "end it with `[Unsubscribe]({{ shop.unsubscribe }})`"


def advertising(subject: Subject) -> Iterator[Problem]:
    """A transactional message that asks for feedback or wants to sell."""
    for _, rule in subject.rules():
        for step in rule.written:
            why = _advertises(rule, step) if step.klass == TRANSACTIONAL else None
            if why is not None:
                message = f"{why}: that looks like advertising, which needs consent or a legitimate interest ({RULING})"
                names = [name for name in subject.project.settings.classes if name != TRANSACTIONAL]
                known = f"`class: {names[0]}`" if names else "a class of its own under `classes:` in sendplan.yaml"
                yield warning("advertising", message, subject.step_span(rule, step), f"give it {known}")


def _advertises(rule: Rule, step: Step) -> str | None:
    for what, text in (("id", rule.id), ("id", step.id), ("title", rule.title), ("template", step.template)):
        word = _WORDS.search(text)
        if word:
            return f"the {what} says `{word[0]}`"
    named = [name for each in (rule.due, *step.triggers) for name in sorted(each.fields()) if name in _FIELDS]
    return f"the rule reads `{named[0]}`" if named else None
