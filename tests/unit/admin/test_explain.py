"""The explanation over the operator's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry


async def ask(mirror: MirrorUnderTest, query: Mapping[str, str]) -> tuple[int, Any]:
    host, port = mirror.mirror.admin.addresses[0][:2]
    async with mirror.session.get(f"http://{host}:{port}/api/v1/explain", params=query) as response:
        return response.status, json.loads(await response.read())


async def test_an_explanation_is_given_in_json_and_asks_nobody(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        status, document = await ask(mirror, {"image": "ubuntu"})
        assert (status, document["image"]) == (200, "docker.io/library/ubuntu:latest")
        assert document["route"]["rule"] == "default"
        assert document["route"]["endpoints"][0]["state"] == "closed"
        assert document["asks"] == ["GET manifests/latest"]
        assert registry.connections == 0


async def test_what_cannot_be_explained_is_refused_with_its_reason(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        for query, status in (
            ({}, 400),
            ({"image": ""}, 400),
            ({"image": "UPPER"}, 400),
            ({"image": "quay.io/a/b"}, 404),
        ):
            answered, document = await ask(mirror, query)
            assert answered == status
            assert document.keys() == {"error"}
            assert "UPPER" not in document["error"]
