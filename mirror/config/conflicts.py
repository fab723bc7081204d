"""Settings that are right one by one and wrong together, as values that the loader can report. Knows no setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Place = tuple[str, ...]  # keys from a section down to a setting: ("upstreams", "docker.io", "username")


@dataclass(frozen=True, slots=True)
class Conflict:
    """`place` and `involved` count from the section that reports it; `involved` are the settings that take part.

    When one of these is wrong by itself, the conflict may be only an echo of that mistake.
    """

    place: Place
    message: str
    involved: tuple[Place, ...]


class Inconsistent(ValueError):
    """All conflicts of one section. A ValueError, because pydantic reports these and keeps them as the cause."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("; ".join(conflict.message for conflict in conflicts))
