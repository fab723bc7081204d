"""Bytes from a file to a client: every one of them, in short turns, or a broken connection."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
from aiohttp import web

from mirror.errors import Interrupted, Unreachable
from mirror.oci.byte_range import Span
from mirror.server.exchange import Exchange
from mirror.server.protocol import ClientLimits
from mirror.server.sending import Stalled, send_bytes
from mirror.server.turns import Turns
from mirror.tasks import spawn
from tests.support.answering import served
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import Cut
from tests.support.readables import Growing
from tests.support.sender import DATA, WHOLE, Sender, asking, body, sending

TURN = Turns().length(0)  # of one who sends alone
MIB = 1024**2


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "span",
    [WHOLE, Span(0, 1), Span(len(DATA) - 1, len(DATA)), Span(MIB - 1, 2 * MIB + 1), Span(5, 5), None],
    ids=str,
)
def test_exactly_those_bytes_go_out(tmp_path: Path, loop: str, span: Span | None) -> None:
    async def scenario() -> None:
        with Growing.whole(tmp_path / "blob", DATA) as readable:
            sender = Sender(readable, span)
            async with sending(sender) as client:
                expected = DATA if span is None else DATA[span.start : span.stop]
                assert await body(client) == expected
                assert await sender.outcome() is None
                assert sender.exchange.sent == len(expected)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("span", [WHOLE, None], ids=["length", "chunked"])
def test_so_do_those_that_have_to_come_from_the_disk(tmp_path: Path, loop: str, span: Span | None) -> None:
    async def scenario() -> None:
        with Growing.whole(tmp_path / "blob", DATA) as readable:
            os.fdatasync(readable.descriptor)
            os.posix_fadvise(readable.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            sender = Sender(readable, span)
            async with sending(sender) as client:
                assert await body(client) == DATA
                assert await sender.outcome() is None

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("span", [WHOLE, None], ids=["length", "chunked"])
def test_what_grows_is_followed(tmp_path: Path, loop: str, span: Span | None) -> None:
    async def scenario() -> None:
        with Growing(tmp_path / "blob", len(DATA)) as readable:
            async with sending(Sender(readable, span)) as client:
                for start in range(0, len(DATA), 700_000):
                    readable.grow(DATA[start : start + 700_000])
                    await asyncio.sleep(0)
                readable.end()
                assert await body(client) == DATA

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_the_first_bytes_do_not_wait_for_the_last(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        with Growing(tmp_path / "blob", len(DATA)) as readable:
            async with sending(Sender(readable)) as client:
                readable.grow(DATA[:1000])
                said = b""
                while not said.endswith(DATA[:1000]):
                    said += await asyncio.to_thread(client.receive, 65536)
                readable.grow(DATA[1000:])
                readable.end()
                assert await asyncio.to_thread(client.take, len(DATA) - 1000) == DATA[1000:]

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("span", [WHOLE, None], ids=["length", "chunked"])
def test_a_failure_is_told_and_what_went_out_is_known(tmp_path: Path, loop: str, span: Span | None) -> None:
    async def scenario() -> None:
        with Growing(tmp_path / "blob", len(DATA)) as readable:
            sender = Sender(readable, span)
            async with sending(sender) as client:
                readable.grow(DATA[:100_000])
                readable.fail(Unreachable("gone"))
                with pytest.raises((Cut, ConnectionResetError)):
                    await body(client)
                assert isinstance(await sender.outcome(), Unreachable)
                assert sender.exchange.sent == 100_000

    run_on(loop, scenario())


@pytest.mark.parametrize("span", [WHOLE, None], ids=["length", "chunked"])
async def test_a_file_that_has_shrunk_is_a_failure(tmp_path: Path, span: Span | None) -> None:
    with Growing.whole(tmp_path / "blob", DATA) as readable:
        os.truncate(tmp_path / "blob", 1_000_000)
        sender = Sender(readable, span)
        async with sending(sender) as client:
            with pytest.raises((Cut, ConnectionResetError)):
                await body(client)
            assert isinstance(await sender.outcome(), Interrupted)
            assert sender.exchange.sent <= 1_000_000
        assert readable.doubted


async def test_a_content_that_ends_before_its_size_is_a_failure(tmp_path: Path) -> None:
    with Growing(tmp_path / "blob", len(DATA)) as readable:
        sender = Sender(readable)
        async with sending(sender) as client:
            readable.grow(DATA[:10])
            readable.end()
            with pytest.raises((Cut, ConnectionResetError)):
                await body(client)
            assert isinstance(await sender.outcome(), Interrupted)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_leaves_ends_it_and_no_descriptor_is_left(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        with Growing.whole(tmp_path / "blob", DATA * 5) as readable:
            sender = Sender(readable, Span(0, len(DATA) * 5))
            async with served(sender) as server:
                before = len(os.listdir("/proc/self/fd"))
                client = await asking(server, window=4096)
                await asyncio.to_thread(client.receive, 1)
                client.reset()
                assert isinstance(await sender.outcome(), (ConnectionError, asyncio.CancelledError))
                await server.count(0)
                assert len(os.listdir("/proc/self/fd")) == before
            assert not readable.doubted

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_takes_nothing_has_stalled(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        with Growing.whole(tmp_path / "blob", DATA * 5) as readable:
            sender = Sender(readable, Span(0, len(DATA) * 5))
            async with served(sender, ClientLimits(connections=10, keepalive=10, stall=0.1)) as server:
                with await asking(server, window=4096):
                    assert isinstance(await sender.outcome(), Stalled)
                    assert 0 < sender.exchange.sent < len(DATA) * 5

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_full_packets_alone_are_sent_while_there_is_much_and_nothing_is_held_back_afterwards(
    tmp_path: Path, loop: str
) -> None:
    async def scenario() -> None:
        with Growing(tmp_path / "blob", len(DATA) * 5) as readable:
            sender = Sender(readable, Span(0, len(DATA) * 5))
            async with served(sender) as server:
                with await asking(server, window=4096) as client:
                    reading = spawn(body(client), "reading")
                    readable.grow(DATA * 4)
                    await _corked(sender, True)
                    await _corked(sender, False)  # though there is more to come
                    readable.grow(DATA)
                    readable.end()
                    assert len(await reading) == len(DATA) * 5
                    assert await sender.outcome() is None
                    await _corked(sender, False)

    run_on(loop, scenario())


async def _corked(sender: Sender, corked: bool) -> None:
    """Wait until the kernel holds back what is no full packet, or does no more."""
    async with asyncio.timeout(10):
        while not hasattr(sender, "exchange") or _holds_back(sender.exchange) is not corked:  # noqa: ASYNC110
            await asyncio.sleep(0)


def _holds_back(exchange: Exchange) -> bool:
    transport = exchange.request.transport
    assert transport is not None
    return bool(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK))


@pytest.mark.parametrize("loop", LOOPS)
def test_others_have_their_turn_in_between(tmp_path: Path, loop: str) -> None:
    """However fast the client reads, no more than a turn goes out before everything else has run once."""

    async def scenario() -> None:
        with Growing.whole(tmp_path / "blob", DATA * 5) as readable:
            sender = Sender(readable, Span(0, len(DATA) * 5))
            async with sending(sender) as client:
                reading = spawn(body(client), "reading")
                largest = last = 0
                while not reading.done():
                    await asyncio.sleep(0)
                    now = getattr(sender, "exchange", None)
                    sent = 0 if now is None else now.sent
                    largest, last = max(largest, sent - last), sent
                assert len(await reading) == len(DATA) * 5
                assert largest <= TURN

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("length", [0, 1, MIB, MIB + 1, len(DATA)])
def test_bytes_in_memory_go_out_too(loop: str, length: int) -> None:
    exchanges: list[Exchange] = []

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(length)})
        exchanges.append(Exchange(asked, "id-1"))
        await send_bytes(exchanges[0], response, DATA[:length])
        return response

    async def scenario() -> None:
        async with sending(answer) as client:
            assert await body(client) == DATA[:length]
        assert exchanges[0].sent == length

    run_on(loop, scenario())
