from __future__ import annotations

from pathlib import Path

from bench.figures import Rounds, figure
from bench.kept import keep, kept


def test_what_was_kept_is_what_was_measured(tmp_path: Path) -> None:
    rounds: Rounds = [
        {"pull": {"mirror": figure((2.5, "s"), (1, "GET")), "peer": figure((5.0, "s"))}},
        {"start": {"mirror": figure((0.5, "s"))}},
    ]
    keep(tmp_path / "figures.json", rounds, {"machine": "two cores"})
    assert kept(tmp_path / "figures.json") == rounds
