"""What stands between a question and the wire: the operator's gate, turns, and what the answers tell of a budget."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from yarl import URL

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Frozen, Interrupted, Unreachable
from mirror.oci.digest import Digest
from mirror.tasks import spawn
from mirror.upstream.budget import Budget
from mirror.upstream.contact import Contact, Cut
from mirror.upstream.registry import Registry
from mirror.upstream.report import Exchange, Request
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.faults import Fault, Gate, Never
from tests.support.listener import Listener
from tests.support.raw import Close, RawUpstream, Script, Until, answer
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, opened, pull, transport
from tests.support.wire import read_request

BLOB = bytes(range(256)) * 1000
DIGEST = Digest.of(BLOB)
ENDLESS: Script = [answer("200 OK", ["Content-Length: 9"], b"x"), Until(Never())]
OK: Script = [answer("200 OK", ["Content-Length: 2"], b"{}")]


@dataclass
class World:
    """Surroundings whose gate, clock and sleep a test holds."""

    contact: Contact = field(default_factory=Contact)
    clock: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))

    def transport(self, upstream: Upstream, limits: Limits = LIMITS) -> Transport:
        around = Surroundings(contact=self.contact, clock=self.clock, sleep=self.sleep)
        return Transport("fake", upstream, limits, self.exchanges.append, around)


def _request(url: str, operation: str = "manifest") -> Request:
    return Request(operation, "GET", URL(f"{url}/v2/a/b/manifests/v1"))


# --- the operator's gate


async def test_frozen_nothing_is_sent_nor_observed() -> None:
    world = World()
    world.contact.freeze()
    async with RawUpstream(OK) as server, world.transport(Upstream(endpoints=(server.url,))) as session:
        for _ in range(3):
            with pytest.raises(Unreachable, match=r"^fake: upstream contact is frozen by the operator$") as caught:
                await session.exchange(_request(server.url))
            assert caught.value.code is Code.UNAVAILABLE
        assert server.connections == 0
        assert world.exchanges == []
        world.contact.thaw()
        assert await (await session.exchange(_request(server.url))).whole(10) == b"{}"


async def test_freezing_ends_the_wait_for_an_answer_and_is_not_the_upstreams_fault() -> None:
    world = World()
    patient = LIMITS.model_copy(update={"first_byte_timeout": 60.0})
    async with FakeRegistry() as server, world.transport(Upstream(endpoints=(server.url,)), patient) as session:
        server.fail(Fault(hold=Never()), times=None)
        asking = [spawn(session.exchange(_request(server.url)), "asking") for _ in range(3)]
        await server.arrived(times=3)
        world.contact.freeze()
        for outcome in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(outcome, Unreachable)
            assert "frozen" in str(outcome)
        world.contact.thaw()
        server.heal()
        await (await session.exchange(_request(server.url))).discard()  # no breaker has opened
        assert len(world.contact) == 0


async def test_freezing_ends_the_wait_for_a_connection() -> None:
    world = World()
    patient = LIMITS.model_copy(update={"connect_timeout": 60.0})
    async with RawUpstream([Until(Never())]) as server:
        url = server.url.replace("http:", "https:")  # no TLS handshake is ever answered
        async with world.transport(Upstream(endpoints=(url,)), patient) as session:
            asking = spawn(session.exchange(_request(url)), "asking")
            async with asyncio.timeout(10):
                while not server.connections:  # noqa: ASYNC110  # the listener tells nobody
                    await asyncio.sleep(0.005)
            world.contact.freeze()
            with pytest.raises(Unreachable, match="frozen"):
                await asking


async def test_freezing_cuts_a_body_which_goes_on_where_it_was_once_thawed() -> None:
    world, gate = World(), Gate(100_000)
    async with FakeRegistry() as server:
        server.push_blob("a/b", BLOB)
        server.fail(Fault(gate=gate), "GET", "/blobs/")
        upstream = Upstream(endpoints=(server.url,))
        registry = Registry("fake", upstream, LIMITS, world.transport(upstream), world.clock)
        got = bytearray()
        async with registry.blob("a/b", DIGEST) as body:
            gate.release()
            while len(got) < 100_000:
                got += await body.read()
            world.contact.freeze()
            with pytest.raises(Frozen):
                await body.read()
        with pytest.raises(Unreachable, match="frozen"):
            await pull(registry, "a/b", DIGEST)
        assert server.count() == 1
        world.contact.thaw()
        gate.open()
        async with registry.blob("a/b", DIGEST, len(got)) as body:
            while piece := await body.read():
                got += piece
        assert bytes(got) == BLOB
        assert server.seen("GET")[1].headers["range"] == "bytes=100000-"
        await registry.aclose()
        assert len(world.contact) == 0


class FrozenAsItArrives(Contact):
    """The gate is shut in the moment when the head of an answer has come."""

    def leave(self, cut: Cut) -> None:
        super().leave(cut)
        self.freeze()


async def test_an_answer_that_arrives_as_the_gate_is_shut_is_ended_and_told_of() -> None:
    world, ended = World(FrozenAsItArrives()), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, "raw")
        writer.write(answer("200 OK", ["Content-Length: 9"], b"x"))
        await reader.read()
        ended.set()

    async with Listener(serve, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}"
        async with world.transport(Upstream(endpoints=(url,))) as session:
            with pytest.raises(Frozen):
                await session.exchange(_request(url))
            async with asyncio.timeout(10):
                await ended.wait()
    assert [(one.status, one.failure) for one in world.exchanges] == [(200, "frozen")]
    assert len(world.contact) == 0


async def test_what_is_over_is_not_kept_by_the_gate() -> None:
    world = World()
    scripts: list[Script] = [OK, [Close()], [answer("200 OK", ["Content-Length: 9"], b"x"), Close()]]
    async with RawUpstream(*scripts) as server, world.transport(Upstream(endpoints=(server.url,))) as session:
        await (await session.exchange(_request(server.url))).whole(10)
        with pytest.raises(Interrupted):
            await (await session.exchange(_request(server.url))).whole(10)
        await (await session.exchange(_request(server.url))).discard()
        assert len(world.contact) == 0


# --- turns


async def test_requests_are_spread_as_the_operator_says_and_those_for_tokens_count() -> None:
    world = World()
    patient = LIMITS.model_copy(update={"answer_timeout": 20.0})
    async with FakeRegistry() as server:
        server.push_image("a/b", "v1", [])
        server.require_bearer()
        upstream = Upstream(endpoints=(server.url,), request_rate=0.5)
        registry = Registry("fake", upstream, patient, world.transport(upstream, patient), world.clock)
        await registry.manifest("a/b", "v1")
        assert [one.operation for one in world.exchanges] == ["manifest", "token", "manifest"]
        assert world.slept == [2, 4]
        await registry.aclose()


async def test_when_too_many_wait_for_their_turn_the_next_is_told_so_at_once() -> None:
    world = World()
    async with RawUpstream(OK) as server:
        upstream = Upstream(endpoints=(server.url,), request_rate=0.5)  # half of five seconds is waited at most
        async with world.transport(upstream) as session:
            for _ in range(2):
                await (await session.exchange(_request(server.url))).whole(10)
            with pytest.raises(Unreachable, match="too many requests are waiting") as caught:
                await session.exchange(_request(server.url))
            assert (caught.value.code, caught.value.retry_after) == (Code.BUSY, 4)
            assert len(server.requests) == 2
            world.clock.advance(4)
            await (await session.exchange(_request(server.url))).whole(10)


async def test_an_exchange_has_its_place_until_its_body_has_ended() -> None:
    limits = LIMITS.model_copy(update={"fetches_per_upstream": 1, "answer_timeout": 0.2})
    async with (
        RawUpstream(ENDLESS) as server,
        transport(Upstream(endpoints=(server.url,)), Setting(limits)) as session,
    ):
        open_ones = [await session.exchange(_request(server.url)) for _ in range(65)]
        with pytest.raises(Unreachable) as caught:
            await session.exchange(_request(server.url))
        assert caught.value.code is Code.BUSY
        open_ones[0].close()
        open_ones[0] = await session.exchange(_request(server.url))
        for response in open_ones:
            response.close()


async def test_our_own_bounds_do_not_make_an_endpoint_be_left_alone() -> None:
    limits = LIMITS.model_copy(update={"fetches_per_upstream": 1, "answer_timeout": 0.1})
    async with (
        RawUpstream(ENDLESS) as server,
        transport(Upstream(endpoints=(server.url,)), Setting(limits)) as session,
    ):
        open_ones = [await session.exchange(_request(server.url)) for _ in range(65)]
        for _ in range(3):
            with pytest.raises(Unreachable, match="waiting for their turn"):
                await session.exchange(_request(server.url))
        for response in open_ones:
            response.close()
        (await session.exchange(_request(server.url))).close()


# --- the budget


def _telling(remaining: int, **more: str) -> Fault:
    lines = {"RateLimit-Limit": "100;w=60", "RateLimit-Remaining": f"{remaining};w=60"}
    return Fault(headers=lines | {"Docker-RateLimit-Source": "192.0.2.7"})


async def test_the_latest_word_on_the_budget_is_kept_for_as_long_as_it_says() -> None:
    clock = Clock()
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as registry:
        server.push_image("a/b", "v1", [])
        assert registry.budget is None
        server.fail(_telling(76), "HEAD")
        await registry.head_manifest("a/b", "v1")
        assert registry.budget == Budget(100, 76, 60, "192.0.2.7", 1000.0)
        clock.advance(10)
        server.fail(_telling(75), "GET")
        await registry.manifest("a/b", "v1")
        await registry.head_manifest("a/b", "v1")  # says nothing of it
        assert registry.budget == Budget(100, 75, 60, "192.0.2.7", 1010.0)
        clock.advance(60)
        assert registry.budget is None


async def test_a_refusal_tells_of_the_budget_too() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.fail(Fault(status=429, headers=_telling(0).headers))
        with pytest.raises(Exception, match="limits our requests"):
            await registry.manifest("a/b", "v1")
        assert registry.budget is not None
        assert registry.budget.remaining == 0


async def test_a_storage_has_no_say_on_the_budget() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_blob("a/b", BLOB)
        server.redirects = True
        server.fail(_telling(5), path="/objects/")
        assert await pull(registry, "a/b", DIGEST) == BLOB
        assert server.count(path="/objects/") == 1
        assert registry.budget is None
