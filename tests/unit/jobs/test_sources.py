"""Manifests and blobs come as clients get them, or so that no client notices."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mirror.errors import Refused
from mirror.jobs.sources import Quiet, Urgent, insistent, is_busy
from mirror.pull.content import Readable
from mirror.pull.images import Part
from mirror.tasks import spawn
from tests.support.faults import Fault, Gate
from tests.support.orders import APP, Ordered, ordered
from tests.support.raw_client import PATIENCE

LARGE = os.urandom(300_000)


def urgent(ours: Ordered) -> Urgent:
    return Urgent(ours.mirror.mirror.pulls, ours.target, "a pull")


def quiet(ours: Ordered) -> Quiet:
    return Quiet(ours.mirror.mirror.pulls, ours.target, ours.mirror.mirror.store, "a pull")


async def read_out(readable: Readable | None) -> int:
    assert readable is not None
    offset = 0
    async with asyncio.timeout(PATIENCE):
        while (reached := await readable.ready(offset)) > offset:
            offset = reached
    readable.close()
    return offset


async def test_a_tag_is_asked_for_however_fresh_it_is(tmp_path: Path) -> None:
    async with ordered(tmp_path, {"upstreams": {"docker.io": {"tag_ttl": "1h"}}}) as ours:
        ours.registry.push_image(APP, "v1", [b"a layer"])
        await ours.mirror.get(f"/v2/{APP}/manifests/v1")
        assert not ours.target.upstream.policy.honours_no_cache
        target = insistent(ours.target)
        assert target.upstream.policy.honours_no_cache
        assert (target.place, target.upstream.registry) == (ours.target.place, ours.target.upstream.registry)


async def test_a_client_that_comes_meanwhile_has_the_same_fetch(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        digest = ours.registry.push_image(APP, "v1", [LARGE]).layer_digests[0]
        gate = Gate()
        ours.registry.fail(Fault(gate=gate), "GET", str(digest))
        ordered_one = spawn(urgent(ours).blob(Part(digest, len(LARGE))), "ordered")
        await gate.arrived.wait()
        client = spawn(ours.mirror.get(f"/v2/{APP}/blobs/{digest}"), "client")
        gate.open()
        assert await read_out(await ordered_one) == len(LARGE)
        _, body = await client
        await ours.settled()
        assert await urgent(ours).blob(Part(digest, len(LARGE))) is None
        assert (body == LARGE, ours.registry.count("GET", str(digest))) == (True, 1)


async def test_what_nobody_waits_for_comes_too(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        digest = ours.registry.push_image(APP, "v1", [LARGE]).layer_digests[0]
        gate = Gate()
        ours.registry.fail(Fault(gate=gate), "GET", str(digest))
        source = quiet(ours)
        readable = await source.blob(Part(digest, len(LARGE)))
        joined = await quiet(ours).blob(Part(digest, len(LARGE)))
        fetch = ours.mirror.mirror.pulls.fetches.find(ours.target, digest)
        assert fetch is not None
        gate.open()
        assert await read_out(readable) == await read_out(joined) == len(LARGE)
        await fetch.ended.wait()
        assert await source.blob(Part(digest, len(LARGE))) is None
        assert ours.registry.count("GET", str(digest)) == 1


async def test_where_nothing_may_run_ahead_it_comes_as_for_a_client(tmp_path: Path) -> None:
    async with ordered(tmp_path, {"limits": {"prefetch": 0}}) as ours:
        digest = ours.registry.push_image(APP, "v1", [LARGE]).layer_digests[0]
        assert await read_out(await quiet(ours).blob(Part(digest, len(LARGE)))) == len(LARGE)


async def test_what_another_repository_has_brought_is_asked_for_before_it_is_taken(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        digest = ours.registry.push_image("library/other", "v1", [LARGE]).layer_digests[0]
        await ours.mirror.get(f"/v2/library/other/blobs/{digest}")
        ours.registry.push_blob(APP, LARGE)
        await ours.settled()
        assert await quiet(ours).blob(Part(digest, len(LARGE))) is None
        assert ours.registry.count("HEAD", f"/{APP}/blobs/{digest}") == 1
        assert ours.mirror.mirror.store.facts.member("docker.io", APP, str(digest)) is not None


def test_only_what_may_be_asked_again_is_busy() -> None:
    assert is_busy(Refused("too much", retry_after=5))
    assert not is_busy(Refused("never"))
    assert not is_busy(ValueError())
