from __future__ import annotations

from bench.bounds import BOUNDS, MIRROR, Bound, judged
from bench.figures import Rounds, figure
from bench.scenarios import SCENARIOS

ROUNDS: Rounds = [
    {"pull": {MIRROR: figure((2.0, "s"), (1, "GET")), "peer": figure((4.0, "s"))}},
    {"pull": {MIRROR: figure((4.0, "s"), (3, "GET")), "peer": figure((5.0, "s"))}},
    {"pull": {MIRROR: figure((6.0, "s"), (1, "GET")), "peer": figure((6.0, "s"))}},
]


def test_a_bound_of_its_own_is_held_by_the_median_of_the_rounds() -> None:
    bound = Bound("pull", "GET", most=1)
    assert bound.found(ROUNDS) == 1
    assert bound.holds(1)
    assert not bound.holds(1.001)


def test_a_bound_beside_a_peer_is_held_by_the_median_of_the_ratios() -> None:
    bound = Bound("pull", "s", most=0.8, beside="peer")
    assert bound.found(ROUNDS) == 0.8
    assert bound.words == "≤ 0.8x s of peer"


def test_what_is_to_be_more_may_not_be_less() -> None:
    bound = Bound("pull", "s", least=1.6, beside="peer")
    assert bound.holds(1.6)
    assert not bound.holds(1.5)
    assert bound.words == "≥ 1.6x s of peer"


def test_what_was_not_measured_is_not_judged() -> None:
    lines = judged(ROUNDS, (Bound("push", "s", most=1), Bound("pull", "s", most=3), Bound("pull", "GET", most=1)))
    assert lines.splitlines()[2:] == ["| pull | ≤ 3 s | 4 | **missed** |", "| pull | ≤ 1 GET | 1 | held |"]


def test_a_bound_that_is_just_missed_is_seen_to_be() -> None:
    rounds: Rounds = [{"pull": {MIRROR: figure((1.00024, "x bytes"))}}]
    assert judged(rounds, (Bound("pull", "x bytes", most=1),)).endswith("| pull | ≤ 1 x bytes | 1.00024 | **missed** |")


def test_every_bound_is_about_something_that_is_measured() -> None:
    assert {bound.what for bound in BOUNDS} <= {scenario.what for scenario in SCENARIOS}


def test_a_bound_is_on_one_side() -> None:
    assert all((bound.most is None) != (bound.least is None) for bound in BOUNDS)


def test_no_two_scenarios_have_one_name() -> None:
    assert len({scenario.what for scenario in SCENARIOS}) == len(SCENARIOS)
