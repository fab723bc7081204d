"""The figures: their names, that they can be read, and that no stranger can make more of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import fields

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mirror.collectors import Tally, UpstreamLevels
from mirror.metrics import CONTENT_TYPE, Levels, Metrics
from mirror.outcome import Outcome
from tests.support.figures import figure, figures

# What dashboards are made of: renaming one of these breaks somebody's.
NAMES = {
    "mirror_build_info": ("gauge", {"version"}),
    "mirror_requests": ("counter", {"upstream", "kind", "result"}),
    "mirror_served_bytes": ("counter", {"upstream", "kind", "result"}),
    "mirror_upstream_bytes": ("counter", {"upstream"}),
    "mirror_upstream_request_duration_seconds": ("histogram", {"upstream", "op", "code", "le"}),
    "mirror_upstream_last_success_timestamp_seconds": ("gauge", {"upstream"}),
    "mirror_integrity_failures": ("counter", {"where"}),
    "mirror_fills": ("counter", set()),
    "mirror_fills_in_flight": ("gauge", set()),
    "mirror_fill_joins": ("counter", set()),
    "mirror_fills_passed_on": ("counter", set()),
    "mirror_prefetched_blobs": ("counter", set()),
    "mirror_prefetched_bytes": ("counter", set()),
    "mirror_prefetched_used": ("counter", set()),
    "mirror_tag_moves": ("counter", set()),
    "mirror_notices_told": ("counter", set()),
    "mirror_notices_dropped": ("counter", set()),
    "mirror_cache_bytes": ("gauge", set()),
    "mirror_cache_limit_bytes": ("gauge", set()),
    "mirror_evicted_bytes": ("counter", set()),
    "mirror_facts_lost": ("counter", set()),
    "mirror_scrubbed_bytes": ("gauge", set()),
    "mirror_scrub_total_bytes": ("gauge", set()),
    "mirror_scrub_last_finished_timestamp_seconds": ("gauge", set()),
    "mirror_client_connections": ("gauge", set()),
    "mirror_connections_refused": ("counter", set()),
    "mirror_disk_unusable": ("gauge", set()),
    "mirror_frozen": ("gauge", set()),
    "mirror_workers": ("gauge", set()),
    "mirror_worker_restarts": ("counter", set()),
    "mirror_upstream_breaker": ("gauge", {"upstream"}),
    "mirror_upstream_pull_budget_limit": ("gauge", {"upstream"}),
    "mirror_upstream_pull_budget_remaining": ("gauge", {"upstream"}),
}


def levels(value: Callable[[], float] = lambda: 7) -> Levels:
    return Levels(*[value] * len(fields(Levels)))


def everything() -> Metrics:
    """Metrics in which each figure has been counted once."""
    metrics = Metrics("1.2.3", now=lambda: 1000.0)
    metrics.watch(levels())
    metrics.watch_upstreams(lambda: [UpstreamLevels("docker.io", 2, 100, 76)])
    metrics.requests.add("docker.io", "blob", Outcome.HIT, 1234)
    metrics.exchange("docker.io", "blob", "200", 0.25, 5678)
    metrics.corrupt("store")
    return metrics


def test_the_exposition_can_be_read_and_the_names_are_these() -> None:
    found = {
        family.name: (family.type, {label for sample in family.samples for label in sample.labels})
        for family in text_string_to_metric_families(everything().render().decode())
        if family.name.startswith("mirror_")
    }
    assert found == NAMES


def test_every_figure_says_what_it_is() -> None:
    for family in text_string_to_metric_families(everything().render().decode()):
        assert family.documentation.endswith(".") or not family.name.startswith("mirror_")


def test_each_figure_stands_once() -> None:
    text = everything().render().decode()
    declared = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(declared) == len(set(declared))
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))


def test_it_is_announced_as_the_format_that_it_is() -> None:
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_it_says_what_is_running() -> None:
    text = everything().render()
    assert figure(text, "mirror_build_info", version="1.2.3") == 1
    assert (figure(text, "process_resident_memory_bytes") or 0) > 0
    assert any(name == "python_info" for name, _ in figures(text))


def test_requests_are_counted_by_upstream_kind_and_result() -> None:
    metrics = Metrics("1")
    for _ in range(3):
        metrics.requests.add("docker.io", "blob", Outcome.HIT, 10)
    metrics.requests.add("docker.io", "blob", Outcome.MISS, 5)
    metrics.requests.add("", "ping", Outcome.BYPASS, 2)
    text = metrics.render()
    of_hits = {"upstream": "docker.io", "kind": "blob", "result": "hit"}
    assert figure(text, "mirror_requests_total", **of_hits) == 3
    assert figure(text, "mirror_served_bytes_total", **of_hits) == 30
    assert figure(text, "mirror_requests_total", **of_hits | {"result": "miss"}) == 1
    assert figure(text, "mirror_requests_total", upstream="", kind="ping", result="bypass") == 1


def test_exchanges_are_timed_and_their_bytes_counted() -> None:
    metrics = Metrics("1", now=lambda: 1000.0)
    for seconds in (0.01, 3.0):
        metrics.exchange("ghcr.io", "manifest", "200", seconds, 100)
    text = metrics.render()
    labels = {"upstream": "ghcr.io", "op": "manifest", "code": "200"}
    assert figure(text, "mirror_upstream_request_duration_seconds_count", **labels) == 2
    assert figure(text, "mirror_upstream_request_duration_seconds_sum", **labels) == pytest.approx(3.01)
    assert figure(text, "mirror_upstream_request_duration_seconds_bucket", **labels, le="0.02") == 1
    assert figure(text, "mirror_upstream_request_duration_seconds_bucket", **labels, le="+Inf") == 2
    assert figure(text, "mirror_upstream_bytes_total", upstream="ghcr.io") == 200


def test_an_upstream_cannot_make_up_labels() -> None:
    metrics = Metrics("1")
    for status in range(100, 1000):
        metrics.exchange("ghcr.io", "manifest", str(status), 0.1, 0)
    told = re.findall(r'_count\{code="(\w+)"', metrics.render().decode())
    assert {"200", "429", "4xx", "5xx", "7xx"} <= set(told)
    assert len(told) < 80


@pytest.mark.parametrize(
    ("code", "success"),
    [("200", True), ("206", True), ("307", True), ("304", True), ("404", False), ("503", False), ("timeout", False)],
)
def test_a_usable_answer_is_a_success(code: str, success: bool) -> None:
    metrics = Metrics("1", now=lambda: 1000.0)
    metrics.exchange("ghcr.io", "manifest", code, 0.1, 0)
    last = figure(metrics.render(), "mirror_upstream_last_success_timestamp_seconds", upstream="ghcr.io")
    assert last == (1000.0 if success else None)


def test_what_others_keep_is_asked_when_somebody_looks() -> None:
    value = [1.0]
    metrics = Metrics("1")
    metrics.watch(levels(lambda: value[0]))
    for now in (1.0, 42.0):
        value[0] = now
        text = metrics.render()
        for name in (
            "mirror_cache_bytes",
            "mirror_fills_total",
            "mirror_client_connections",
            "mirror_evicted_bytes_total",
        ):
            assert figure(text, name) == now


def test_a_failure_that_has_not_happened_is_nought() -> None:
    text = Metrics("1").render()
    assert [figure(text, "mirror_integrity_failures_total", where=where) for where in ("store", "upstream")] == [0, 0]


def test_two_mirrors_count_apart() -> None:
    one, other = Metrics("1"), Metrics("1")
    one.corrupt("store")
    assert figure(other.render(), "mirror_integrity_failures_total", where="store") == 0


def test_counting_goes_on_while_somebody_looks() -> None:
    tally, stop = Tally(), threading.Event()

    def count() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            tally.add("docker.io", str(number % 300), Outcome.HIT, 1)

    counting = threading.Thread(target=count)
    counting.start()
    try:
        for _ in range(100):
            requests, served = tally.collect()
            assert len(requests.samples) == len(served.samples)
    finally:
        stop.set()
        counting.join()


def test_upstreams_that_clients_have_a_say_in_are_counted_together() -> None:
    tally = Tally()
    tally.label = lambda name: "*.pkg.dev" if name.endswith(".pkg.dev") else name
    for name in ("a.pkg.dev", "b.pkg.dev", "ghcr.io", "a.pkg.dev"):
        tally.add(name, "blob", "hit", 10)
    requests, served = tally.collect()
    assert {sample.labels["upstream"]: sample.value for sample in requests.samples} == {"*.pkg.dev": 3, "ghcr.io": 1}
    assert {sample.labels["upstream"]: sample.value for sample in served.samples} == {"*.pkg.dev": 30, "ghcr.io": 10}


def test_an_upstream_stands_as_whoever_watches_it_says_at_that_moment() -> None:
    standing = [UpstreamLevels("docker.io", 0, 100, 76), UpstreamLevels("ghcr.io", 2)]
    metrics = Metrics("1")
    metrics.watch_upstreams(lambda: standing)
    text = metrics.render()
    assert figure(text, "mirror_upstream_breaker", upstream="docker.io") == 0
    assert figure(text, "mirror_upstream_breaker", upstream="ghcr.io") == 2
    assert figure(text, "mirror_upstream_pull_budget_limit", upstream="docker.io") == 100
    assert figure(text, "mirror_upstream_pull_budget_remaining", upstream="docker.io") == 76
    assert figure(text, "mirror_upstream_pull_budget_limit", upstream="ghcr.io") is None
    assert figure(text, "mirror_upstream_pull_budget_remaining", upstream="ghcr.io") is None
    standing[:] = [UpstreamLevels("docker.io", 1)]
    text = metrics.render()
    assert figure(text, "mirror_upstream_breaker", upstream="docker.io") == 1
    assert figure(text, "mirror_upstream_breaker", upstream="ghcr.io") is None
    assert figure(text, "mirror_upstream_pull_budget_limit", upstream="docker.io") is None


def test_of_upstreams_that_go_by_one_name_the_one_that_is_worst_off_is_told() -> None:
    standing = [UpstreamLevels("*.dev", 0, 100, 76), UpstreamLevels("*.dev", 2, 50, 5), UpstreamLevels("*.dev", 1)]
    metrics = Metrics("1")
    metrics.watch_upstreams(lambda: standing)
    text = metrics.render()
    assert figure(text, "mirror_upstream_breaker", upstream="*.dev") == 2
    assert figure(text, "mirror_upstream_pull_budget_limit", upstream="*.dev") == 50
    assert figure(text, "mirror_upstream_pull_budget_remaining", upstream="*.dev") == 5
