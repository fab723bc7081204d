"""What the mirror is held to, each bound a row: its own figures, and those against others in the same round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from bench.figures import Rounds
from bench.table import amounts, number, ratios

MIRROR, TWO_WORKERS = "mirror", "mirror, 2 workers"
STATIC, DISTRIBUTION, DRAYAGE, DIRECT = "nginx, static files", "distribution", "drayage", "direct"


@dataclass(frozen=True, slots=True)
class Bound:
    """What is measured in `unit` by the scenario `what` is to be at most `most` or at least `least`.

    With `beside` it is the ratio of the mirror's amount to that server's; `who` is the mirror as it is held to this.
    """

    what: str
    unit: str
    most: float | None = None
    least: float | None = None
    beside: str | None = None
    who: str = MIRROR

    def found(self, rounds: Rounds) -> float | None:
        """The median of the rounds, or None where nothing was measured."""
        if self.beside is None:
            values = amounts(rounds, self.what, self.unit, self.who)
        else:
            values = ratios(rounds, self.what, self.unit, (self.who, self.beside))
        return statistics.median(values) if values else None

    def holds(self, value: float) -> bool:
        """Whether a value is within it."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def limit(self) -> float:
        return self.most if self.most is not None else self.least or 0.0

    @property
    def words(self) -> str:
        limit = f"{'≤' if self.most is not None else '≥'} {number(self.limit)}"
        return f"{limit} {self.unit}" if self.beside is None else f"{limit}x {self.unit} of {self.beside}"


HOT = tuple(f"hot 256 MiB blob, {clients} {'client' if clients == 1 else 'clients'}" for clients in (1, 8, 32))
BY_DIGEST, BY_TAG = "manifest by digest", "manifest by tag"
HERD, WAN_HERD = "32 clients on a cold 256 MiB blob", "32 clients on a cold 32 MiB blob, WAN"
WAN_BLOB, WAN_IMAGE = "cold 1 GiB blob, WAN", "cold image of 30 layers, dockerd, WAN"
MIXED, STALLED, CROWD = "manifests beside 8 pulls", "200 stalled readers", "1,000 clients on a cold 256 MiB blob"
MILLION_START, MILLION_LOOKUP = "a million blobs: start", "a million blobs: look-ups"
MILLION_EVICT = "a million blobs: choice to evict"
AS_MANY, ALL_CORES = "manifest by tag, as many as it can", "manifest by tag, 16 at once, as many as it can"
GETS, TIMES, MORE, FIRST = "GETs", "x bytes", "MiB more", "ms to first byte"
TURN = "ms for the longest turn"

BOUNDS = (
    *(Bound(what, "CPU s/GiB", most=0.30) for what in HOT),
    *(Bound(what, "CPU s/GiB", most=1.0, beside=STATIC) for what in HOT),
    *(Bound(what, "GB/s", least=1.0, beside=DISTRIBUTION) for what in HOT),
    *(Bound(what, "GB/s", least=0.9, beside=STATIC) for what in HOT),
    *(Bound(what, "µs CPU", most=50) for what in (BY_DIGEST, BY_TAG)),
    Bound(BY_DIGEST, "µs CPU", most=1 / 5, beside=DISTRIBUTION),
    Bound(BY_TAG, "µs CPU", most=1 / 30, beside=DISTRIBUTION),
    *(Bound(what, "µs CPU", most=1.0, beside=DRAYAGE) for what in (BY_DIGEST, BY_TAG)),
    Bound(ALL_CORES, "answers/s", least=1.6, beside=MIRROR, who=TWO_WORKERS),
    Bound(HERD, GETS, most=1),
    Bound(HERD, TIMES, most=1),
    Bound(HERD, MORE, most=64),
    Bound(HERD, GETS, most=1, who=TWO_WORKERS),
    Bound(WAN_HERD, "s", most=1.05, beside=DIRECT),
    Bound(WAN_HERD, GETS, most=1),
    Bound(WAN_HERD, TIMES, most=1),
    Bound(WAN_HERD, FIRST, most=120),
    *(Bound(f"cold {size} blob", "ms", most=1.0, beside=DISTRIBUTION) for size in ("1 KiB", "1 MiB", "256 MiB")),
    Bound(MIXED, "ms p99", most=1.0, beside=DISTRIBUTION),
    Bound(STALLED, MORE, most=150),
    Bound(WAN_IMAGE, "s", most=0.5, beside=DIRECT),
    Bound(WAN_IMAGE, TIMES, most=1),
    Bound(WAN_BLOB, "s", most=0.3, beside=DIRECT),
    Bound(WAN_BLOB, TIMES, most=1),
    Bound(CROWD, GETS, most=1),
    Bound(CROWD, MORE, most=300),
    Bound(MILLION_START, "s", most=5),
    Bound(MILLION_START, "MiB", most=200),
    Bound(MILLION_LOOKUP, "ms p50", most=10),
    Bound(MILLION_EVICT, TURN, most=10),
)


def judged(rounds: Rounds, bounds: tuple[Bound, ...] = BOUNDS) -> str:
    """A Markdown table of the bounds that something was measured for."""
    lines = ["| what | bound | measured | |", "|---|---|---|---|"]
    for bound in bounds:
        value = bound.found(rounds)
        if value is not None:
            exactly = not bound.holds(value) and number(value) == number(bound.limit)
            shown = (f"{value:.6g}" if exactly else number(value)) + ("x" if bound.beside is not None else "")
            verdict = "held" if bound.holds(value) else "**missed**"
            what = bound.what if bound.who == MIRROR else f"{bound.what} ({bound.who})"
            lines.append(f"| {what} | {bound.words} | {shown} | {verdict} |")
    return "\n".join(lines)
