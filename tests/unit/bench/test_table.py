from __future__ import annotations

import pytest

from bench.figures import Rounds, figure
from bench.table import amounts, number, ratios, table

ROUNDS: Rounds = [
    {"pull": {"peer": figure((4.0, "s"), (1, "GET")), "mirror": figure((2.0, "s"), (1, "GET"))}},
    {"pull": {"peer": figure((9.0, "s"), (3, "GET")), "mirror": figure((3.0, "s"), (1, "GET"))}},
    {"pull": {"peer": figure((50.0, "s"), (2, "GET"))}, "start": {"mirror": figure((0.5, "s"))}},
]


def test_a_ratio_is_taken_within_a_round_that_has_both() -> None:
    assert ratios(ROUNDS, "pull", "s", ("peer", "mirror")) == [2.0, 3.0]
    assert ratios(ROUNDS, "pull", "s", ("mirror", "peer")) == [0.5, pytest.approx(1 / 3)]


def test_nothing_is_divided_by_nothing() -> None:
    rounds: Rounds = [{"pull": {"peer": figure((4.0, "s")), "mirror": figure((0.0, "s"))}}]
    assert ratios(rounds, "pull", "s", ("peer", "mirror")) == []


def test_amounts_are_those_of_the_rounds_that_have_one() -> None:
    assert amounts(ROUNDS, "pull", "s", "mirror") == [2.0, 3.0]
    assert amounts(ROUNDS, "pull", "GB/s", "mirror") == []
    assert amounts(ROUNDS, "start", "s", "mirror") == [0.5]


def test_rows_stand_in_the_order_that_is_wanted() -> None:
    lines = table(ROUNDS, "mirror", ["start", "push", "pull"]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| start", "| pull"]


def test_a_cell_has_median_span_ratio_and_what_was_seen_beside() -> None:
    lines = table(ROUNDS, "mirror").splitlines()
    assert lines[:2] == ["| what | mirror | peer |", "|---|---|---|"]
    assert lines[2] == "| pull | 2.5 s (2-3); 1 GET | 9 s (4-50), **2.5x**; 2 GET |"
    assert lines[3] == "| start | 0.5 s |  |"


@pytest.mark.parametrize(
    ("value", "written"), [(0.0, "0"), (0.0123, "0.0123"), (3261.4, "3261"), (99.96, "100"), (1.0, "1"), (-2.5, "-2.5")]
)
def test_numbers_have_three_digits_and_no_powers_of_ten(value: float, written: str) -> None:
    assert number(value) == written
