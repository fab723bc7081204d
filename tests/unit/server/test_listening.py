"""Sockets that are listened on, and their orderly end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from mirror.config.addresses import ListenAddress
from mirror.config.settings import TLS
from mirror.errors import ConfigurationError, MirrorError
from mirror.server.listening import Listeners, tls_context
from mirror.server.protocol import ClientLimits, RegistryServer
from mirror.tasks import spawn
from tests.support.answering import LIMITS, Answers, Unending
from tests.support.authority import Authority
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import Cut, RawClient, request

ANY = ListenAddress("127.0.0.1", 0)


async def ok(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="ok")


def listeners(answers: Answers | None = None) -> Listeners:
    return Listeners(RegistryServer(answers or Answers(ok), LIMITS))


async def client(address: ListenAddress, tls: ssl.SSLContext | None = None) -> RawClient:
    return await asyncio.to_thread(RawClient, (address.host, address.port), tls)


@pytest.mark.parametrize("loop", LOOPS)
def test_it_is_listened_on_all_of_them(loop: str) -> None:
    async def scenario() -> None:
        listening = listeners()
        await listening.open([ANY, ANY, ListenAddress("::1", 0)], None)
        assert [address.host for address in listening.bound] == ["127.0.0.1", "127.0.0.1", "::1"]
        assert all(address.port for address in listening.bound)
        for address in listening.bound:
            with await client(address) as one:
                assert (await asyncio.to_thread(one.ask, "GET", "/")).body == b"ok"
        await listening.drain(0)
        assert listening.bound == []

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_an_address_that_is_taken_is_named_and_nothing_is_left_open(loop: str) -> None:
    async def scenario() -> None:
        listening = listeners()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = ListenAddress("127.0.0.1", taken.getsockname()[1])
            with pytest.raises(MirrorError, match=f"cannot listen on {address}: Address .*server.listen"):
                await listening.open([ANY, address], None)
        assert listening.bound == []

    run_on(loop, scenario())


async def test_a_host_that_is_none_of_ours_is_named() -> None:
    with pytest.raises(MirrorError, match=r"cannot listen on 192\.0\.2\.1:5000: "):
        await listeners().open([ListenAddress("192.0.2.1", 5000)], None)


@pytest.mark.parametrize("loop", LOOPS)
def test_running_answers_may_finish_within_the_grace(loop: str) -> None:
    async def scenario() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_: web.BaseRequest) -> web.StreamResponse:
            begun.set()
            await go_on.wait()
            return web.Response(text="ok")

        listening = listeners(Answers(slow))
        await listening.open([ANY], None)
        (address,) = listening.bound
        with await client(address) as one:
            one.send(request("GET", "/"))
            await begun.wait()
            draining = spawn(listening.drain(10), "draining")
            async with asyncio.timeout(10):
                while listening.bound:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            with pytest.raises(ConnectionRefusedError):
                await client(address)
            assert not draining.done()
            go_on.set()
            assert (await asyncio.to_thread(one.answer)).body == b"ok"
            await draining
            assert await asyncio.to_thread(one.is_over)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_beyond_the_grace_they_are_broken_off(loop: str) -> None:
    async def scenario() -> None:
        endless = Unending()
        listening = listeners(Answers(endless))
        await listening.open([ANY], None)
        with await client(listening.bound[0]) as one:
            one.send(request("GET", "/"))
            await endless.begun.wait()
            async with asyncio.timeout(10):
                await listening.drain(0.1)
            assert endless.ended.is_set()
            with pytest.raises((Cut, ConnectionResetError)):
                await asyncio.to_thread(one.answer)

    run_on(loop, scenario())


async def test_nothing_to_wait_for_is_not_waited_for() -> None:
    listening = listeners()
    await listening.open([ANY], None)
    with await client(listening.bound[0]) as idle:
        await asyncio.to_thread(idle.ask, "GET", "/")
        async with asyncio.timeout(5):
            await listening.drain(3600)
        assert await asyncio.to_thread(idle.is_over)


@pytest.mark.parametrize("loop", LOOPS)
def test_hands_are_not_shaken_for_ever(loop: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scenario() -> None:
        listening = Listeners(RegistryServer(Answers(ok), ClientLimits(connections=10, keepalive=0.8, stall=10)))
        await listening.open([ANY], authority.server("127.0.0.1"))
        with await client(listening.bound[0]) as silent:
            assert await asyncio.to_thread(silent.is_over)
        with await client(listening.bound[0], authority.client()) as one:
            assert (await asyncio.to_thread(one.ask, "GET", "/")).body == b"ok"
        await listening.drain(0)

    run_on(loop, scenario())


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls_context(TLS()) is None


def test_tls_is_no_older_than_1_2(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).server_files("127.0.0.1")
    context = tls_context(TLS(certificate=certificate, key=key))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


def test_with_an_authority_clients_have_to_show_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("127.0.0.1")
    context = tls_context(TLS(certificate=certificate, key=key, client_ca=authority.ca_file))
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("wrong", ["certificate", "key", "client_ca"])
@pytest.mark.parametrize("how", ["missing", "nonsense", "another"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, wrong: str, how: str) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("127.0.0.1")
    files = {"certificate": certificate, "key": key, "client_ca": authority.ca_file}
    if how == "missing":
        files[wrong] = tmp_path / "none"
    elif how == "nonsense":
        files[wrong] = tmp_path / "nonsense"
        files[wrong].write_text("this is no PEM")
    else:
        files[wrong] = files["certificate" if wrong == "key" else "key"]
    with pytest.raises(ConfigurationError) as raised:
        tls_context(TLS(**files))
    (problem,) = raised.value.problems
    assert problem.startswith("server.tls.client_ca" if wrong == "client_ca" else "server.tls: certificate or key")


@pytest.mark.parametrize("loop", LOOPS)
def test_whoever_comes_while_others_are_taken_waits_in_the_kernel(loop: str) -> None:
    async def scenario() -> None:
        listening = listeners()
        await listening.open([ANY], None)
        (address,) = listening.bound
        # Nothing is taken while this blocks the loop: what the kernel does not keep would be refused or have to wait.
        waiting = [RawClient((address.host, address.port)) for _ in range(90)]
        for one in waiting:
            assert (await asyncio.to_thread(one.ask, "GET", "/")).body == b"ok"
            one.close()
        await listening.drain(0)

    run_on(loop, scenario())
