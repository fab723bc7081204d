"""Published figures, read again."""

from __future__ import annotations

import pytest

from mirror.figures import Figures
from mirror.metrics import Metrics


def test_what_is_published_can_be_read_again() -> None:
    metrics = Metrics("1.2.3")
    for upstream, result, sent in (("docker.io", "hit", 10), ("docker.io", "miss", 20), ("ghcr.io", "hit", 5)):
        metrics.requests.add(upstream, "blob", result, sent)
    metrics.requests.add("", "base", "bypass", 2)
    figures = Figures(metrics.render())
    assert figures.total("mirror_requests_total") == 4
    assert figures.total("mirror_requests_total", result="hit") == 2
    assert figures.total("mirror_served_bytes_total", upstream="docker.io", kind="blob") == 30
    assert figures.total("mirror_requests_total", result="none") == figures.total("no_such_figure") == 0
    assert figures.labels("mirror_requests_total", "upstream") == ["docker.io", "ghcr.io"]
    assert figures.all("mirror_build_info")[0].labels == {"version": "1.2.3"}


def test_what_is_in_no_such_format_is_refused() -> None:
    with pytest.raises(ValueError, match="convert"):
        Figures(b"this is{ no metric")
