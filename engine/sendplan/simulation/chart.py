"""Bars: one of text for the terminal, and a chart of stacked ones as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sendplan.dataclass import dataclass

WIDTH, HEIGHT = 960, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 34
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LABELS = 12
"""Labels that fit below the chart."""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the chart, with a value for each bar."""

    name: str
    values: Sequence[int]


def text_bar(value: int, top: int, width: int) -> str:
    """A bar of at most `width` characters, drawn to an eighth of one; what is there shows."""
    if value <= 0 or top <= 0:
        return ""
    eighths = max(1, round(value * width * 8 / top))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def svg(labels: Sequence[str], stacked: Sequence[Series], other: Series | None, title: str, description: str) -> str:
    """Bars stacked by series; `other` is drawn as a line over them.

    Colours are the classes `s0`, `s1`, … and `other`; every bar tells its numbers when pointed at.
    """
    totals = [sum(series.values[n] for series in stacked) for n in range(len(labels))]
    top = _ceiling(max([*totals, *(other.values if other else ())], default=0))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="chart-title chart-description">',
        f'<title id="chart-title">{escape(title)}</title>',
        f'<desc id="chart-description">{escape(description)}</desc>',
    ]
    for tick in range(0, top + 1, max(1, top // 4)):
        y = _y(tick, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,}</text>')
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    for n, label in enumerate(labels):
        parts += _bar(n, label, stacked, step, top)
        if n % -(-len(labels) // _LABELS) == 0:
            middle = round(_LEFT + (n + 0.5) * step, 1)
            parts.append(
                f'<text class="axis" x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(label)}</text>'
            )
    if other is not None:
        parts.append(_line(other, step, top))
    return "\n".join([*parts, "</svg>"])


def _bar(n: int, label: str, stacked: Sequence[Series], step: float, top: int) -> list[str]:
    x, width = round(_LEFT + n * step + step * 0.12, 2), round(step * 0.76, 2)
    drawn, below = [], 0
    for number, series in enumerate(stacked):
        value = series.values[n]
        if value:
            y, bottom = _y(below + value, top), _y(below, top)
            said = escape(f"{label}: {value:,} {series.name}")
            drawn.append(
                f'<rect class="s{number}" x="{x}" y="{y}" width="{width}" height="{round(bottom - y, 2)}">'
                f"<title>{said}</title></rect>"
            )
        below += value
    return drawn


def _line(series: Series, step: float, top: int) -> str:
    """Steps over the bars, so that each bar has its own height to be compared with."""
    points = []
    for n, value in enumerate(series.values):
        y = _y(value, top)
        points += [f"{round(_LEFT + n * step, 2)},{y}", f"{round(_LEFT + (n + 1) * step, 2)},{y}"]
    return f'<polyline class="other" points="{" ".join(points)}"><title>{escape(series.name)}</title></polyline>'


def _y(value: int, top: int) -> float:
    return round(HEIGHT - _BOTTOM - value * (HEIGHT - _TOP - _BOTTOM) / top, 2)


def _ceiling(value: int) -> int:
    """The next number that divides into four round steps."""
    unit = 4
    while unit * 10 < value:
        unit *= 10
    return next(unit * factor for factor in (1, 2, 3, 4, 5, 6, 8, 10) if unit * factor >= value)
