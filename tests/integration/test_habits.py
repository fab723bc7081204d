"""Registries with habits of their own: no HEAD, tags that move under one's hands, limits that they tell, referrers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.fakes.registry import Registry
from tests.support.checker import got
from tests.support.content import OCI_INDEX, OCI_MANIFEST, descriptor
from tests.support.faults import Fault
from tests.support.figures import figure
from tests.support.herd import until_over, visit
from tests.support.mirror import MirrorUnderTest

CLIENTS = 100
TAG = "/v2/team/app/manifests/v1"
DUE = {"upstreams": {"docker.io": {"tag_ttl": "0s", "stale_for": "1h"}}}
SIGNATURE, REPORT = "application/vnd.example.signature", "application/vnd.example.report"


@pytest.mark.parametrize("conditional", [True, False], ids=["If-None-Match", "no If-None-Match"])
async def test_a_registry_without_head_is_asked_once_for_a_hundred_clients(tmp_path: Path, conditional: bool) -> None:
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE) as mirror:
        registry.heads, registry.conditional = False, conditional
        image = registry.push_image("team/app", "v1", [b"a layer"])
        assert (await got(mirror, TAG)).body == image.manifest_body
        asked = registry.count()
        go = asyncio.Event()
        for method in ("HEAD", "GET"):
            registry.fail(Fault(hold=go), method, "/manifests/")
        bound = mirror.mirror.listeners.bound[0]
        clients = [await visit((bound.host, bound.port), TAG, image.manifest_body) for _ in range(CLIENTS)]
        for _ in range(3):
            assert (await got(mirror, "/v2/")).status == 200  # by now all of them wait
        go.set()
        await until_over(clients, 20)
        assert all(client.satisfied for client in clients)
        methods = [seen.method for seen in registry.requests[asked:]]
        assert methods.count("GET") == 1
        assert methods.count("HEAD") <= 1


async def test_a_tag_that_moves_after_it_was_looked_at_is_what_its_body_says(tmp_path: Path) -> None:
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE) as mirror:
        registry.push_image("team/app", "v1", [b"first"])
        await got(mirror, TAG)
        second = registry.push_image("team/app", "v1", [b"second"])
        third = registry.push_image("team/app", None, [b"third"])
        registry.before(lambda _: registry.move_tag("team/app", "v1", third.digest), "GET", "/manifests/v1")
        registry.before(lambda _: registry.move_tag("team/app", "v1", third.digest), "GET", str(second.digest))
        answer = await got(mirror, TAG)
        assert answer.status == 200
        assert answer.body in (second.manifest_body, third.manifest_body)
        assert answer.headers["docker-content-digest"] == str(
            second.digest if answer.body == second.manifest_body else third.digest
        )
        assert (await got(mirror, TAG)).body == third.manifest_body


async def test_what_a_registry_says_of_its_limit_is_published(tmp_path: Path) -> None:
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE) as mirror:
        registry.headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "37;w=21600"}
        registry.push_image("team/app", "v1", [b"a layer"])
        await got(mirror, TAG)
        page = mirror.mirror.metrics.render()
        assert figure(page, "mirror_upstream_pull_budget_limit", upstream="docker.io") == 100
        assert figure(page, "mirror_upstream_pull_budget_remaining", upstream="docker.io") == 37


async def test_referrers_are_listed_filtered_and_outlive_the_registry(tmp_path: Path) -> None:
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE) as mirror:
        image = registry.push_image("team/app", "v1", [b"a layer"])
        registry.referrers = True
        for kind in (SIGNATURE, REPORT):
            registry.attach("team/app", image.digest, {**descriptor(OCI_MANIFEST, kind.encode()), "artifactType": kind})
        path = f"/v2/team/app/referrers/{image.digest}"

        async def listed(query: str = "") -> list[str]:
            answer = await got(mirror, path + query)
            assert (answer.status, answer.headers["content-type"]) == (200, OCI_INDEX)
            return [entry["artifactType"] for entry in json.loads(answer.body)["manifests"]]

        for there in (True, False):
            if not there:
                await registry.stop()
            assert sorted(await listed()) == sorted((SIGNATURE, REPORT))
            assert await listed(f"?artifactType={SIGNATURE}") == [SIGNATURE]
        nobodys = f"/v2/team/app/referrers/sha256:{'0' * 64}"
        assert (await got(mirror, nobodys)).status in (404, 503)  # what is not known is not "none"
