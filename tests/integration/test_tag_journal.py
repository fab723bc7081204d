"""A tag that moves: noted, told, taken back, held; in one process and in several."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.support.content import Image
from tests.support.hooks import Hook, hooked
from tests.support.mirror import MirrorUnderTest
from tests.support.operator import Operator, operator
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import request
from tests.support.registry import FakeRegistry

PATH = "/v2/team/app/manifests/prod"
NAMED = "team/app:prod"
SECRET = b"between the two of us"


def configuration(hook: Hook, secret: Path, **upstream: Any) -> Mapping[str, Any]:
    secret.write_bytes(SECRET + b"\n")
    return {
        "upstreams": {"docker.io": {"tag_ttl": "0s", **upstream}},
        "notifications": {"endpoints": [{"url": f"{hook.url}/hook", "secret_file": str(secret)}]},
    }


async def pulled(mirror: MirrorUnderTest, image: Image) -> str:
    """The whole image by its tag; the digest that came."""
    answer, _ = await mirror.get(PATH)
    for digest in (image.config_digest, *image.layer_digests):
        assert (await mirror.get(f"/v2/team/app/blobs/{digest}"))[0].status == 200
    return answer.headers["Docker-Content-Digest"]


async def history(asking: Operator) -> list[dict[str, Any]]:
    moves: list[dict[str, Any]] = (await asking.get(f"/api/v1/tags/history?image={NAMED}")).document["moves"]
    return moves


async def test_three_moves_are_noted_and_told_and_a_rollback_serves_the_former_digest(tmp_path: Path) -> None:
    async with hooked() as hook, FakeRegistry() as registry:
        settings = configuration(hook, tmp_path / "secret")
        async with MirrorUnderTest(tmp_path, registry.url, settings) as mirror:
            digests = []
            for number in range(4):  # where it is found, and three moves
                image = registry.push_image("team/app", "prod", [f"layer {number}".encode()])
                digests.append(await pulled(mirror, image))
            async with operator(mirror.mirror.admin.addresses[0][:2]) as asking:
                moves = await history(asking)
                assert [(move["old"], move["new"]) for move in reversed(moves)] == [
                    (None, digests[0]),
                    *pairwise(digests),
                ]
                assert {move["client"] for move in moves} == {"127.0.0.1"}
                before = len(registry.requests)
                said = await asking.post("/api/v1/tags/rollback", {"image": NAMED})
                assert (said.status, said.document["given"]) == (200, digests[2])
                answer, body = await mirror.get(PATH)
                assert answer.headers["Docker-Content-Digest"] == digests[2]
                assert "rolled this tag back" in answer.headers["Warning"]
                assert f"sha256:{hashlib.sha256(body).hexdigest()}" == digests[2]
                assert len(registry.requests) == before
                explained = (await asking.get(f"/api/v1/explain?image={NAMED}")).document
                assert explained["given"]["digest"] == explained["manifest"] == digests[2]
                assert explained["asks"] == []
        posted = await hook.came(3)
    assert [one.event["target"]["digest"] for one in posted] == digests[1:]
    assert [one.event["target"]["previousDigest"] for one in posted] == digests[:-1]
    assert len({one.event["id"] for one in posted}) == 3
    for one in posted:
        assert one.is_signed_with(SECRET)
        assert (one.event["action"], one.event["target"]["tag"]) == ("push", "prod")
        assert one.event["target"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        assert one.event["target"]["size"] > 0
        assert one.event["request"]["addr"] == "127.0.0.1"


async def test_a_receiver_that_hangs_or_fails_holds_up_no_pull(tmp_path: Path) -> None:
    async with hooked() as hook, FakeRegistry() as registry:
        hook.held.clear()
        hook.answers = [503]
        settings = configuration(hook, tmp_path / "secret")
        async with MirrorUnderTest(tmp_path, registry.url, settings) as mirror:
            for number in range(3):
                await pulled(mirror, registry.push_image("team/app", "prod", [f"layer {number}".encode()]))
            assert len(await hook.came(1)) == 1  # and has not been answered yet
            hook.held.set()
            posted = await hook.came(3)
    assert posted[0].event["id"] == posted[1].event["id"] != posted[2].event["id"]


async def test_an_answer_from_memory_ends_with_a_pin_and_with_its_end(tmp_path: Path) -> None:
    """Answers that are given again by their bytes alone look at nothing: they have to be forgotten in time."""
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        one = await pulled(mirror, registry.push_image("team/app", "prod", [b"one"]))
        other = str(registry.push_image("team/app", "other", [b"other"]).digest)

        async def given() -> set[str]:
            """By five requests in a row: the first of them looks, the others need not."""
            return {(await mirror.get(PATH))[0].headers["Docker-Content-Digest"] for _ in range(5)}

        async with operator(mirror.mirror.admin.addresses[0][:2]) as asking:
            for _ in range(2):
                assert await given() == {one}
                assert (await asking.post("/api/v1/tags/pin", {"image": NAMED, "to": other})).status == 200
                assert await given() == {other}
                assert (await mirror.get(PATH))[0].headers["Warning"] == '299 - "the operator has pinned this tag"'
                assert (await asking.post("/api/v1/tags/unpin", {"image": NAMED})).status == 200
            assert await given() == {one}


async def test_of_several_processes_one_tells_of_a_move_and_all_roll_back(tmp_path: Path) -> None:
    async with hooked() as hook, FakeRegistry() as registry:
        settings = {
            "SERVER__WORKERS": "2",
            "UPSTREAMS__DOCKER_IO__TAG_TTL": "0s",
            "NOTIFICATIONS__ENDPOINTS": json.dumps([{"url": hook.url}]),
        }
        digests: list[str] = []

        def given(program: Program) -> set[str]:
            """By so many connections that no worker is without any."""
            found = set()
            for _ in range(10):
                with program.client() as client:
                    found.add(client.ask("GET", PATH)["Docker-Content-Digest"])
            return found

        def ordered(program: Program) -> int:
            body = json.dumps({"image": NAMED}).encode()
            headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
            with program.admin() as admin:
                asked = request("POST", "/api/v1/tags/rollback", *headers)
                admin.send(asked.replace(b"mirror.test", b"localhost"), body)
                return admin.answer("POST").status

        with Program(tmp_path, registry.url, settings) as program:
            for number in range(4):
                image = registry.push_image("team/app", "prod", [f"layer {number}".encode()])
                digests.append(str(image.digest))
                assert await asyncio.to_thread(given, program) == {digests[-1]}
            posted = await hook.came(3)
            assert await asyncio.to_thread(ordered, program) == 200
            # Hearing of it takes the others a moment.
            await asyncio.to_thread(wait_until, lambda: given(program) == {digests[2]}, "all have rolled back")
            assert await asyncio.to_thread(given, program) == {digests[2]}
    assert [one.event["target"]["digest"] for one in posted] == digests[1:]
