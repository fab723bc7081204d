"""Endpoints taken as one, apart from what they are asked; with requests, this is in `test_registry_endpoints`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Absent, Code, Denied, Frozen, Interrupted, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream.auth import Access, Keys
from mirror.upstream.credentials import Credentials
from mirror.upstream.endpoint import Endpoint
from mirror.upstream.endpoints import Endpoints
from mirror.upstream.refusals import Refusals
from mirror.upstream.schemes import Door
from mirror.upstream.tokens import Tokens
from tests.support.clock import Clock
from tests.support.upstreams import LIMITS, transport

NAMES = ("one", "two", "three")


class Trial:
    """Attempts that do as they are told, endpoint by endpoint, and are written down."""

    def __init__(self) -> None:
        self.failures: dict[str, UpstreamError] = {}
        self.once: dict[str, UpstreamError] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []

    async def __call__(self, endpoint: Endpoint) -> str:
        name = (endpoint.url.host or "").removesuffix(".test")
        self.asked.append(name)
        if name in self.silent:
            await asyncio.get_running_loop().create_future()
        if name in self.once:
            raise self.once.pop(name)
        if name in self.failures:
            raise self.failures[name]
        return name


@asynccontextmanager
async def three(
    clock: Clock, may_ask_again: Callable[[], bool] = lambda: True
) -> AsyncIterator[tuple[Endpoints, list[Endpoint]]]:
    async with transport(Upstream()) as session:
        refusals = Refusals(clock)
        keys = Keys(Credentials("fake", Upstream()), Tokens(session, LIMITS, refusals, clock), refusals, clock)
        doors = [Door("fake", URL(f"https://{name}.test")) for name in NAMES]
        each = [Endpoint(door.endpoint, Access(door, keys), session, 5) for door in doors]
        yield Endpoints("fake", each, 0.2, clock, may_ask_again), each


def silent() -> Interrupted:
    error = Interrupted("silent")
    error.silent = True
    return error


@pytest.mark.parametrize("kind", [Unreachable, Throttled, Nonsense])
async def test_who_fails_is_followed_by_the_next_one(kind: type[UpstreamError]) -> None:
    trial = Trial()
    trial.failures["one"] = kind()
    async with three(Clock()) as (endpoints, _):
        assert await endpoints.first(trial) == "two"
        assert await endpoints.first(trial) == "two"
    assert trial.asked == ["one", "two", "two"]


async def test_who_breaks_off_in_an_answer_is_asked_once_more() -> None:
    trial = Trial()
    async with three(Clock()) as (endpoints, each):
        for _ in range(2):
            trial.once["one"] = Interrupted()
            assert await endpoints.first(trial) == "one"
        trial.once["two"] = Interrupted()
        assert await endpoints.same(each[1], trial) == "two"
    assert trial.asked == ["one", "one", "one", "one", "two", "two"]


async def test_who_breaks_off_twice_is_followed_by_the_next_one() -> None:
    trial = Trial()
    trial.failures["one"] = Interrupted()
    async with three(Clock()) as (endpoints, _):
        assert await endpoints.first(trial) == "two"
        assert await endpoints.first(trial) == "two"
    assert trial.asked == ["one", "one", "two", "two"]


async def test_who_breaks_off_and_then_has_nothing_has_given_an_answer() -> None:
    trial = Trial()
    trial.once["one"], trial.failures["one"] = Interrupted(), Absent()
    async with three(Clock()) as (endpoints, _):
        with pytest.raises(Absent):
            await endpoints.first(trial)
    assert trial.asked == ["one", "one"]


@pytest.mark.parametrize(("error", "may"), [(silent(), True), (Interrupted(), False)], ids=["silent", "nothing left"])
async def test_who_was_waited_for_or_costs_what_is_not_there_is_not_asked_once_more(
    error: Interrupted, may: bool
) -> None:
    trial = Trial()
    trial.failures["one"] = error
    async with three(Clock(), lambda: may) as (endpoints, _):
        assert await endpoints.first(trial) == "two"
    assert trial.asked == ["one", "two"]


async def test_both_tries_fall_under_the_one_limit() -> None:
    trial = Trial()
    trial.once["one"] = Interrupted()
    trial.silent.add("two")
    asked = 0

    async def attempt(endpoint: Endpoint) -> str:
        nonlocal asked
        asked += 1
        if asked == 2:
            trial.silent.add("one")
        return await trial(endpoint)

    async with three(Clock()) as (endpoints, _):
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            await endpoints.first(attempt)
    assert trial.asked == ["one", "one"]


async def test_an_answer_is_no_failure() -> None:
    trial = Trial()
    trial.failures["one"] = Absent()
    async with three(Clock()) as (endpoints, _):
        with pytest.raises(Absent):
            await endpoints.first(trial)
    assert trial.asked == ["one"]


@pytest.mark.parametrize("kind", [Absent, Denied])
async def test_what_a_substitute_lacks_is_not_known_to_be_absent(kind: type[UpstreamError]) -> None:
    trial = Trial()
    trial.failures = {"one": Unreachable("one"), "two": kind("two"), "three": kind("three")}
    async with three(Clock()) as (endpoints, _):
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"^one$"):
                await endpoints.first(trial)
        del trial.failures["three"]
        assert await endpoints.first(trial) == "three"
    assert trial.asked == ["one", "two", "three", "two", "three", "one", "two", "three"]


@pytest.mark.parametrize("kind", [Absent, Denied])
async def test_an_endpoint_that_stands_behind_a_substitute_for_now_is_asked_for_what_that_one_lacks(
    kind: type[UpstreamError],
) -> None:
    trial = Trial()
    trial.failures["two"] = kind("two")
    async with three(Clock()) as (endpoints, each):
        for better in (each[0], each[2]):
            endpoints.failed(better)
        assert await endpoints.first(trial) == "one"
        trial.failures["one"] = kind("one")
        endpoints.failed(each[0])
        with pytest.raises(kind, match=r"^one$"):
            await endpoints.first(trial)
        with pytest.raises(kind, match=r"^one$"):
            await endpoints.first(trial)
    assert trial.asked == ["two", "one", "two", "one", "one"]


@pytest.mark.parametrize("error", [Frozen("frozen"), Unreachable("wait", code=Code.BUSY, retry_after=1)])
async def test_that_we_do_not_ask_says_nothing_of_an_endpoint(error: UpstreamError) -> None:
    trial = Trial()
    trial.failures["one"] = error
    async with three(Clock()) as (endpoints, _):
        assert await endpoints.first(trial) == "two"
        del trial.failures["one"]
        assert await endpoints.first(trial) == "one"
    assert trial.asked == ["one", "two", "one"]


async def test_when_all_fail_the_preferred_ones_failure_is_told_in_whatever_order_they_were_asked() -> None:
    clock, trial = Clock(), Trial()
    trial.failures = {name: Unreachable(name) for name in NAMES}
    async with three(clock) as (endpoints, each):
        endpoints.failed(each[0])
        with pytest.raises(Unreachable, match=r"^one$"):
            await endpoints.first(trial)
    assert trial.asked == ["two", "three", "one"]


async def test_silence_is_a_failure_of_who_was_silent() -> None:
    trial = Trial()
    trial.silent.add("two")
    trial.failures["one"] = Throttled("one")
    async with three(Clock()) as (endpoints, each):
        with pytest.raises(Throttled, match=r"^one$"):
            await endpoints.first(trial)
        with pytest.raises(Unreachable, match=r"within 0\.2 s") as caught:
            await endpoints.same(each[1], trial)
        assert caught.value.code is Code.TIMEOUT
        assert await endpoints.first(trial) == "three"


async def test_who_knows_how_to_go_on_is_asked_alone() -> None:
    trial = Trial()
    trial.failures["two"] = Unreachable("two")
    async with three(Clock()) as (endpoints, each):
        assert await endpoints.same(each[2], trial) == "three"
        with pytest.raises(Unreachable):
            await endpoints.same(each[1], trial)
    assert trial.asked == ["three", "two"]


@pytest.mark.parametrize("kind", [Absent, Denied])
async def test_who_lacks_the_rest_of_what_another_one_began_is_followed_and_asked_first_again(
    kind: type[UpstreamError],
) -> None:
    trial = Trial()
    trial.failures["one"] = kind()
    async with three(Clock()) as (endpoints, _):
        assert await endpoints.rest(trial) == "two"
        assert await endpoints.rest(trial) == "two"
    assert trial.asked == ["one", "two", "one", "two"]


@pytest.mark.parametrize("kind", [Absent, Denied])
async def test_while_somebody_who_may_have_the_rest_cannot_be_asked_nobody_knows_that_it_is_nowhere(
    kind: type[UpstreamError],
) -> None:
    trial = Trial()
    trial.failures = {"one": kind(), "two": Unreachable(), "three": kind()}
    async with three(Clock()) as (endpoints, _):
        with pytest.raises(Unreachable):
            await endpoints.rest(trial)
        trial.failures["two"] = kind()
        with pytest.raises(kind):
            await endpoints.rest(trial)


async def test_when_each_says_how_long_to_wait_the_shortest_time_is_told() -> None:
    trial = Trial()
    trial.failures = {name: Throttled(name, retry_after=wait) for name, wait in zip(NAMES, (60, 9, 30), strict=True)}
    async with three(Clock()) as (endpoints, _):
        with pytest.raises(Throttled, match=r"^one$") as caught:
            await endpoints.first(trial)
    assert caught.value.retry_after == 9


async def test_when_one_does_not_say_how_long_to_wait_it_is_the_preferred_ones_time_that_is_told() -> None:
    trial = Trial()
    trial.failures = {"one": Throttled(retry_after=60), "two": Throttled(retry_after=9), "three": Unreachable()}
    async with three(Clock()) as (endpoints, _):
        with pytest.raises(Throttled) as caught:
            await endpoints.first(trial)
    assert caught.value.retry_after == 60
