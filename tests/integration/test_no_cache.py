"""Clients that want no old answer, over HTTP: heard where the operator allows it, whatever is hot; and who is noted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.content import Image
from tests.support.mirror import MirrorUnderTest
from tests.support.operator import operator
from tests.support.registry import FakeRegistry

PATH = "/v2/a/b/manifests/latest"


def hub(**values: Any) -> dict[str, Any]:
    return {"upstreams": {"docker.io": {"tag_ttl": "1h", **values}}}


async def digest(mirror: MirrorUnderTest, **headers: str) -> str:
    answer, _ = await mirror.get(PATH, **headers)
    assert answer.status == 200
    return answer.headers["Docker-Content-Digest"]


async def becomes(mirror: MirrorUnderTest, image: Image, **headers: str) -> None:
    """Ask until the answer is this image: a tag is checked once a second at most. TimeoutError after ten."""
    async with asyncio.timeout(10):
        while await digest(mirror, **headers) != str(image.digest):  # noqa: ASYNC110  # time has to pass
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "line", [{"Cache_Control": "no-cache"}, {"Cache_Control": "max-age=0"}, {"Pragma": "no-cache"}]
)
async def test_where_it_is_honoured_a_moved_tag_is_seen_by_everybody(tmp_path: Path, line: dict[str, str]) -> None:
    async with (
        FakeRegistry() as registry,
        MirrorUnderTest(tmp_path, registry.url, hub(honour_no_cache=True)) as mirror,
    ):
        old = registry.push_image("a/b", "latest", [b"old"])
        for _ in range(4):  # by now it would be hot
            assert await digest(mirror) == str(old.digest)
        moved = registry.push_image("a/b", "latest", [b"new"])
        assert await digest(mirror) == str(old.digest)
        await becomes(mirror, moved, **line)
        assert await digest(mirror) == str(moved.digest)
        assert registry.count("HEAD") == 1


async def test_where_it_is_not_honoured_nobody_is_asked(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, hub()) as mirror:
        old = registry.push_image("a/b", "latest", [b"old"])
        await digest(mirror)
        registry.push_image("a/b", "latest", [b"new"])
        for _ in range(4):
            assert await digest(mirror, Cache_Control="no-cache") == str(old.digest)
        assert registry.count("HEAD") == 0


@pytest.mark.parametrize(("proxies", "client"), [([], "127.0.0.1"), (["127.0.0.0/8"], "192.0.2.9")])
async def test_who_spent_a_pull_is_known_behind_a_trusted_proxy(
    tmp_path: Path, proxies: list[str], client: str
) -> None:
    overrides = {**hub(), "server": {"trusted_proxies": proxies}}
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        image = registry.push_image("a/b", "latest", [b"old"])
        await digest(mirror, X_Forwarded_For="192.0.2.9")
        by_digest, _ = await mirror.get(f"/v2/a/b/manifests/{image.digest}", X_Forwarded_For="192.0.2.9")
        assert by_digest.status == 200
        async with operator(mirror.mirror.admin.addresses[0][:2]) as asking:
            (entry,) = (await asking.get("/api/v1/budget")).document["upstreams"]
        assert (entry["clients"], entry["repositories"]) == (
            [{"client": client, "pulls": 1}],
            [{"repository": "a/b", "pulls": 1}],
        )
