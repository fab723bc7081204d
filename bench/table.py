"""A Markdown table of what was measured: medians, spans, and ratios within one round. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.figures import Figure, Rounds


def table(rounds: Rounds, reference: str, order: Sequence[str] = ()) -> str:
    """A row a scenario, in that order, and a column a server, `reference` first; ratios are to it."""
    names = list(dict.fromkeys(name for figures in rounds for row in figures.values() for name in row))
    names.sort(key=lambda name: name != reference)
    lines = [f"| what | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    found = dict.fromkeys(what for figures in rounds for what in figures)
    for what in dict.fromkeys([*(what for what in order if what in found), *found]):
        rows = [figures[what] for figures in rounds if what in figures]
        lines.append(f"| {what} | {' | '.join(_cell(name, rows, reference) for name in names)} |")
    return "\n".join(lines)


def ratios(rounds: Rounds, what: str, unit: str, over: tuple[str, str]) -> list[float]:
    """The first server's amount over the second's, of each round that has both."""
    found = []
    for figures in rounds:
        row = figures.get(what, {})
        amounts = [row[name].of(unit) if name in row else None for name in over]
        if amounts[0] is not None and amounts[1]:
            found.append(amounts[0] / amounts[1])
    return found


def amounts(rounds: Rounds, what: str, unit: str, name: str) -> list[float]:
    """A server's amounts, of each round that has one."""
    found = [figures[what][name].of(unit) for figures in rounds if name in figures.get(what, {})]
    return [amount for amount in found if amount is not None]


def number(value: float) -> str:
    """Three digits that count, and never in powers of ten."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else "0"


def _cell(name: str, rows: list[dict[str, Figure]], reference: str) -> str:
    found = [row[name] for row in rows if name in row]
    if not found:
        return ""
    main = found[0].measures[0].unit
    costs = [figure.measures[0].value for figure in found]
    text = f"{number(statistics.median(costs))} {main}"
    if len(costs) > 1:
        text += f" ({number(min(costs))}-{number(max(costs))})"
    if name != reference and (compared := ratios([{"": row} for row in rows], "", main, (name, reference))):
        text += f", **{statistics.median(compared):.2g}x**"
    for measure in found[0].measures[1:]:
        seen = [amount for figure in found if (amount := figure.of(measure.unit)) is not None]
        text += f"; {number(statistics.median(seen))} {measure.unit}"
    return text
