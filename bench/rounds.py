"""The rounds: every server anew in each, in another order, with a directory of its own that is gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import servers
from bench.content import Content
from bench.figures import Figure, Rounds
from bench.processes import Failed
from bench.roster import Participant, started
from bench.scene import Scenario, Scene

# What may go wrong with one server, and leaves the others to be measured.
_FAILURES = (Failed, OSError, subprocess.SubprocessError)
_Figures = dict[str, dict[str, Figure]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, of whom, how often, and for how many seconds each; `directory` takes what servers keep."""

    content: Content
    scenarios: Sequence[Scenario]
    everybody: Sequence[Participant]
    directory: Path
    rounds: int
    seconds: float


def measure(plan: Plan, rounds: Rounds) -> None:
    """Put the figures of each round into `rounds`, where they are however this ends.

    A server that fails is named on standard error and has no figure.
    """
    for number in range(plan.rounds):
        rounds.append({})
        now = [scenario for scenario in plan.scenarios if number == 0 or not scenario.once]
        for setup in dict.fromkeys(scenario.setup for scenario in now):
            its = [scenario for scenario in now if scenario.setup == setup]
            with servers.upstream(plan.content.directory, setup.link) as upstream:
                scene = Scene(plan.content, upstream, plan.seconds, plan.directory, setup.rows)
                for participant in _rotated(plan.everybody, number):
                    chosen = [scenario for scenario in its if participant.takes(scenario.roles, setup)]
                    if chosen:
                        _tell(f"round {number + 1} of {plan.rounds}: {participant.name}")
                        _visit(participant, scene, chosen, rounds[-1])


def _visit(participant: Participant, scene: Scene, scenarios: list[Scenario], figures: _Figures) -> None:
    os.sync()  # what others have written is not to be written meanwhile
    try:
        with started(participant, scenarios[0].setup, scene.scratch / "server", scene.upstream) as server:
            for scenario in scenarios:
                try:
                    figures.setdefault(scenario.what, {})[server.name] = scenario.measure(scene, server)
                except _FAILURES as failure:
                    _tell(f"{server.name}: {scenario.what} failed: {failure}")
    except _FAILURES as failure:
        _tell(f"{participant.name} failed: {failure}")


def _rotated(everybody: Sequence[Participant], number: int) -> list[Participant]:
    start = number % len(everybody)
    return [*everybody[start:], *everybody[:start]]


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
