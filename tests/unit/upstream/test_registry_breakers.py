"""Who is left alone, for how long, and what is asked meanwhile: the breakers as a whole upstream makes use of them."""

from __future__ import annotations

import asyncio
import time

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Absent, Denied, Interrupted, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.tasks import spawn
from mirror.upstream.breaker import State
from mirror.upstream.breakers import Health
from mirror.upstream.registry import Registry
from tests.support.clock import Clock
from tests.support.faults import Fault, Never
from tests.support.questions import BLOB, DIGEST, QUESTIONS, every_question
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, opened, pull

TOO_MANY = Fault(status=429, headers={"Retry-After": "60"})
SPENT = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "0;w=21600", "Retry-After": "60"}


def _of(*servers: FakeRegistry) -> Upstream:
    return Upstream(endpoints=tuple(server.url for server in servers), realms=("127.0.0.1",))


async def _failed(registry: Registry, operation: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await QUESTIONS[operation](registry)
    return caught.value


@every_question
async def test_after_429_nothing_is_asked_until_its_time_is_over(operation: str) -> None:
    clock = Clock()
    async with FakeRegistry() as server, opened(_of(server), Setting(clock=clock)) as registry:
        server.push_image("a/b", "v1", [BLOB])
        server.fail(TOO_MANY)
        assert (await _failed(registry, operation)).retry_after == 60
        clock.advance(20)
        for _ in range(5):
            for one in QUESTIONS:
                error = await _failed(registry, one)
                assert (type(error), error.retry_after) == (Throttled, 40)
        assert server.count() == 1
        clock.advance(40)
        await QUESTIONS[operation](registry)
        for one in QUESTIONS:
            await QUESTIONS[one](registry)


async def test_of_a_hundred_that_ask_after_429_none_goes_out() -> None:
    async with FakeRegistry() as server, opened(_of(server)) as registry:
        server.fail(TOO_MANY, times=None)
        await _failed(registry, "head_manifest")
        asked = [registry.manifest("a/b", f"v{number}") for number in range(100)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Throttled] * 100
        assert server.count() == 1


async def test_a_retry_after_may_be_a_date() -> None:
    async with FakeRegistry() as server, opened(_of(server)) as registry:
        server.fail(Fault(status=429, headers={"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}))
        await _failed(registry, "manifest")
        assert registry.endpoints[0].probe_in == 3600  # not for ever, whatever was said


@pytest.mark.parametrize("year", [2000, 2099])
async def test_a_clock_that_is_years_off_does_not_change_when_to_try_again(year: int) -> None:
    async with FakeRegistry() as server, opened(_of(server)) as registry:
        by_its_clock = {
            "Date": f"Wed, 21 Oct {year} 07:28:00 GMT",
            "Retry-After": f"Wed, 21 Oct {year} 07:29:30 GMT",
        }
        server.fail(Fault(status=429, headers=by_its_clock))
        assert (await _failed(registry, "manifest")).retry_after == 90
        assert 80 < (registry.endpoints[0].probe_in or 0) <= 90


async def test_a_spent_pull_budget_stops_pulls_and_nothing_that_is_free() -> None:
    clock = Clock()
    async with FakeRegistry() as server, opened(_of(server), Setting(clock=clock)) as registry:
        image = server.push_image("a/b", "v1", [BLOB])
        server.fail(Fault(status=429, headers=SPENT), "GET", "/manifests/")
        await _failed(registry, "manifest")
        assert (await registry.head_manifest("a/b", "v1")).digest == image.digest
        assert await pull(registry, "a/b", DIGEST) == BLOB
        assert (await registry.tags("a/b")).names == ("v1",)
        assert type(await _failed(registry, "manifest")) is Throttled
        assert server.count("GET", "/manifests/") == 1
        clock.advance(60)
        assert (await registry.manifest("a/b", "v1")).body == image.manifest_body


async def test_when_its_time_is_over_one_request_is_let_through_and_the_others_are_refused() -> None:
    clock, go = Clock(), asyncio.Event()
    async with FakeRegistry() as server, opened(_of(server), Setting(clock=clock)) as registry:
        server.push_image("a/b", "v1", [])
        server.fail(TOO_MANY)
        await _failed(registry, "manifest")
        clock.advance(60)
        server.fail(Fault(hold=go))
        probe = spawn(registry.manifest("a/b", "v1"), "probe")
        await server.arrived(times=2)
        assert registry.endpoints[0].state is State.HALF_OPEN
        for one in QUESTIONS:
            assert (await _failed(registry, one)).retry_after == 1
        go.set()
        await probe
        assert server.count() == 2
        assert (await registry.manifest("a/b", "v1")).body


async def test_an_endpoint_that_cannot_be_reached_is_left_alone_after_the_second_time() -> None:
    setting = Setting(clock=Clock())
    async with FakeRegistry() as server, opened(_of(server), setting) as registry:
        await server.stop()
        for _ in range(2):
            await _failed(registry, "manifest")
        began = time.perf_counter()
        error = await _failed(registry, "manifest")
        assert time.perf_counter() - began < 1  # on a busy machine, too: nobody waits
        assert "cannot be reached: connection refused; next try in 10 s" in str(error)
        assert (type(error), error.retry_after) == (Unreachable, 10)
        assert len(setting.exchanges) == 2


async def test_each_probe_in_vain_is_followed_by_a_longer_silence() -> None:
    clock = Clock()
    setting = Setting(clock=clock)
    async with FakeRegistry() as server, opened(_of(server), setting) as registry:
        await server.stop()
        await _failed(registry, "manifest")
        waits = []
        for _ in range(4):
            await _failed(registry, "manifest")
            waits.append(registry.endpoints[0].probe_in)
            clock.advance(waits[-1])
        assert waits == [10, 20, 40, 60]
        assert len(setting.exchanges) == 5


@pytest.mark.parametrize(
    ("fault", "operation", "kind"),
    [
        (Fault(status=404), "manifest", Absent),
        (Fault(status=401), "manifest", Denied),
        (Fault(status=403), "blob", Denied),
        (Fault(status=418), "tags", Nonsense),
        (Fault(body=b"<html>"), "tags", Nonsense),
        (Fault(cut_at=7), "manifest", Interrupted),
        (Fault(reset_at=7), "blob", Interrupted),
    ],
)
async def test_what_one_request_meets_does_not_stop_the_others(
    fault: Fault, operation: str, kind: type[UpstreamError]
) -> None:
    async with FakeRegistry() as server, opened(_of(server)) as registry:
        server.push_image("a/b", "v1", [BLOB])
        server.fail(fault, times=None)
        for _ in range(12):
            assert type(await _failed(registry, operation)) is kind
        assert registry.endpoints == (Health(server.url.removeprefix("http://"), State.CLOSED, 0),)
        server.heal()
        for one in QUESTIONS:
            await QUESTIONS[one](registry)


async def test_when_every_endpoint_is_left_alone_the_answer_comes_at_once_with_the_earliest_time() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two, opened(_of(one, two)) as registry:
        one.fail(TOO_MANY, times=None)
        two.fail(Fault(status=503, headers={"Retry-After": "20"}), times=None)
        await _failed(registry, "manifest")
        began = time.perf_counter()
        error = await _failed(registry, "manifest")
        assert time.perf_counter() - began < 1  # on a busy machine, too: nobody waits
        assert (type(error), error.retry_after) == (Throttled, 20)
        assert (one.count(), two.count()) == (1, 1)


async def test_an_endpoint_that_is_left_alone_costs_the_next_one_no_time() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two, opened(_of(one, two)) as registry:
        two.push_image("a/b", "v1", [])
        one.fail(TOO_MANY, times=None)
        for _ in range(5):
            await registry.manifest("a/b", "v1")
        assert (one.count(), two.count()) == (1, 5)


async def test_a_preferred_endpoint_is_asked_again_when_its_time_is_over() -> None:
    clock = Clock()
    async with FakeRegistry() as one, FakeRegistry() as two, opened(_of(one, two), Setting(clock=clock)) as registry:
        for server in (one, two):
            server.push_image("a/b", "v1", [])
        one.fail(TOO_MANY)
        await registry.manifest("a/b", "v1")
        clock.advance(60)
        await registry.manifest("a/b", "v1")
        assert (one.count(), two.count()) == (2, 1)


# --- those who stand behind an endpoint


@pytest.mark.parametrize("status", [429, 503])
async def test_a_realm_that_is_to_be_left_alone_is_and_the_endpoint_with_it(status: int) -> None:
    clock = Clock()
    async with FakeRegistry() as server, FakeRegistry() as realm:
        server.push_image("a/b", "v1", [])
        server.require_bearer()
        realm.login = server.login
        server.realm = f"{realm.url}/token"
        realm.fail(Fault(status=status, headers={"Retry-After": "60"}), path="/token", times=None)
        async with opened(_of(server), Setting(clock=clock)) as registry:
            await _failed(registry, "manifest")
            asked = server.count()
            for _ in range(5):
                for one in QUESTIONS:
                    assert (await _failed(registry, one)).retry_after == 60
            assert (server.count(), realm.count()) == (asked, 1)
            realm.heal()
            clock.advance(60)
            assert (await registry.manifest("a/b", "v1")).body


async def test_who_has_to_wait_for_the_probe_of_a_realm_does_not_stop_the_one_that_probes() -> None:
    clock, go = Clock(), asyncio.Event()
    async with FakeRegistry() as server, FakeRegistry() as realm:
        server.push_image("a/b", "v1", [])
        server.require_bearer()
        realm.login = server.login
        server.realm = f"{realm.url}/token"
        realm.fail(TOO_MANY, path="/token")
        async with opened(_of(server), Setting(clock=clock)) as registry:
            await _failed(registry, "manifest")
            clock.advance(60)
            realm.fail(Fault(hold=go), path="/token")
            probe = spawn(registry.manifest("a/b", "v1"), "probe")
            await realm.arrived(times=2)
            with pytest.raises(Throttled) as caught:
                await registry.manifest("c/d", "v1")
            assert caught.value.retry_after == 1
            go.set()
            assert (await probe).body


async def test_a_realm_that_is_down_is_not_dialled_for_every_request() -> None:
    setting = Setting(clock=Clock())
    async with FakeRegistry() as server, FakeRegistry() as realm:
        server.require_bearer()
        server.realm = f"{realm.url}/token"
        await realm.stop()
        async with opened(_of(server), setting) as registry:
            for _ in range(10):
                assert "cannot be reached" in str(await _failed(registry, "manifest"))
        assert [one.operation for one in setting.exchanges].count("token") == 2
        assert server.count() <= 4


async def test_a_storage_that_is_left_alone_does_not_stop_manifests() -> None:
    async with FakeRegistry() as server, opened(_of(server)) as registry:
        server.push_image("a/b", "v1", [BLOB])
        server.redirects = True
        server.fail(TOO_MANY, path="/objects/", times=None)
        for _ in range(5):
            await _failed(registry, "blob")
        assert server.count(path="/objects/") == 1
        assert (await registry.manifest("a/b", "v1")).body
        assert registry.endpoints[0].state is State.CLOSED


async def test_an_endpoint_that_stays_silent_is_left_alone_after_the_second_time() -> None:
    async with FakeRegistry() as server, opened(_of(server)) as registry:
        server.fail(Fault(hold=Never()), times=None)
        for _ in range(5):
            await _failed(registry, "manifest")
        assert server.count() == 2
