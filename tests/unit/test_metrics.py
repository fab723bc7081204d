"""Metrics: what is counted is published, under names that dashboards are made for, without names of strangers."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mirror.metrics import Levels, Metrics, Tally


def figures(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample of the exposition: by name, and by the values of its labels in the order of their names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3", now=lambda: 1000.0)


def test_answers_are_counted_by_upstream_kind_and_result(metrics: Metrics) -> None:
    metrics.requests.add("docker.io", "blob", "hit", 10)
    metrics.requests.add("docker.io", "blob", "hit", 5)
    metrics.requests.add("quay.io", "manifest", "miss", 1)
    found = figures(metrics)
    assert found["mirror_requests_total"] == {("blob", "hit", "docker.io"): 2, ("manifest", "miss", "quay.io"): 1}
    assert found["mirror_served_bytes_total"][("blob", "hit", "docker.io")] == 15


def test_a_tally_says_nothing_before_it_has_counted() -> None:
    assert [sample for family in Tally().collect() for sample in family.samples] == []


@pytest.mark.parametrize(("code", "usable"), [("200", True), ("307", True), ("404", False), ("timeout", False)])
def test_only_a_usable_answer_is_a_success_of_the_upstream(metrics: Metrics, code: str, usable: bool) -> None:
    metrics.exchange("docker.io", "blob", code, 0.25, 100)
    found = figures(metrics)
    assert found["mirror_upstream_request_duration_seconds_count"] == {(code, "blob", "docker.io"): 1}
    assert found["mirror_upstream_request_duration_seconds_sum"] == {(code, "blob", "docker.io"): 0.25}
    assert found["mirror_upstream_bytes_total"] == {("docker.io",): 100}
    assert found.get("mirror_upstream_last_success_timestamp_seconds", {}) == (
        {("docker.io",): 1000.0} if usable else {}
    )


def test_both_places_of_corruption_are_there_from_the_start(metrics: Metrics) -> None:
    metrics.corrupt("store")
    assert figures(metrics)["mirror_integrity_failures_total"] == {("store",): 1, ("upstream",): 0}


def test_figures_that_others_keep_are_asked_for_when_somebody_looks(metrics: Metrics) -> None:
    size = [1.0]
    metrics.watch(
        Levels(
            cache_bytes=lambda: size[0],
            cache_limit_bytes=lambda: 2,
            evicted_bytes=lambda: 3,
            facts_lost=lambda: 4,
            fills=lambda: 5,
            fills_in_flight=lambda: 6,
            fill_joins=lambda: 7,
            connections=lambda: 8,
        )
    )
    size[0] = 9
    found = figures(metrics)
    expected = {
        "mirror_cache_bytes": 9,
        "mirror_cache_limit_bytes": 2,
        "mirror_evicted_bytes_total": 3,
        "mirror_facts_lost_total": 4,
        "mirror_fills_total": 5,
        "mirror_fills_in_flight": 6,
        "mirror_fill_joins_total": 7,
        "mirror_client_connections": 8,
    }
    assert {name: found[name][()] for name in expected} == expected


def test_the_version_and_the_process_are_published(metrics: Metrics) -> None:
    found = figures(metrics)
    assert found["mirror_build_info"] == {("1.2.3",): 1}
    assert found["process_resident_memory_bytes"][()] > 0


def test_no_series_is_made_for_the_time_of_creation(metrics: Metrics) -> None:
    metrics.exchange("docker.io", "blob", "200", 0.1, 1)
    assert not [name for name in figures(metrics) if name.startswith("mirror_") and name.endswith("_created")]
