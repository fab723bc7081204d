"""Every request that is made to an upstream is logged with the id of the client's request that caused it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from mirror.log import tracing
from mirror.pull.content import Readable
from mirror.pull.manifests import Question
from mirror.pull.upstreams import Asked
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

LAYER = b"layer" * 100_000


def asked(lines: list[Any]) -> list[tuple[str, str, str | None]]:
    return [
        (line["operation"], line.get("reference", ""), line.get("request_id"))
        for line in lines
        if line["event"] == "asked upstream"
    ]


async def test_a_manifest_and_the_token_that_it_took_bear_the_requests_id(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image("team/app", "v1", [LAYER])
        registry.require_bearer()
        target = mirror.mirror.pulls.upstreams.target(Asked(None, None, None, "team/app"))
        with capture_logs() as lines, tracing.entered("ab-1"):
            await mirror.mirror.pulls.manifests.find(Question(target, "v1"))
        assert asked(lines) == [
            ("manifest", "v1", "ab-1"),
            ("token", "", "ab-1"),
            ("manifest", "v1", "ab-1"),
        ]
        with capture_logs() as lines, tracing.entered("ab-2"):
            await mirror.mirror.pulls.manifests.find(Question(target, "v1"))
            await mirror.mirror.pulls.manifests.find(Question(target, image.digest))
        assert asked(lines) == []  # what is cached has no line


async def test_a_fetch_that_outlives_its_request_keeps_the_requests_id(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image("team/app", "v1", [LAYER])
        pulls = mirror.mirror.pulls
        target = pulls.upstreams.target(Asked(None, None, None, "team/app"))
        with capture_logs() as lines:
            with tracing.entered("ab-1"):
                found = await pulls.blobs.find(target, image.layer_digests[0])
            assert not isinstance(found.content, bytes | None)
            content: Readable = found.content
            offset = 0
            with tracing.entered("ab-2"):  # another request reads along
                while (end := await content.ready(offset)) > offset:
                    offset = end
            content.close()
        assert offset == len(LAYER)
        assert asked(lines) == [("blob", str(image.layer_digests[0]), "ab-1")]


async def test_a_client_finds_its_request_in_the_log_by_the_id_that_it_was_told(tmp_path: Path) -> None:
    alone = {"prefetch": "off"}  # what is fetched ahead bears the id of a request that may be over
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, alone) as mirror:
        image = registry.push_image("team/app", "v1", [LAYER])
        for path in ("manifests/v1", f"blobs/{image.layer_digests[0]}", "tags/list", "manifests/none"):
            with capture_logs() as lines:
                response, _ = await mirror.get(f"/v2/team/app/{path}")
            ids = {request_id for _, _, request_id in asked(lines)}
            assert ids == {response.headers["X-Request-ID"]}, path
        with capture_logs() as lines:
            assert (await mirror.get("/v2/team/app/manifests/v1"))[0].status == 200
        assert asked(lines) == []


async def test_what_went_wrong_upstream_is_on_its_line(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        registry.fail(Fault(status=503), times=None)
        with capture_logs() as lines:
            await mirror.get("/v2/team/app/manifests/v1")
        told = [line for line in lines if line["event"] == "asked upstream"]
        assert told
        assert {line["status"] for line in told} == {503}
