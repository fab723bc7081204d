"""What the cache has been good for, by the figures that are published."""

from __future__ import annotations

from pathlib import Path

from mirror.admin.stats import PATH, stats_routes
from mirror.metrics import Metrics
from mirror.server.footing import OwnFigures
from tests.support.larder import BASE, larder
from tests.support.operator import operating


async def test_hits_and_bytes_are_told_for_each_upstream_and_for_all(tmp_path: Path) -> None:
    metrics = Metrics("1.2.3")
    for result, sent in (("hit", 600), ("stale", 100), ("joined", 100), ("miss", 200), ("absent", 0)):
        metrics.requests.add("docker.io", "blob", result, sent)
    metrics.requests.add("ghcr.io", "blob", "miss", 50)
    metrics.requests.add("", "base", "bypass", 2)
    metrics.exchange("docker.io", "blob", "200", 0.1, 250)
    metrics.exchange("quay.io", "blob", "200", 0.1, 10)
    async with larder(tmp_path) as made, operating(stats_routes(OwnFigures(metrics).render, made.stock)) as operator:
        await made.image("library/ubuntu", "22.04", [BASE])
        document = (await operator.get(PATH)).document
        assert (await operator.get(f"{PATH}?x=1")).status == 400
    assert document["since"] is not None
    assert document["requests"]["hit"] == 1
    assert (document["served_bytes"], document["fetched_bytes"]) == (1052, 260)
    assert document["hit_ratio"] == 0.6
    hub, other, unserved = document["upstreams"]
    assert (hub["upstream"], hub["hit_ratio"], hub["saved_ratio"]) == ("docker.io", 0.75, 0.75)
    assert (other["upstream"], other["hit_ratio"], other["saved_ratio"]) == ("ghcr.io", 0.0, 1.0)
    assert (unserved["upstream"], unserved["hit_ratio"], unserved["saved_ratio"]) == ("quay.io", None, None)
    assert [image["image"] for image in document["recent"]] == ["docker.io/library/ubuntu:22.04"]
