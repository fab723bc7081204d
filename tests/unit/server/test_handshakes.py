"""Clients with whom TLS is not agreed upon yet: counted from the beginning, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest
from aiohttp import web

from mirror.config.addresses import ListenAddress
from mirror.server.descriptors import allow_descriptors
from mirror.server.handshakes import Hands, Handshakes
from mirror.server.listening import listen
from mirror.server.protocol import ClientLimits, RegistryServer
from tests.support.answering import Answers
from tests.support.authority import Authority
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import Answer, RawClient

HALF_OPEN = 1000
LIMITS = ClientLimits(connections=2000, keepalive=10, stall=10, per_client=100)
PATIENT = 60.0  # seconds: in no test does the time for a handshake run out
HALF_A_HELLO = bytes.fromhex("1603010200010001fc0303")
OTHER = "127.0.0.2"  # another client's address


async def ok(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="ok")


class Scene:
    """A server that speaks TLS, and who comes to it."""

    def __init__(self, authority: Authority, limits: ClientLimits, shake: float = PATIENT) -> None:
        self.authority = authority
        self.server = RegistryServer(Answers(ok), limits)
        self.handshakes = Handshakes(self.server, Hands(authority.server("127.0.0.1"), shake, 1.0))
        self.stack = ExitStack()  # of clients
        self._listening: asyncio.Server
        self._address = ("", 0)

    async def __aenter__(self) -> Scene:
        self._listening = await listen(self.handshakes, ListenAddress("127.0.0.1", 0))
        self._address = self._listening.sockets[0].getsockname()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        self.stack.close()
        await self.handshakes.aclose()
        self.server.pre_shutdown()
        await self.server.shutdown(0.2)

    async def half_open(self, number: int, said: bytes = HALF_A_HELLO) -> list[RawClient]:
        """So many clients from one address that get no further than this."""

        def come() -> list[RawClient]:
            clients = [self.stack.enter_context(RawClient(self._address)) for _ in range(number)]
            for client in clients:
                client.send(said)
            return clients

        return await asyncio.to_thread(come)

    async def ask(self, source: str | None = None) -> Answer:
        def asked() -> Answer:
            with RawClient(self._address, self.authority.client(), source=source) as client:
                return client.ask("GET", "/")

        return await asyncio.to_thread(asked)

    async def comes_true(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    allow_descriptors(HALF_OPEN)
    return str(request.param)


def test_who_shakes_hands_is_counted_as_a_connection(loop: str, authority: Authority) -> None:
    async def scenario() -> None:
        async with Scene(authority, replace(LIMITS, per_client=3)) as scene:
            await scene.half_open(3)
            await scene.comes_true(lambda: scene.server.admission.held == 3)
            assert len(scene.handshakes) == 3
            assert scene.server.turned_away == 0
            assert (await scene.ask()).status == 503  # one more from there hears why
            assert (await scene.ask(OTHER)).body == b"ok"

    run_on(loop, scenario())


def test_a_thousand_half_open_clients_keep_no_other_out(loop: str, authority: Authority) -> None:
    async def scenario() -> None:
        async with Scene(authority, LIMITS) as scene:
            await scene.half_open(HALF_OPEN)
            await scene.comes_true(lambda: scene.server.admission.refused == HALF_OPEN - LIMITS.per_client)
            assert scene.server.admission.held == LIMITS.per_client
            assert len(scene.handshakes) < HALF_OPEN // 2
            assert (await scene.ask(OTHER)).body == b"ok"

    run_on(loop, scenario())


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\x00" * 600])
def test_the_place_of_a_handshake_that_fails_is_free_again(loop: str, authority: Authority, said: bytes) -> None:
    async def scenario() -> None:
        async with Scene(authority, replace(LIMITS, per_client=1)) as scene:
            for _ in range(3):
                (client,) = await scene.half_open(1, said)
                await asyncio.to_thread(client.finish)
                await scene.comes_true(lambda: scene.server.admission.held == 0 and not len(scene.handshakes))
            assert (await scene.ask()).body == b"ok"
            await scene.comes_true(lambda: scene.server.admission.held == 0)

    run_on(loop, scenario())


def test_the_place_of_one_that_takes_too_long_is_free_again(loop: str, authority: Authority) -> None:
    async def scenario() -> None:
        async with Scene(authority, replace(LIMITS, per_client=1), shake=0.2) as scene:
            (client,) = await scene.half_open(1)
            assert await asyncio.to_thread(client.is_over)
            await scene.comes_true(lambda: scene.server.admission.held == 0)

    run_on(loop, scenario())


def test_a_client_at_its_bound_keeps_its_last_place_over_the_handshake(loop: str, authority: Authority) -> None:
    async def scenario() -> None:
        async with Scene(authority, replace(LIMITS, connections=1, per_client=1)) as scene:
            for _ in range(5):
                assert (await scene.ask()).body == b"ok"
                await scene.comes_true(lambda: scene.server.admission.held == 0)
            assert scene.server.admission.refused == 0

    run_on(loop, scenario())


def test_those_under_way_are_broken_off_at_the_end(loop: str, authority: Authority) -> None:
    async def scenario() -> None:
        async with Scene(authority, LIMITS) as scene:
            clients = await scene.half_open(5)
            await scene.comes_true(lambda: len(scene.handshakes) == 5)
            await scene.handshakes.aclose()
            assert scene.server.admission.held == 0
            for client in [*clients, *await scene.half_open(1, b"")]:  # who comes later is not heard at all
                assert await asyncio.to_thread(client.is_over)
            assert len(scene.handshakes) == 0

    run_on(loop, scenario())
