from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Frozen, Interrupted, Nonsense
from mirror.log import tracing
from mirror.oci.digest import Digest
from mirror.tasks import spawn
from mirror.upstream.exchange import Response
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport
from tests.support.faults import Never
from tests.support.raw import Close, Endless, RawUpstream, Reset, Script, Step, Until, answer
from tests.support.upstreams import Setting, transport

CHUNKED = "Transfer-Encoding: chunked"


async def _asked(session: Transport, upstream: RawUpstream, method: str = "GET") -> Response:
    return await session.exchange(Request("manifest", method, URL(f"{upstream.url}/v2/a/manifests/b?canary")))


async def _whole(script: Script, limit: int = 100, proof: Digest | None = None) -> bytes:
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        return await (await _asked(session, upstream)).whole(limit, proof)


@pytest.mark.parametrize(
    "script",
    [
        [answer("200 OK", ["Content-Length: 5"], b"hello")],
        [answer("200 OK", ["Content-Length: 5"], b"he"), b"llo"],
        [answer("200 OK", [CHUNKED], b"2\r\nhe\r\n"), b"3\r\nllo\r\n0\r\n\r\n"],
        [answer("200 OK", [CHUNKED], b"5;extension=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n")],
        [b"HTTP/1.1 100 Continue\r\n\r\n", answer("200 OK", ["Content-Length: 5"], b"hello")],
        [answer("200", ["Content-Length: 5"], b"hello")],
        [answer("200 OK", ["content-length: 5", "Connection: close"], b"hello"), Close()],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Close()],
    ],
)
async def test_a_document_with_a_known_end_is_read(script: Script) -> None:
    assert await _whole(script) == b"hello"


@pytest.mark.parametrize(
    "script",
    [
        [answer("200 OK", ["Content-Length: 9"], b"hello"), Close()],
        [answer("200 OK", ["Content-Length: 9"], b"hello"), Reset()],
        [answer("200 OK", ["Content-Length: 9"])],
        [answer("200 OK", ["Content-Length: 9"], b"hello"), Until(Never())],
        [answer("200 OK", [CHUNKED], b"5\r\nhello\r\n"), Close()],
        [answer("200 OK", [CHUNKED], b"5\r\nhel"), Close()],
    ],
)
async def test_a_document_that_breaks_off_is_interrupted(script: Script) -> None:
    with pytest.raises(Interrupted, match=r"^fake: 127\.0\.0\.1:[0-9]+ (broke off|fell silent for 1 s)"):
        await _whole(script)


@pytest.mark.parametrize(
    "chunks", [b"5\r\nhello\r\nxyz\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffffffff\r\nhello\r\n"]
)
async def test_chunks_that_cannot_be_read_interrupt_a_document(chunks: bytes) -> None:
    head_read = asyncio.Event()
    script: Script = [answer("200 OK", [CHUNKED]), Until(head_read), chunks]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        response = await _asked(session, upstream)
        head_read.set()
        with pytest.raises(Interrupted):
            await response.whole(100)


