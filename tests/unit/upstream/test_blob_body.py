from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Interrupted, Nonsense
from mirror.oci.digest import Digest
from mirror.trickle import SPAN
from mirror.upstream.blob_body import BlobBody
from tests.support.clock import Clock
from tests.support.faults import Never
from tests.support.raw import Close, RawUpstream, Script, Until, answer
from tests.support.upstreams import opened

DATA = bytes(range(100))
DIGEST = Digest.of(DATA)
CHUNKED = "Transfer-Encoding: chunked"


async def _rest(body: BlobBody) -> bytes:
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    return b"".join(pieces)


async def _until_interrupted(body: BlobBody) -> bytes:
    got = bytearray()
    try:
        while piece := await body.read():
            got += piece
    except Interrupted:
        return bytes(got)
    pytest.fail("the body came to a proper end")


@asynccontextmanager
async def _reading(
    script: Script, offset: int = 0, stop: int | None = None
) -> AsyncIterator[tuple[BlobBody, RawUpstream]]:
    async with (
        RawUpstream(script) as server,
        opened(Upstream(endpoints=(server.url,))) as registry,
        registry.blob("a/b", DIGEST, offset, stop) as body,
    ):
        yield body, server


def _part(first: int, last: int, total: int | str = 100, *more: str) -> bytes:
    body = DATA[first : last + 1]
    headers = [f"Content-Range: bytes {first}-{last}/{total}", f"Content-Length: {len(body)}", *more]
    return answer("206 Partial Content", headers, body)


@pytest.mark.parametrize(
    ("script", "total"),
    [
        ([answer("200 OK", ["Content-Length: 100"], DATA)], 100),
        ([answer("200 OK", [CHUNKED], b"64\r\n" + DATA + b"\r\n0\r\n\r\n")], None),
        ([answer("200 OK", [], DATA), Close()], None),
    ],
)
async def test_a_whole_blob_is_read_from_its_beginning(script: Script, total: int | None) -> None:
    async with _reading(script) as (body, server):
        assert (body.offset, body.total) == (0, total)
        assert await _rest(body) == DATA
        assert await body.read() == b""
        assert "range" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([answer("200 OK", ["Content-Length: 100"], DATA)], True),
        ([answer("200 OK", [CHUNKED], b"64\r\n" + DATA + b"\r\n0\r\n\r\n")], False),
    ],
)
async def test_that_all_has_come_is_known_where_the_length_was_announced(script: Script, told: bool) -> None:
    async with _reading(script) as (body, _):
        assert not body.has_come
        assert await _rest(body) == DATA
        assert body.has_come is told


@pytest.mark.parametrize(
    ("script", "total"),
    [
        ([_part(60, 99)], 100),
        ([_part(60, 99, "*")], None),
        (
            [
                answer("206 Partial Content", ["Content-Range: BYTES 60-99/100", CHUNKED], b"28\r\n" + DATA[60:]),
                b"\r\n0\r\n\r\n",
            ],
            100,
        ),
    ],
)
async def test_the_rest_of_a_blob_is_read_from_its_offset(script: Script, total: int | None) -> None:
    async with _reading(script, 60) as (body, server):
        assert (body.offset, body.total) == (60, total)
        assert await _rest(body) == DATA[60:]
        assert server.requests[0].headers["range"] == "bytes=60-"


async def test_an_ignored_range_begins_at_zero() -> None:
    script = [answer("200 OK", ["Content-Length: 100"], DATA)]
    async with _reading(script, 60) as (body, _):
        assert (body.offset, body.total) == (0, 100)
        assert await _rest(body) == DATA


@pytest.mark.parametrize(
    "script",
    [
        [_part(59, 99)],
        [_part(61, 99)],
        [answer("206 Partial Content", ["Content-Length: 40"], DATA[60:])],
        [answer("206 Partial Content", ["Content-Range: bytes 60-99/80", "Content-Length: 40"], DATA[60:])],
        [answer("206 Partial Content", ["Content-Range: bytes 60-98/100", "Content-Length: 40"], DATA[60:])],
        [answer("206 Partial Content", ["Content-Range: items 60-99/100", "Content-Length: 40"], DATA[60:])],
        [answer("206 Partial Content", ["Content-Range: bytes 60-99/100"] * 2 + ["Content-Range: bytes 0-99/100"])],
        [answer("206 Partial Content", ["Content-Type: multipart/byteranges; boundary=x", "Content-Length: 0"])],
        [answer("416 Range Not Satisfiable", ["Content-Range: bytes */60", "Content-Length: 0"])],
    ],
)
async def test_another_part_than_was_asked_for_is_nonsense(script: Script) -> None:
    with pytest.raises(Nonsense):
        async with _reading(script, 60):
            pytest.fail("the body must not be had")


async def test_a_part_where_all_was_asked_for_is_nonsense() -> None:
    with pytest.raises(Nonsense):
        async with _reading([_part(0, 99)]):
            pytest.fail("the body must not be had")


@pytest.mark.parametrize(
    ("script", "arrived"),
    [
        ([answer("200 OK", ["Content-Length: 100"], DATA[:70]), Close()], 70),
        ([answer("200 OK", ["Content-Length: 100"], DATA[:70]), Until(Never())], 70),
        ([answer("200 OK", [CHUNKED], b"46\r\n" + DATA[:70] + b"\r\n"), Close()], 70),
    ],
)
async def test_a_broken_or_silent_body_is_interrupted_after_what_arrived(script: Script, arrived: int) -> None:
    async with _reading(script) as (body, _):
        got = await _until_interrupted(body)
        assert DATA.startswith(got)
        assert len(got) in (0, arrived)
        with pytest.raises(Interrupted):
            await body.read()
        with pytest.raises(Interrupted):
            body.read_ready()


