"""What a registry that limits us is asked, and what clients hear meanwhile: through a whole mirror."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from mirror.upstream.surroundings import Surroundings
from tests.support.checker import got
from tests.support.clock import Ahead
from tests.support.faults import Fault
from tests.support.figures import figure
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

CLIENTS = 100
TOO_MANY = Fault(status=429, headers={"Retry-After": "60"})
ALWAYS_DUE = {"upstreams": {"docker.io": {"tag_ttl": "0s", "stale_for": "1h", "not_found_ttl": "0s"}}}
TAG = "/v2/a/b/manifests/latest"


def _standing(mirror: MirrorUnderTest, name: str) -> float | None:
    return figure(mirror.mirror.metrics.render(), name, upstream="docker.io")


async def test_a_hundred_clients_are_served_while_the_registry_that_limits_us_is_asked_once(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, ALWAYS_DUE) as mirror:
        image = registry.push_image("a/b", "latest", [])
        await got(mirror, TAG)
        before = registry.count()
        registry.fail(TOO_MANY, times=None)
        for _ in range(2):
            answers = await asyncio.gather(*(got(mirror, TAG) for _ in range(CLIENTS)))
            assert {(answer.status, answer.body) for answer in answers} == {(200, image.manifest_body)}
            assert all("limits our requests" in answer.headers["warning"] for answer in answers)
        assert registry.count() == before + 1


async def test_what_is_not_cached_is_refused_at_once_with_the_time_to_wait(tmp_path: Path) -> None:
    clock = Ahead()
    async with (
        FakeRegistry() as registry,
        MirrorUnderTest(tmp_path, registry.url, ALWAYS_DUE, Surroundings(clock=clock)) as mirror,
    ):
        image = registry.push_image("a/b", "latest", [])
        registry.fail(TOO_MANY)
        await got(mirror, TAG)
        clock.advance(18)
        for path in (TAG, "/v2/a/c/manifests/other", f"/v2/a/b/blobs/{image.config_digest}"):
            began = time.perf_counter()
            answer = await got(mirror, path)
            assert time.perf_counter() - began < 1  # on a busy machine, too: nobody waits
            assert (answer.status, answer.headers["retry-after"]) == (503, "42")
            assert json.loads(answer.body)["errors"][0]["code"] == "TOOMANYREQUESTS"
        assert registry.count() == 1
        assert _standing(mirror, "mirror_upstream_breaker") == 2
        clock.advance(42)
        assert _standing(mirror, "mirror_upstream_breaker") == 1
        assert (await got(mirror, TAG)).body == image.manifest_body
        assert _standing(mirror, "mirror_upstream_breaker") == 0


async def test_the_pull_budget_is_published(tmp_path: Path) -> None:
    told = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        registry.push_image("a/b", "latest", [])
        assert _standing(mirror, "mirror_upstream_pull_budget_remaining") is None
        registry.fail(Fault(headers=told), times=None)
        await got(mirror, TAG)
        assert _standing(mirror, "mirror_upstream_pull_budget_remaining") == 76
        assert _standing(mirror, "mirror_upstream_pull_budget_limit") == 100