@pytest.mark.parametrize(
    "script",
    [
        [answer("200 OK", [], b"hello"), Close()],
        [b"HTTP/1.0 200 OK\r\n\r\nhello", Close()],
        [answer("200 OK", ["Content-Length: 5", "Content-Length: 6"], b"hello!"), Close()],
        [answer("200 OK", ["Content-Length: 5", CHUNKED], b"5\r\nhello\r\n0\r\n\r\n"), Close()],
        [answer("200 OK", ["Content-Length: -5"], b"hello"), Close()],
        [answer("200 OK", ["Content-Length: five"], b"hello"), Close()],
        [answer("200 OK", ["Content-Length: 101"], b"x" * 101)],
        [answer("200 OK", [CHUNKED], b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n")],
        [answer("200 OK", [CHUNKED]), Endless(b"1\r\nx\r\n")],
    ],
)
async def test_a_document_whose_length_is_unknown_ambiguous_or_too_large_is_nonsense(script: Script) -> None:
    with pytest.raises(Nonsense):
        await _whole(script)


UNTIL_IT_CLOSES: list[Script] = [
    [answer("200 OK", [], b"hello"), Close()],
    [answer("200 OK", ["Connection: close"], b"hel"), b"lo", Close()],
    [b"HTTP/1.0 200 OK\r\n\r\nhello", Close()],
]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("script", UNTIL_IT_CLOSES)
async def test_a_document_that_ends_with_the_connection_is_read_where_its_digest_proves_that_it_is_whole(
    script: Script, algorithm: str
) -> None:
    assert await _whole(script, 5, Digest.of(b"hello", algorithm)) == b"hello"


@pytest.mark.parametrize("script", UNTIL_IT_CLOSES)
async def test_a_document_that_ends_with_the_connection_is_nonsense_where_nothing_could_prove_it(
    script: Script,
) -> None:
    with pytest.raises(Nonsense, match="without saying how long it is"):
        await _whole(script)


@pytest.mark.parametrize("end", [Close(), Reset()])
async def test_a_document_that_ends_with_the_connection_too_early_is_interrupted(end: Step) -> None:
    head_read = asyncio.Event()
    script: Script = [answer("200 OK", [], b"hel"), Until(head_read), end]
    setting = Setting()
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,)), setting) as session:
        response = await _asked(session, upstream)
        head_read.set()
        with pytest.raises(Interrupted):
            await response.whole(100, Digest.of(b"hello"))
    assert [one.failure for one in setting.exchanges] == ["interrupted"]


async def test_a_document_that_ends_with_the_connection_has_the_same_limit() -> None:
    with pytest.raises(Nonsense, match="of more than 4 bytes"):
        await _whole(UNTIL_IT_CLOSES[0], 4, Digest.of(b"hello"))


@pytest.mark.parametrize("framing", [f"Content-Length: {2**63}", "Transfer-Encoding: gzip"])
async def test_no_digest_makes_up_for_a_length_that_cannot_be(framing: str) -> None:
    with pytest.raises(Nonsense):
        await _whole([answer("200 OK", [framing], b"hello"), Close()], proof=Digest.of(b"hello"))


@pytest.mark.parametrize(("end", "silent"), [(Close(), False), (Reset(), False), (Until(Never()), True)])
async def test_a_body_that_breaks_off_is_told_from_one_that_falls_silent(end: Step, silent: bool) -> None:
    with pytest.raises(Interrupted) as caught:
        await _whole([answer("200 OK", ["Content-Length: 9"], b"hello"), end])
    assert caught.value.silent is silent


async def test_a_document_of_just_the_limit_is_read() -> None:
    assert len(await _whole([answer("200 OK", ["Content-Length: 100"], b"x" * 100)])) == 100


async def test_a_body_comes_in_pieces_as_they_arrive() -> None:
    second = asyncio.Event()
    script: Script = [answer("200 OK", ["Content-Length: 10"], b"hello"), Until(second), b"world"]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        response = await _asked(session, upstream)
        assert await response.piece(3) == b"hel"
        assert response.ready(100) == b"lo"
        assert response.ready(100) == b""
        second.set()
        assert await response.piece(100) == b"world"
        assert await response.piece(100) == b""
        assert response.ready(100) == b""


async def test_header_values_are_given_out_printable_or_not_at_all() -> None:
    headers = ["Content-Length: 0", "One: plain", "Two: a", "Two: b", "Same: a", "Same: a", "Bad: a\x01b", "Odd: \xe9"]
    async with (
        RawUpstream([answer("200 OK", headers)]) as upstream,
        transport(Upstream(endpoints=(upstream.url,))) as session,
    ):
        response = await _asked(session, upstream)
        response.close()
        values = {name: response.value(name) for name in ("One", "Two", "Same", "Bad", "Odd", "Missing")}
    assert values == {"One": "plain", "Two": None, "Same": "a", "Bad": None, "Odd": None, "Missing": None}
    assert response.values("Two") == ("a", "b")


async def test_a_head_tells_the_length_of_what_it_does_not_send() -> None:
    script = [answer("200 OK", ["Content-Length: 7000000000"])]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        response = await _asked(session, upstream, "HEAD")
        response.close()
        assert response.length == 7000000000


