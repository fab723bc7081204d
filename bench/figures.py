"""What a scenario has measured of one server in one round: values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """An amount of something. `unit` names it: no two measures of a figure have the same one."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The first measure is the one that servers are compared by; the others are what was seen beside it."""

    measures: tuple[Measure, ...]

    def of(self, unit: str) -> float | None:
        """The amount in that unit, if it was measured."""
        return next((measure.value for measure in self.measures if measure.unit == unit), None)


Rounds = list[dict[str, dict[str, Figure]]]  # a round each: figures by scenario and by server


def figure(*measures: tuple[float, str]) -> Figure:
    return Figure(tuple(Measure(value, unit) for value, unit in measures))
