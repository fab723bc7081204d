"""Figures as JSON: what a run keeps, and what a later one may add to its table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from bench.figures import Figure, Measure, Rounds


def keep(path: Path, rounds: Rounds, machine: Mapping[str, str]) -> None:
    """Write every figure of every round, and where it was measured."""
    path.write_text(json.dumps({"machine": machine, "rounds": [_written(each) for each in rounds]}, indent=1))


def kept(path: Path) -> Rounds:
    """The rounds of a file that `keep` has written. Raises OSError, ValueError."""
    return [
        {
            what: {name: Figure(tuple(Measure(**measure) for measure in found)) for name, found in row.items()}
            for what, row in each.items()
        }
        for each in json.loads(path.read_text())["rounds"]
    ]


def _written(figures: Mapping[str, Mapping[str, Figure]]) -> dict[str, object]:
    return {
        what: {name: [asdict(measure) for measure in found.measures] for name, found in row.items()}
        for what, row in figures.items()
    }
