"""A mirror is killed while it notes moves of a tag, and while it pulls what was ordered: neither is spoilt by that."""

from __future__ import annotations

import asyncio
import random
import signal
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import aiohttp

from mirror.oci.digest import Digest
from mirror.store.index import Index
from mirror.tasks import spawn
from tests.support.caches import bytes_under_way, false_blobs, under_way
from tests.support.faults import Fault, Never
from tests.support.measured import Row, Share, note
from tests.support.operator import Operator, operator
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.surface import noise
from tests.support.tiers import count

APP = "team/app"
KILLS = count(2, 50)
LONGEST = 0.4  # seconds of moves before a kill
SIZE, HALF = 512 * 1024, 256 * 1024
PULLS = "/api/v1/pulls"
SETTINGS = {"LOG__ACCESS": "false", "UPSTREAMS__DOCKER_IO__TAG_TTL": "0s"}


class Tag:
    """A tag that moves each time somebody has been given it; `digests` is where it has been."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.digests: list[str] = []
        self._registry = registry

    def move(self) -> None:
        layer = f"layer {len(self.digests)}".encode()
        self.digests.append(str(self._registry.push_image(APP, "prod", [layer]).digest))

    async def ask(self, program: Program) -> None:
        """Of a mirror that may be gone at any time, what it says is right."""
        host, port = program.address
        async with aiohttp.request("GET", f"http://{host}:{port}/v2/{APP}/manifests/prod") as answer:
            assert answer.headers["Docker-Content-Digest"] == self.digests[-1]

    async def move_and_ask(self, program: Program) -> None:
        """Again and again, until nobody answers."""
        with suppress(aiohttp.ClientError):
            while True:
                self.move()
                await self.ask(program)


def moves_in(root: Path) -> list[tuple[str | None, str | None]]:
    """Where the tag went, from where, in the order in which that was noted."""
    index = Index(root / "index")
    try:
        return [(old, new) for old, new in index.read("SELECT old, new FROM moves ORDER BY number")]
    finally:
        index.close()


async def killed(program: Program) -> None:
    program.signal(signal.SIGKILL)
    assert await asyncio.to_thread(program.ended) == -signal.SIGKILL


async def test_the_journal_of_a_mirror_that_is_killed_tells_no_move_that_was_not(tmp_path: Path) -> None:
    chance = random.Random(6)
    async with FakeRegistry() as registry:
        tag = Tag(registry)
        with Program(tmp_path, registry.url, SETTINGS) as program:
            for _ in range(KILLS):
                moving = spawn(tag.move_and_ask(program), "moving")
                await asyncio.sleep(chance.uniform(0.0, LONGEST))  # at any time
                await killed(program)
                await moving
                await asyncio.to_thread(program.start)
            tag.move()
            await tag.ask(program)
            program.signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.ended) == 0
    moves = moves_in(tmp_path / "cache")
    places = {digest: place for place, digest in enumerate(tag.digests)}
    backwards = sum(places[str(new)] <= places.get(str(old), -1) for old, new in moves)
    torn = sum(old != before for (_, before), (old, _) in pairwise([(None, None), *moves]))
    what = f"moves of a tag in the journal of a mirror that was killed {KILLS} times: untrue, or not after the last one"
    note(Share("F1", what, backwards + torn, len(moves)))
    assert (backwards, torn) == (0, 0)
    assert moves[-1][1] == tag.digests[-1]
    assert len(moves) > KILLS


async def done(asked: Operator, name: str) -> str:
    """How the pull has ended."""
    async with asyncio.timeout(60):
        while (state := (await asked.get(f"{PULLS}/{name}")).document["state"]) == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return str(state)


async def test_what_was_ordered_of_a_mirror_that_is_killed_is_gone_on_with_when_it_is_ordered_again(
    tmp_path: Path,
) -> None:
    root, layer = tmp_path / "cache", noise("ordered", SIZE)
    path = f"/blobs/{Digest.of(layer)}"
    async with FakeRegistry() as registry:
        image = registry.push_image(APP, "prod", [layer])
        registry.fail(Fault(stall_at=HALF, until=Never()), "GET", path)
        with Program(tmp_path, registry.url, SETTINGS) as program:
            async with operator(program._address("admin")) as asked:
                assert (await asked.post(PULLS, {"image": f"docker.io/{APP}:prod"})).status == 200
                await asyncio.to_thread(wait_until, lambda: bytes_under_way(root) == HALF, "half of it is there")
                await killed(program)
            await asyncio.to_thread(program.start)
            async with operator(program._address("admin")) as asked:
                assert (await asked.get(PULLS)).document == {"pulls": []}
                again = await asked.post(PULLS, {"image": f"docker.io/{APP}:prod"})
                state = await done(asked, again.document["id"])
            sent = [seen.sent for seen in registry.seen("GET", path)]
            note(
                Row(
                    "F19", "a pull that was ordered, killed at its half, ordered again: bytes sent", "1.00x", told(sent)
                )
            )
            assert (state, sum(sent)) == ("done", SIZE)
            with program.client() as client:
                for digest in (image.config_digest, *image.layer_digests):
                    assert client.ask("GET", f"/v2/{APP}/blobs/{digest}").status == 200
            program.signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.ended) == 0
    assert (false_blobs(root), under_way(root)) == ([], [])


def told(sent: list[int]) -> str:
    return f"{sum(sent) / SIZE:.2f}x in {len(sent)} parts"