async def test_a_part_that_ends_before_the_blob_does_is_interrupted_at_its_end() -> None:
    async with _reading([_part(60, 79)], 60) as (body, _):
        assert await body.read() == DATA[60:80]
        with pytest.raises(Interrupted, match="ended before"):
            await body.read()


@pytest.mark.parametrize("total", ["80", "*"])
async def test_a_part_that_goes_on_beyond_its_end_is_interrupted(total: str) -> None:
    headers = [f"Content-Range: bytes 60-79/{total}", CHUNKED]
    script = [answer("206 Partial Content", headers, b"28\r\n" + DATA[60:] + b"\r\n0\r\n\r\n")]
    async with _reading(script, 60) as (body, _):
        with pytest.raises(Interrupted, match="went on beyond"):
            await body.read()


async def test_what_has_arrived_can_be_had_without_waiting() -> None:
    more = asyncio.Event()
    script: Script = [answer("200 OK", ["Content-Length: 100"], DATA[:50]), Until(more), DATA[50:]]
    async with _reading(script) as (body, _):
        first = await body.read()
        assert first + body.read_ready() == DATA[:50]
        assert body.read_ready() == b""
        more.set()
        got = await body.read()
        assert got
        assert got + await _rest(body) == DATA[50:]
        assert body.read_ready() == b""


async def test_what_comes_in_pieces_is_counted_together() -> None:
    head_read = asyncio.Event()
    headers = ["Content-Range: bytes 60-79/80", CHUNKED]
    script: Script = [answer("206 Partial Content", headers, b"1\r\n" + DATA[60:61] + b"\r\n"), Until(head_read)]
    script = [*script, b"27\r\n" + DATA[61:] + b"\r\n0\r\n\r\n"]
    async with _reading(script, 60) as (body, _):
        assert await body.read() == DATA[60:61]
        head_read.set()
        assert await _until_interrupted(body) == b""


async def test_leaving_ends_the_transfer() -> None:
    script: Script = [answer("200 OK", ["Content-Length: 100"], DATA[:50]), Until(Never())]
    async with _reading(script) as (body, _):
        assert await body.read()
    with pytest.raises(Interrupted, match="broke off"):
        await body.read()


async def test_a_body_that_breaks_off_moves_its_endpoint_behind_the_others() -> None:
    broken: Script = [answer("200 OK", ["Content-Length: 100"], DATA[:50]), Close()]
    whole: Script = [answer("200 OK", ["Content-Length: 100"], DATA)]
    async with (
        RawUpstream(broken) as one,
        RawUpstream(whole) as two,
        opened(Upstream(endpoints=(one.url, two.url))) as registry,
    ):
        async with registry.blob("a/b", DIGEST) as body:
            with pytest.raises(Interrupted):
                await _rest(body)
        async with registry.blob("a/b", DIGEST) as body:
            assert await _rest(body) == DATA
        assert (len(one.requests), len(two.requests)) == (1, 1)


async def test_a_part_is_asked_for_by_its_ends_and_ends_there() -> None:
    async with _reading([_part(30, 59)], 30, 60) as (body, server):
        assert (body.offset, body.total) == (30, 100)
        assert await _rest(body) == DATA[30:60]
        assert server.requests[0].headers["range"] == "bytes=30-59"


async def test_the_beginning_can_be_a_part_too() -> None:
    async with _reading([_part(0, 9)], 0, 10) as (body, server):
        assert await _rest(body) == DATA[:10]
        assert server.requests[0].headers["range"] == "bytes=0-9"


async def test_a_part_may_be_shorter_than_was_asked_for() -> None:
    async with _reading([_part(30, 49)], 30, 60) as (body, _):
        assert await _rest(body) == DATA[30:50]


async def test_a_part_that_goes_on_beyond_what_was_asked_for_is_none() -> None:
    with pytest.raises(Nonsense):
        async with _reading([_part(30, 60)], 30, 60):
            pass


async def test_a_part_that_ends_early_has_broken_off() -> None:
    head, _, data = _part(30, 59).partition(b"\r\n\r\n")
    async with _reading([head + b"\r\n\r\n" + data[:7], Close()], 30, 60) as (body, _):
        assert await _until_interrupted(body) == DATA[30:37]


async def test_who_sends_everything_instead_of_a_part_sends_everything() -> None:
    async with _reading([answer("200 OK", ["Content-Length: 100"], DATA)], 30, 60) as (body, _):
        assert (body.offset, body.total) == (0, 100)
        assert await _rest(body) == DATA


async def test_a_body_that_only_trickles_is_given_up() -> None:
    clock, more = Clock(), asyncio.Event()

    def slow() -> float:
        clock.advance(SPAN)
        return clock()

    script: Script = [answer("200 OK", ["Content-Length: 102"], DATA), Until(more), b"x", Until(Never())]
    async with _reading(script) as (body, _):
        assert await body.read() == DATA
        body._clock = slow
        more.set()
        with pytest.raises(Interrupted, match="comes too slowly"):
            await body.read()
