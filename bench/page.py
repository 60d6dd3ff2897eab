"""One page of plots, whole in itself: no script, nothing fetched, readable in ten years.

Lines over seconds as inline SVG, each with its legend, its unit, and the largest value on its axis.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 860, 220, 64, 26, 10
COLOURS: Final = ("#1b6ca8", "#c8553d", "#3a8f5c", "#8a5fb0", "#c79a1e", "#4a4a4a", "#2aa3a3")
TICKS = 4

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; color: #222;
       padding: 0 1em; }
h2 { margin: 1.6em 0 .3em; font-size: 1.1em; } svg { width: 100%; height: auto; }
table { border-collapse: collapse; } td, th { padding: .2em .8em; border-bottom: 1px solid #ddd;
        text-align: left; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.legend span { margin-right: 1.2em; white-space: nowrap; }
.legend i { display: inline-block; width: 1em; height: .7em; margin-right: .35em; }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Values by second; None where there was nothing to measure."""

    name: str
    values: Sequence[float | None]


def plot(title: str, unit: str, lines: Sequence[Line]) -> str:
    """Lines over seconds, on one axis from 0."""
    known = [value for line in lines for value in line.values if value is not None]
    top = nice(max(known, default=0.0))
    seconds = max((len(line.values) for line in lines), default=1)
    across, down = WIDTH - LEFT - 8, HEIGHT - TOP - BOTTOM

    def x(second: float) -> float:
        return LEFT + across * second / max(1, seconds - 1)

    def y(value: float) -> float:
        return TOP + down * (1 - value / top)

    parts = []
    for tick in range(TICKS + 1):
        value = top * tick / TICKS
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y(value):.1f}" y2="{y(value):.1f}"'
            f' stroke="#e4e4e4"/><text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end"'
            f' font-size="11" fill="#555">{value:,.6g}</text>'
        )
        second = round((seconds - 1) * tick / TICKS)
        parts.append(
            f'<text x="{x(second):.1f}" y="{HEIGHT - 8}" text-anchor="middle" font-size="11"'
            f' fill="#555">{second} s</text>'
        )
    legend = []
    for line, colour in zip(lines, COLOURS * 2, strict=False):
        for run in _runs(line.values):
            points = " ".join(f"{x(second):.1f},{y(value):.1f}" for second, value in run)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"'
                ' stroke-linecap="round" stroke-linejoin="round"/>'
            )
        name = html.escape(line.name)
        legend.append(f'<span><i style="background:{colour}"></i>{name}</span>')
    return (
        f"<h2>{html.escape(title)}, {html.escape(unit)}</h2>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f'{"".join(parts)}</svg><div class="legend">{"".join(legend)}</div>'
    )


def table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers stand on the right."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heading)
    body = ""
    for row in rows:
        cells = ""
        for cell in row:
            if isinstance(cell, int | float):
                cells += f'<td class="n">{cell:,.6g}</td>'
            else:
                cells += f"<td>{html.escape(str(cell))}</td>"
        body += f"<tr>{cells}</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def page(title: str, *parts: str) -> str:
    """The whole page."""
    title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{title}</h1>{''.join(parts)}</html>\n"
    )


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def nice(value: float) -> float:
    """The next of 1, 2, 4, 5, 10, ... above a value, to end an axis at."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 5, 10) if power * step >= value * 0.999)


def _runs(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    """The stretches without a gap."""
    run: list[tuple[int, float]] = []
    for second, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((second, value))
    if run:
        yield run
