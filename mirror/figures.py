"""Published figures, read again: what a mirror counts, of all its processes together. Knows no figure by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Figure:
    """One value with its labels."""

    labels: Mapping[str, str]
    value: float


class Figures:
    """Those of a text in the format in which they are published. Raises ValueError for another one. Milliseconds."""

    def __init__(self, text: bytes) -> None:
        self._figures: dict[str, list[Figure]] = {}
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                self._figures.setdefault(sample.name, []).append(Figure(sample.labels, sample.value))

    def all(self, name: str) -> list[Figure]:
        """Every value of this name."""
        return self._figures.get(name, [])

    def total(self, name: str, **labels: str) -> int:
        """The values of this name that have these labels, added up; 0 where there are none."""
        wanted = labels.items()
        return round(sum(one.value for one in self.all(name) if wanted <= one.labels.items()))

    def labels(self, name: str, label: str) -> list[str]:
        """What this label says in the figures of this name, each once, in order; what says nothing is left out."""
        return sorted({one.labels[label] for one in self.all(name) if one.labels.get(label)})
