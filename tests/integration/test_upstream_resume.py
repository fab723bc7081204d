"""Bodies that break off, and going on with them: at the offset, at the canonical URL, elsewhere, or from the start."""

from __future__ import annotations

import asyncio

import pytest

from mirror.config.settings import Upstream
from mirror.errors import UpstreamError
from tests.support.clock import Clock
from tests.support.faults import Fault, Gate
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, opened, pull

LAYER = bytes(range(256)) * 4096  # 1 MiB


@pytest.mark.parametrize("redirects", [False, True])
@pytest.mark.parametrize(
    "cuts", [[0], [1], [262144], [len(LAYER) - 1], [10, 10, 10], [300_000, 300_000, 300_000], [0, 1, 2, 3, 4, 5]]
)
async def test_a_body_that_breaks_off_is_resumed_where_it_broke(redirects: bool, cuts: list[int]) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        digest = server.push_blob("a/b", LAYER)
        server.redirects = redirects
        for cut in cuts:
            server.fail(Fault(cut_at=cut), "GET", "/objects/" if redirects else "/blobs/")
        assert digest.verifies(await pull(registry, "a/b", digest, resumes=len(cuts)))
        assert server.count("GET", "/blobs/") == len(cuts) + 1  # each at the canonical URL
        assert server.bytes_sent <= len(LAYER) + len(cuts) * 600_000


async def test_a_resume_survives_an_expired_signature_and_an_expired_token() -> None:
    clock = Clock()
    setting = Setting(clock=clock)
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), setting) as registry:
        digest = server.push_blob("a/b", LAYER)
        login = server.require_bearer()
        server.redirects = True
        gate = Gate(piece=100_000)
        server.fail(Fault(gate=gate, cut_at=300_000), "GET", "/objects/")
        pulling = asyncio.ensure_future(pull(registry, "a/b", digest, resumes=1))
        async with asyncio.timeout(10):
            await gate.arrived.wait()
        login.revoke()
        clock.advance(10)
        server.expire_signatures()
        gate.open()
        assert digest.verifies(await pulling)
        assert login.issued == 2


async def test_a_resume_goes_to_another_endpoint() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        digest = one.push_blob("a/b", LAYER)
        two.push_blob("a/b", LAYER)
        one.fail(Fault(cut_at=400_000))
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            assert digest.verifies(await pull(registry, "a/b", digest, resumes=1))
        assert (one.count(), two.count()) == (1, 1)
        assert two.requests[0].headers["range"].startswith("bytes=")


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_upstream_without_ranges_is_resumed_from_the_beginning(chunked: bool) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        digest = server.push_blob("a/b", LAYER)
        server.ranges, server.chunked = False, chunked
        server.fail(Fault(cut_at=400_000))
        assert digest.verifies(await pull(registry, "a/b", digest, resumes=1))


@pytest.mark.parametrize("fault", [Fault(reset_at=5000), Fault(length=len(LAYER) + 1), Fault(length=len(LAYER) - 1)])
async def test_no_wrong_length_passes_for_a_whole_blob(fault: Fault) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        digest = server.push_blob("a/b", LAYER)
        server.fail(fault, times=None)
        try:
            got = await pull(registry, "a/b", digest)
        except UpstreamError:
            return
        assert not digest.verifies(got)
        assert len(got) == fault.length
