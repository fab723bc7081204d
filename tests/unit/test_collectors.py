"""Figures that the library does not count by itself."""

from __future__ import annotations

from mirror.collectors import Kept, Tally, UpstreamGauges, UpstreamLevels
from mirror.outcome import Outcome


def test_a_tally_knows_how_much_it_has_counted() -> None:
    tally = Tally()
    assert tally.total == 0
    for _ in range(3):
        tally.add("docker.io", "blob", Outcome.HIT, 10)
    tally.add("", "ping", Outcome.BYPASS, 2)
    assert tally.total == 4


def test_a_kept_counter_is_what_its_keeper_says() -> None:
    (family,) = Kept("mirror_fills", "Text.", lambda: 7).collect()
    assert (family.name, family.type) == ("mirror_fills", "counter")
    assert [sample.value for sample in family.samples] == [7]


def test_an_upstream_without_a_budget_has_no_gauge_of_it() -> None:
    breaker, limit, remaining = UpstreamGauges(lambda: [UpstreamLevels("ghcr.io", 1)]).collect()
    assert [sample.value for sample in breaker.samples] == [1]
    assert list(limit.samples) == list(remaining.samples) == []
