"""However an upstream is out of reach: what was pulled is pulled, what was not is refused at once, restarted or not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp.abc import ResolveResult

from mirror.oci.digest import Digest
from mirror.tasks import spawn
from mirror.upstream.surroundings import Surroundings
from tests.support.checker import got
from tests.support.clock import Clock
from tests.support.content import Image
from tests.support.faults import Fault, Never
from tests.support.mirror import MirrorUnderTest
from tests.support.names import Names
from tests.support.operator import operator
from tests.support.registry import FakeRegistry

LAYER = Random(13).randbytes(200_000)
HOST, REPOSITORY = "registry.test", "a/b"
QUICKLY = 2.0  # seconds: less than any of the mirror's own times, more than a busy machine takes


class Phonebook(Names):
    """Knows the registry until it is lost."""

    def __init__(self) -> None:
        super().__init__({HOST: ["127.0.0.1"]})
        self.lost = False
        self.refused = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self.lost:
            self.refused += 1
            raise OSError(socket.EAI_NONAME, "no such name")
        return await super().resolve(host, port, family)


Trouble = Callable[["World"], Awaitable[None]]


class World:
    """A registry by a name of its own, and a mirror before it that has pulled `image`, whose tag is due at once."""

    def __init__(self, root: Path, registry: FakeRegistry, **hub: Any) -> None:
        self.registry = registry
        self.names = Phonebook()
        overrides: dict[str, Any] = {
            "upstreams": {"docker.io": {"endpoints": registry.named(HOST), "tag_ttl": "0s", **hub}},
            "limits": {"connect_timeout": "5s", "first_byte_timeout": "10s"},
        }
        self.clock = Clock()
        surroundings = Surroundings(resolver=self.names, clock=self.clock)
        self.mirror = MirrorUnderTest(root, registry.url, overrides, surroundings)
        self.image: Image = registry.push_image(REPOSITORY, "latest", [LAYER])
        registry.push_image(REPOSITORY, "missing", [b"missing"])

    async def manifest(self, reference: object) -> tuple[int, bytes, dict[str, str]]:
        async with asyncio.timeout(QUICKLY):
            answer = await got(self.mirror, f"/v2/{REPOSITORY}/manifests/{reference}")
        return answer.status, answer.body, answer.headers

    async def pulls(self) -> dict[str, str]:
        """Everything of the image as a client gets it; the headers of the answer by tag."""
        status, body, headers = await self.manifest("latest")
        assert (status, body) == (200, self.image.manifest_body)
        assert (await self.manifest(self.image.digest))[1] == self.image.manifest_body
        for digest in (self.image.config_digest, *self.image.layer_digests):
            assert digest.verifies((await got(self.mirror, f"/v2/{REPOSITORY}/blobs/{digest}")).body)
        return headers

    async def restart(self) -> None:
        await self.mirror.stop()
        await self.mirror.start()


async def gone(world: World) -> None:
    await world.registry.stop()


async def nameless(world: World) -> None:
    world.names.lost = True
    await world.registry.stop()  # and connections that are open


async def unwell(world: World) -> None:
    world.registry.fail(Fault(status=500), times=None)


async def throttling(world: World) -> None:
    world.registry.fail(Fault(status=429, headers={"Retry-After": "60"}), times=None)


async def overloaded(world: World) -> None:
    world.registry.fail(Fault(status=503, headers={"Retry-After": "60"}), times=None)


async def frozen(world: World) -> None:
    async with operator(world.mirror.mirror.admin.addresses[0][:2]) as asking:
        assert (await asking.post("/api/v1/freeze", {"reason": "rehearsal"})).status == 200
    world.registry.requests.clear()


OUTAGES: dict[str, Trouble] = {
    "gone": gone,
    "nameless": nameless,
    "unwell": unwell,
    "throttling": throttling,
    "overloaded": overloaded,
    "frozen": frozen,
}


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarted"])
@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_what_was_pulled_is_pulled_and_what_was_not_is_refused_at_once(
    tmp_path: Path, outage: Trouble, restart: bool
) -> None:
    async with FakeRegistry() as registry:
        world = World(tmp_path, registry)
        async with world.mirror:
            assert "warning" not in await world.pulls()
            await outage(world)
            if restart:
                await world.restart()
            for _ in range(3):
                headers = await world.pulls()
                assert headers["warning"].endswith(' ago"')
                assert headers["cache-status"].startswith("mirror; hit; detail=stale; ttl=")
                status, _, headers = await world.manifest("missing")
                assert (status, int(headers["retry-after"]) > 0) == (503, True)
            if outage is frozen:
                assert registry.requests == []
            if outage is nameless and restart:
                assert world.names.refused > 0


@pytest.mark.parametrize("outage", [throttling, overloaded], ids=["throttling", "overloaded"])
async def test_an_upstream_that_wants_to_be_left_alone_is_asked_once_for_all(tmp_path: Path, outage: Trouble) -> None:
    async with FakeRegistry() as registry:
        world = World(tmp_path, registry)
        async with world.mirror:
            await world.pulls()
            await outage(world)
            registry.requests.clear()
            answers = await asyncio.gather(*(world.manifest("latest") for _ in range(100)))
            assert {(status, body) for status, body, _ in answers} == {(200, world.image.manifest_body)}
            assert (await world.manifest("missing"))[0] == 503
            assert registry.count() == 1


async def test_once_an_upstream_is_known_to_hang_nobody_waits_for_it(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        world = World(tmp_path, registry)
        async with world.mirror:
            await world.pulls()
            registry.fail(Fault(status=503, headers={"Retry-After": "600"}), times=1)
            await world.pulls()
            registry.fail(Fault(hold=Never()), times=None)
            registry.requests.clear()
            for _ in range(3):
                assert "warning" in await world.pulls()
                assert (await world.manifest("missing"))[0] == 503
            assert registry.requests == []


async def test_a_freeze_says_so_and_a_thaw_ends_it_at_once(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        world = World(tmp_path, registry)
        async with world.mirror, operator(world.mirror.mirror.admin.addresses[0][:2]) as asking:
            await world.pulls()
            await asking.post("/api/v1/freeze", {"reason": "canary"})
            headers = await world.pulls()
            assert headers["warning"].startswith('299 - "contact with docker.io is frozen by the operator; ')
            assert b"canary" not in (await world.manifest("missing"))[1]
            moved = registry.push_image(REPOSITORY, "latest", [b"moved"])
            await asking.post("/api/v1/thaw")
            status, body, headers = await world.manifest("latest")
            assert (status, body, "warning" in headers) == (200, moved.manifest_body, False)


async def test_a_tag_is_not_frozen_for_longer_than_it_may_be_stale(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        overrides = {"upstreams": {"docker.io": {"tag_ttl": "0s", "stale_for": "0s"}}}
        async with MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
            image = registry.push_image(REPOSITORY, "latest", [LAYER])
            await got(mirror, f"/v2/{REPOSITORY}/manifests/latest")
            async with operator(mirror.mirror.admin.addresses[0][:2]) as asking:
                await asking.post("/api/v1/freeze")
            assert (await got(mirror, f"/v2/{REPOSITORY}/manifests/latest")).status == 503
            assert (await got(mirror, f"/v2/{REPOSITORY}/manifests/{image.digest}")).status == 200


async def test_a_download_that_is_frozen_is_gone_on_with_after_the_thaw(tmp_path: Path) -> None:
    release = asyncio.Event()
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        data = Random(7).randbytes(4_000_000)
        digest = registry.push_blob(REPOSITORY, data)
        path = f"/v2/{REPOSITORY}/blobs/{digest}"
        registry.fail(Fault(stall_at=2_000_000, until=release), "GET", "/blobs/")
        cut = spawn(got(mirror, path), "client")
        await registry.arrived("GET", "/blobs/")
        async with operator(mirror.mirror.admin.addresses[0][:2]) as asking:
            async with asyncio.timeout(10):
                while registry.bytes_sent < 2_000_000:  # noqa: ASYNC110  # the registry tells nobody
                    await asyncio.sleep(0.005)
            await asking.post("/api/v1/freeze")
            assert not (await cut).whole
            release.set()
            assert (await got(mirror, path)).status == 503
            await asking.post("/api/v1/thaw")
        answer = await got(mirror, path)
        assert (answer.status, answer.body == data) == (200, True)
        resumed = registry.seen("GET", "/blobs/")[-1]
        assert resumed.headers["range"].startswith("bytes=")


async def test_a_check_that_a_freeze_cuts_short_is_no_failed_one(tmp_path: Path) -> None:
    release = asyncio.Event()
    settings = {"upstreams": {"docker.io": {"tag_ttl": 0}}}
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, settings) as mirror:
        registry.push_image(REPOSITORY, "latest", [b"old"])
        path = f"/v2/{REPOSITORY}/manifests/latest"
        old = (await got(mirror, path)).body
        moved = registry.push_image(REPOSITORY, "latest", [b"new"])
        registry.fail(Fault(stall_at=10, until=release), "GET", "/manifests/")
        asked = registry.count("GET", "/manifests/")
        cut = spawn(got(mirror, path), "client")
        await registry.arrived("GET", "/manifests/", asked + 1)
        async with operator(mirror.mirror.admin.addresses[0][:2]) as asking:
            await asking.post("/api/v1/freeze")
            answer = await cut
            assert answer.body == old
            assert "frozen by the operator" in answer.headers["warning"]
            release.set()
            await asking.post("/api/v1/thaw")
        answer = await got(mirror, path)
        assert "warning" not in answer.headers
        assert Digest.of(answer.body) == moved.digest


async def test_a_figure_tells_of_the_freeze_before_and_after_a_restart(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        world = World(tmp_path, registry)
        async with world.mirror:
            assert b"\nmirror_frozen 0.0\n" in world.mirror.mirror.metrics.render()
            await frozen(world)
            for _ in range(2):
                assert b"\nmirror_frozen 1.0\n" in world.mirror.mirror.metrics.render()
                await world.restart()


@pytest.mark.parametrize("outage", [throttling, frozen], ids=["throttling", "frozen"])
async def test_no_program_is_run_for_a_login_that_cannot_be_used(tmp_path: Path, outage: Trouble) -> None:
    calls = tmp_path / "calls"
    program = tmp_path / "login"
    program.write_text(f'#!/bin/sh\necho called >> {calls}\necho \'{{"Username": "alice", "Secret": "canary"}}\'\n')
    program.chmod(0o700)
    async with FakeRegistry() as registry:
        registry.require_basic("alice", "canary")
        world = World(tmp_path, registry, credential_command=[str(program)], credential_lifetime="1ms", insecure=True)
        async with world.mirror:
            await world.pulls()
            first = calls.read_text().count("called")
            world.clock.advance(1)
            await world.pulls()
            assert calls.read_text().count("called") > first  # a login does not last
            await outage(world)
            await world.pulls()  # for which an upstream that has to be left alone must be heard to say so
            before = calls.read_text().count("called")
            for _ in range(3):
                world.clock.advance(1)
                assert "warning" in await world.pulls()
                assert (await world.manifest("missing"))[0] == 503
            assert calls.read_text().count("called") == before
