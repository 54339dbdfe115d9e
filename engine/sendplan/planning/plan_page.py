"""A plan as one self-contained HTML page: no scripts, light and dark, for a screen of any width and for paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from sendplan.plan import MessageGroup, Plan, Status
from sendplan.planning.plan_markdown import HEADINGS, columns_of, filled
from sendplan.text import clean, minute

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --page: #fff; --warn: #b54708 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa4af; --line: #3a424c; --page: #14181d; --warn: #f0914b }
}
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
h3 { font-size: 1rem; margin: 1.5rem 0 0 }
p { color: var(--soft); margin: .25rem 0 }
p.warning { border-left: 4px solid var(--warn); padding-left: .75rem; color: var(--ink) }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere }
.table { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: .5rem }
th, td { padding: .3rem 1.5rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
td.number, th.number { text-align: right }
td:last-child, th:last-child { padding-right: 0 }
.messages td:not([data-label="Why"]) { white-space: nowrap }
@media (max-width: 44rem) {
  body { padding: 1rem }
  th, td { padding-right: .75rem }
  .messages thead { display: none }
  .messages, .messages tbody, .messages tr { display: block }
  .messages tr { border-bottom: 1px solid var(--line); padding: .4rem 0 }
  .messages td { display: flex; border: 0; padding: 0 }
  .messages td:empty { display: none }
  .messages td::before { content: attr(data-label); color: var(--soft); flex: 0 0 6rem }
}
@media print { body { max-width: none; padding: 0 } h3, tr { break-inside: avoid } }
"""


def page(plan: Plan) -> str:
    """The whole page; addresses are shown as the plan holds them."""
    title = f"Plan for {minute(plan.now)} ({plan.timezone})"
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{plan.totals()}. Plan <code>{escape(plan.id)}</code></p>"]
    if plan.suppressed:
        parts.append(f"<p>{plan.said_of_suppressed()}</p>")
    if plan.refused:
        parts.append(
            '<p class="warning">Refused: more mails than <code>limits.per_run</code> allows. '
            "Nothing leaves until somebody approves it.</p>"
        )
    parts += [f'<p class="warning">{_text(warning)}</p>' for warning in plan.warnings]
    parts += _totals(plan)
    found = plan.groups()
    for status, heading in HEADINGS.items():
        listed = [group for group in found if group.status is status]
        if listed:
            parts.append(f"<h2>{heading} ({sum(len(group.entries) for group in listed):,})</h2>")
        parts += [part for group in listed for part in _group(group)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _totals(plan: Plan) -> Iterator[str]:
    by_rule = plan.summary()["by_rule"]
    if not by_rule:
        return
    yield "<h2>By rule</h2>"
    yield '<div class="table"><table>'
    heads = "".join(f'<th scope="col" class="number">{status.value}</th>' for status in Status)
    yield f'<thead><tr><th scope="col">Rule</th>{heads}</tr></thead><tbody>'
    for rule, counts in by_rule.items():
        cells = "".join(f'<td class="number">{counts.get(status.value, 0):,}</td>' for status in Status)
        yield f'<tr><th scope="row">{_text(rule)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _group(group: MessageGroup) -> Iterator[str]:
    yield f"<h3>{_text(group.rule)} ({len(group.entries):,})</h3>"
    if group.formula:
        yield f"<p>Due: <code>{_text(group.formula)}</code></p>"
    rows = [columns_of(entry) for entry in group.entries]
    names = filled(rows)
    heads = "".join(f'<th scope="col">{name}</th>' for name in names)
    yield f'<table class="messages"><thead><tr>{heads}</tr></thead><tbody>'
    for row in rows:
        yield "<tr>" + "".join(f'<td data-label="{name}">{_text(row[name])}</td>' for name in names) + "</tr>"
    yield "</tbody></table>"


def _text(text: str) -> str:
    return escape(clean(text))
