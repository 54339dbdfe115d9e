"""A simulation as one self-contained HTML page: a chart and tables, no scripts, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from html import escape

from sendplan.simulation.chart import Series, svg
from sendplan.simulation.volumes import ComparedVolumes, Periods, Row, Volumes, period_rows, region_rows
from sendplan.text import counted

COLOURS = 7
"""Rules with a colour of their own; the least frequent of more share one."""
OTHERS = "other rules"

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --page: #fff; --other: #1b1f24;
  --s0: #0969b0; --s1: #c2570c; --s2: #1a7f4b; --s3: #8250b4; --s4: #b3266e; --s5: #7a5b00; --s6: #0b7a85;
  --s7: #6e7781 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa4af; --line: #3a424c; --page: #14181d; --other: #fff;
    --s0: #58a6e8; --s1: #f0914b; --s2: #4cc38a; --s3: #b794e8; --s4: #f07ab4; --s5: #d9b44a; --s6: #4cc3cf;
    --s7: #8b949e }
}
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { color: var(--soft); margin: .25rem 0 }
figure { margin: 1.5rem 0 0 }
figure > svg { width: 100%; height: auto; display: block }
.grid { stroke: var(--line) }
.axis { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums }
.other { fill: none; stroke: var(--other); stroke-width: 2; stroke-dasharray: 5 3 }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0 0 }
ul.legend svg { width: .9rem; height: .9rem; margin-right: .4rem; vertical-align: -.1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem 1.5rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line) }
tbody th { font-weight: normal }
td, th.number { text-align: right }
td:last-child, th:last-child { padding-right: 0 }
th.step { padding-left: 1.25rem; color: var(--soft) }
ul.warnings { border-left: 4px solid var(--s1); padding: .25rem 0 .25rem 2rem }
"""
_SERIES_STYLE = "".join(f".s{n} {{ fill: var(--s{n}) }} " for n in range(COLOURS + 1))


def page(
    title: str,
    subtitle: str,
    compared: ComparedVolumes,
    periods: Periods,
    messages: Sequence[Row],
    warnings: Sequence[str],
) -> str:
    """The whole page; `messages` are the rows of rules and their steps."""
    total = compared.present.total
    headline = f"{title}: {counted(total, 'message')}"
    described = f"Messages by rule; the table “{periods.span}” below holds the same numbers."
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(subtitle)}</p>",
        _warnings(warnings),
        figure(headline, described, compared, periods) if total or compared.other else "<p>Nothing would be sent.</p>",
        _table("Rule", compared, messages),
        _table("Region", compared, region_rows(compared)),
        _table(periods.span, compared, period_rows(compared, periods)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="generator" content="sendplan">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{_SERIES_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def figure(title: str, description: str, compared: ComparedVolumes, periods: Periods, others: str = OTHERS) -> str:
    """The chart with its legend; its colours are the classes of `chart.svg`, in the page's style sheet.

    `others` is how the least frequent of many rules are called together.
    """
    series = _series(compared.present, periods, others)
    other = None
    if compared.other is not None:
        other = Series(f"all rules with {compared.other_name}", periods.totals(compared.other.by_day))
    chart = svg([str(day) for day in periods.starts], series, other, title, description)
    return f"<figure>{chart}{_legend(series, other)}</figure>"


def _series(volumes: Volumes, periods: Periods, others: str) -> list[Series]:
    ranked = sorted(volumes.by_rule, key=lambda rule: (-volumes.by_rule[rule], rule))
    own, rest = ranked[:COLOURS], frozenset(ranked[COLOURS:])
    series = [Series(rule, periods.totals(_days_of(volumes, frozenset({rule})))) for rule in own]
    return [*series, Series(others, periods.totals(_days_of(volumes, rest)))] if rest else series


def _days_of(volumes: Volumes, rules: frozenset[str]) -> dict[date, int]:
    days: dict[date, int] = {}
    for (day, rule), count in volumes.by_day_and_rule.items():
        if rule in rules:
            days[day] = days.get(day, 0) + count
    return days


def _legend(series: Sequence[Series], other: Series | None) -> str:
    items = [
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="s{n}" width="10" height="10"/></svg>'
        f"{escape(each.name)}</li>"
        for n, each in enumerate(series)
    ]
    if other is not None:
        items.append(
            '<li><svg viewBox="0 0 10 10" aria-hidden="true"><line class="other" x1="0" x2="10" y1="5" y2="5"/></svg>'
            f"{escape(other.name)}</li>"
        )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _table(name: str, compared: ComparedVolumes, rows: Iterable[Row]) -> str:
    head = "".join(f'<th scope="col" class="number">{escape(each)}</th>' for each in compared.headings())
    body = "".join(
        f'<tr><th scope="row" class="{"step" if is_part else "whole"}">{escape(label)}</th>'
        + "".join(f"<td>{number}</td>" for number in compared.numbers(present, other))
        + "</tr>\n"
        for label, present, other, is_part in rows
    )
    return (
        f"<h2>By {escape(name.split()[0].lower())}</h2>\n<table>\n"
        f'<thead><tr><th scope="col">{escape(name)}</th>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
    )


def _warnings(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<ul class="warnings" aria-label="Warnings">{items}</ul>' if items else ""
