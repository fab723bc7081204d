"""The system's resolver, asked in threads that nobody else needs."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mirror.config.settings import Upstream
from mirror.tasks import spawn
from mirror.upstream.resolver import Lookup, Resolver, system
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, opened


@asynccontextmanager
async def made(lookup: Lookup = system) -> AsyncIterator[Resolver]:
    resolver = Resolver(lookup)
    try:
        yield resolver
    finally:
        await resolver.close()


async def test_a_name_has_the_addresses_that_the_system_knows() -> None:
    async with made() as resolver:
        found = await resolver.resolve("localhost", 5000, socket.AF_INET)
        assert [(one["hostname"], one["host"], one["port"]) for one in found] == [("localhost", "127.0.0.1", 5000)]


async def test_a_name_that_there_is_not_is_an_error_of_the_system() -> None:
    async with made() as resolver:
        with pytest.raises(socket.gaierror):
            await resolver.resolve("no-such-host.invalid", 80)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (("192.0.2.7", 80), "192.0.2.7"),
        (("2001:db8::1", 80, 0, 0), "2001:db8::1"),
        (("fe80::1", 80, 0, 3), "fe80::1%3"),
        (("fe80::1%eth0", 80, 0, 3), "fe80::1%eth0"),
    ],
)
async def test_an_address_comes_with_its_zone(address: tuple[Any, ...], host: str) -> None:
    family = socket.AF_INET6 if len(address) > 2 else socket.AF_INET
    async with made(lambda *_: [(family, socket.SOCK_STREAM, 6, "", address)]) as resolver:
        (found,) = await resolver.resolve("a.test", 80)
    assert (found["host"], found["port"], found["family"], found["proto"]) == (host, 80, family, 6)
    assert found["flags"] == socket.AI_NUMERICHOST | socket.AI_NUMERICSERV  # nobody looks it up once more


async def test_the_system_is_asked_for_a_name_alone_unless_more_is_said() -> None:
    asked: list[tuple[Any, ...]] = []

    def lookup(*question: object) -> list[tuple[Any, ...]]:
        asked.append((*question, threading.current_thread().name.partition("_")[0]))
        return []

    async with made(lookup) as resolver:
        assert await resolver.resolve("a.test") == []
    assert asked == [("a.test", 0, socket.AF_INET, "resolver")]


async def test_names_that_take_their_time_hold_up_neither_other_names_nor_other_threads() -> None:
    asked, answer = threading.Semaphore(0), threading.Event()

    def lookup(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
        if host != "localhost":
            asked.release()
            answer.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return system(host, port, family)

    async with FakeRegistry() as server, made(lookup) as resolver:
        image = server.push_image("a/b", "v1", [])
        slow = [spawn(resolver.resolve(f"{number}.test"), "slow") for number in range(50)]
        try:
            for _ in slow:
                await asyncio.to_thread(asked.acquire)
            upstream = Upstream(endpoints=(server.named("localhost"),))
            async with opened(upstream, Setting(resolver=resolver)) as registry:
                assert (await registry.manifest("a/b", "v1")).digest == image.digest
        finally:
            answer.set()
        outcomes = await asyncio.gather(*slow, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {socket.gaierror}


async def test_closing_waits_for_no_name() -> None:
    asked, answer = threading.Event(), threading.Event()

    def lookup(*_: object) -> list[tuple[Any, ...]]:
        asked.set()
        answer.wait(30)
        return []

    async with made(lookup) as resolver:
        asking = spawn(resolver.resolve("a.test"), "asking")
        await asyncio.to_thread(asked.wait)
    assert not answer.is_set()
    answer.set()
    assert await asking == []


async def test_names_that_still_wait_for_a_thread_are_given_up_by_closing() -> None:
    asked, answer = threading.Semaphore(0), threading.Event()

    def lookup(*_: object) -> list[tuple[Any, ...]]:
        asked.release()
        answer.wait(30)
        return []

    async with made(lookup) as resolver:
        asking = [spawn(resolver.resolve("a.test"), "asking") for _ in range(70)]
        for _ in range(64):
            await asyncio.to_thread(asked.acquire)
    answer.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [outcome == [] for outcome in outcomes].count(True) == 64
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes].count(True) == 6
