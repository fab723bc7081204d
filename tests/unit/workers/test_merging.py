"""What the figures of several workers come to."""

from __future__ import annotations

import math

from mirror.metrics import Metrics
from mirror.workers import merging
from mirror.workers.merging import Family, Sample, departing, dumped, loaded, together
from tests.unit.test_metrics import everything


def counter(name: str, value: float, **labels: str) -> Family:
    return Family(name, "counter", "Text.", (Sample(f"{name}_total", tuple(labels.items()), value),))


def gauge(name: str, value: float) -> Family:
    return Family(name, "gauge", "Text.", (Sample(name, (), value),))


def values(families: list[Family]) -> dict[str, list[float]]:
    return {family.name: [sample.value for sample in family.samples] for family in families}


def test_counters_are_added_up_label_by_label() -> None:
    one, other = counter("mirror_requests", 3, kind="blob"), counter("mirror_requests", 4, kind="manifest")
    (both,) = together({0: [one, one], 1: [other]}, [one])
    assert both.samples == (
        Sample("mirror_requests_total", (("kind", "blob"),), 9),
        Sample("mirror_requests_total", (("kind", "manifest"),), 4),
    )


def test_a_gauge_is_added_up_unless_all_see_the_same() -> None:
    workers = {
        number: [
            gauge("mirror_fills_in_flight", value),
            gauge("mirror_cache_bytes", value),
            gauge("mirror_upstream_breaker", value),
            gauge("mirror_upstream_pull_budget_remaining", value),
        ]
        for number, value in ((0, 2.0), (1, 5.0))
    }
    assert values(together(workers, [])) == {
        "mirror_fills_in_flight": [7],
        "mirror_cache_bytes": [5],
        "mirror_upstream_breaker": [5],
        "mirror_upstream_pull_budget_remaining": [2],
    }


def test_what_is_of_a_process_stays_that_of_each() -> None:
    (one,) = together({0: [gauge("process_open_fds", 8)], 3: [gauge("process_open_fds", 9)]}, [])
    assert [(sample.labels, sample.value) for sample in one.samples] == [
        ((("worker", "0"),), 8),
        ((("worker", "3"),), 9),
    ]


def test_of_a_worker_that_is_gone_only_what_is_added_up_stays() -> None:
    gone = [
        counter("mirror_requests", 3),
        counter("mirror_worker_restarts", 1),
        gauge("mirror_client_connections", 5),
        counter("process_cpu_seconds", 8),
    ]
    assert values(departing([], gone)) == {"mirror_requests": [3]}
    assert values(departing(departing([], gone), gone)) == {"mirror_requests": [6]}


def test_histograms_are_added_up_bucket_by_bucket_and_stay_in_order() -> None:
    metrics = Metrics("1")
    for seconds in (0.01, 3.0):
        metrics.exchange("ghcr.io", "blob", "200", seconds, 10)
    families = metrics.families()
    once, twice = metrics.written(families).decode(), metrics.written(together({0: families}, departing([], families)))
    of_histograms = [line for line in once.splitlines() if "duration" in line and not line.startswith("#")]
    doubled = [line for line in twice.decode().splitlines() if "duration" in line and not line.startswith("#")]
    assert [line.rpartition(" ")[0] for line in doubled] == [line.rpartition(" ")[0] for line in of_histograms]
    for one, two in zip(of_histograms, doubled, strict=True):
        assert float(two.rpartition(" ")[2]) == 2 * float(one.rpartition(" ")[2])


def test_figures_come_to_another_worker_as_they_are() -> None:
    families = [*everything().families(), gauge("mirror_cache_limit_bytes", math.inf), counter("x", 1, label='"ü\n')]
    assert loaded(dumped(families)) == families


def test_every_figure_that_has_a_rule_of_its_own_is_there() -> None:
    there = {family.name for family in everything().families()}
    assert there >= merging._MOST | merging._LEAST