@pytest.mark.parametrize(("length", "heard"), [(2**63 - 1, 2**63 - 1), (2**63, None), (9 * 10**18, 9 * 10**18)])
async def test_a_length_that_no_content_can_have_is_none(length: int, heard: int | None) -> None:
    script = [answer("200 OK", [f"Content-Length: {length}"])]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        response = await _asked(session, upstream, "HEAD")
        response.close()
        assert response.length == heard


async def test_a_short_answer_that_nobody_wants_does_not_cost_the_connection() -> None:
    script = [answer("404 Not Found", ["Content-Length: 8000"], b"x" * 8000)]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        for _ in range(3):
            await (await _asked(session, upstream)).discard()
        assert upstream.connections == 1


@pytest.mark.parametrize("rest", [[Endless(b"x" * 1000)], [Until(Never())], [Close()], [Reset()]])
async def test_a_long_or_broken_answer_that_nobody_wants_ends_the_connection(rest: Script) -> None:
    script = [answer("500 No", ["Content-Length: 9000000"], b"x" * 100), *rest]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        await (await _asked(session, upstream)).discard()
        await (await _asked(session, upstream)).discard()
        assert upstream.connections == 2


async def test_every_exchange_is_observed_once_when_it_is_over() -> None:
    scripts: tuple[Script, ...] = (
        [answer("200 OK", ["Content-Length: 5"], b"hello")],
        [answer("404 Not Found", ["Content-Length: 5"], b"hello")],
        [answer("200 OK", ["Content-Length: 9"], b"hello"), Close()],
        [answer("200 OK", ["Content-Length: 200"], b"x" * 200)],
        [answer("nonsense")],
    )
    setting = Setting()
    async with RawUpstream(*scripts) as upstream, transport(Upstream(endpoints=(upstream.url,)), setting) as session:
        response = await _asked(session, upstream)
        assert setting.exchanges == []
        await response.whole(100)
        response.close()
        await (await _asked(session, upstream)).discard()
        with pytest.raises(Interrupted):
            await (await _asked(session, upstream)).whole(100)
        with pytest.raises(Nonsense):
            await (await _asked(session, upstream)).whole(100)
        with pytest.raises(Nonsense):
            await _asked(session, upstream)
    seen = [(one.status, one.bytes, one.failure) for one in setting.exchanges]
    assert seen == [
        (200, 5, None),
        (404, 0, None),
        (200, 5, "interrupted"),
        (200, 101, "nonsense"),
        (None, 0, "nonsense"),
    ]
    for one in setting.exchanges:
        assert (one.upstream, one.operation, one.method) == ("fake", "manifest", "GET")
        assert one.endpoint_host == f"127.0.0.1:{upstream.port}"
        assert 0 < one.seconds < 5
    assert "canary" not in str(setting.exchanges)


@pytest.mark.parametrize("framing", ["Content-Length: 100", CHUNKED])
async def test_what_came_before_a_body_broke_off_is_read_before_that_is_told(framing: str) -> None:
    body = b"x" * 50 if framing != CHUNKED else b"32\r\n" + b"x" * 50 + b"\r\n"
    script: Script = [answer("200 OK", [framing], body), Close()]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        response = await _asked(session, upstream)
        got = [await response.piece(10) for _ in range(5)]
        assert got == [b"x" * 10] * 5
        with pytest.raises(Interrupted):
            await response.piece(10)


async def test_an_exchange_is_told_with_the_request_that_it_was_made_for() -> None:
    setting = Setting()
    script = [answer("200 OK", ["Content-Length: 0"])]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,)), setting) as session:
        with tracing.entered("id-7"):
            response = await _asked(session, upstream)
        response.close()
        (await _asked(session, upstream)).close()
    assert [one.request_id for one in setting.exchanges] == ["id-7", None]


async def test_a_body_that_is_cut_breaks_off_for_whoever_reads_it() -> None:
    script: Script = [answer("200 OK", ["Content-Length: 9"], b"hello"), Until(Never())]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        response = await _asked(session, upstream)
        assert await response.piece(100) == b"hello"
        waiting = spawn(response.piece(100), "reading")
        await asyncio.sleep(0)
        response.cut()
        with pytest.raises(Frozen):
            await waiting
        response.cut()
        response.close()
