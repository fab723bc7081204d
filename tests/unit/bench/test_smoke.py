"""One tiny scenario of each kind, against the mirror itself: `make bench` would notice too late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.bounds import GETS, MILLION_EVICT, MILLION_LOOKUP, MILLION_START, MIRROR, TIMES
from bench.content import Sizes, make
from bench.figures import Figure, Rounds
from bench.roster import participants
from bench.rounds import Plan, measure
from bench.scenarios import SCENARIOS
from bench.scene import Scenario, Setup

WANTED = ("memory when idle", "cold 1 KiB blob", "manifest by tag", "32 clients on a cold 256 MiB blob")
SIZES = Sizes({"cold 1 KiB": 1024, "herd": 3_000_000, "large": 3_000_000}, layers={})


def measured(directory: Path, chosen: list[Scenario]) -> dict[str, dict[str, Figure]]:
    """What one round with the mirror alone measures."""
    content = make(directory / "content", SIZES)
    everybody = [one for one in participants(content, "asyncio", {}) if one.name == "mirror"]
    rounds: Rounds = []
    measure(Plan(content, chosen, everybody, directory, rounds=1, seconds=0.2), rounds)
    (figures,) = rounds
    return figures


def test_the_mirror_alone_can_be_measured(tmp_path: Path) -> None:
    figures = measured(tmp_path, [one for one in SCENARIOS if one.what in WANTED])
    assert set(figures) == set(WANTED)
    herd = figures["32 clients on a cold 256 MiB blob"][MIRROR]
    assert (herd.of(GETS), herd.of(TIMES)) == (1, 1)
    assert (figures["manifest by tag"][MIRROR].of("answers/s") or 0) > 0
    assert not (tmp_path / "server").exists()


def test_a_mirror_takes_the_cache_that_was_made_for_it(tmp_path: Path) -> None:
    wanted = (MILLION_START, MILLION_LOOKUP, MILLION_EVICT)
    chosen = [replace(one, setup=Setup(rows=1500)) for one in SCENARIOS if one.what in wanted]
    figures = measured(tmp_path, chosen)
    assert figures[MILLION_LOOKUP][MIRROR].of(GETS) == 0  # every one of them was found
    assert figures[MILLION_EVICT][MIRROR].of("chosen") == 1000
    assert set(figures) == set(wanted)
