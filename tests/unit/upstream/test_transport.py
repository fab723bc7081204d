from __future__ import annotations

import asyncio
import socket

import pytest
from yarl import URL

from mirror import __version__
from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Nonsense, Unreachable, UpstreamError
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport
from tests.support.faults import Never
from tests.support.names import Names
from tests.support.raw import Close, RawUpstream, Reset, Until, answer
from tests.support.upstreams import LIMITS, Setting, transport

OK = [answer("200 OK", ["Content-Length: 2"], b"{}")]


async def _get(session: Transport, url: str, **headers: str) -> bytes:
    return await (await session.exchange(Request("manifest", "GET", URL(url, encoded=True), headers))).whole(100)


async def test_a_request_carries_our_headers_and_no_others() -> None:
    async with RawUpstream(OK) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        await _get(session, f"{upstream.url}/v2/", Accept="application/json", Range="bytes=5-")
    assert upstream.requests[0].headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "user-agent": f"mirror/{__version__}",
        "accept-encoding": "identity",
        "accept": "application/json",
        "range": "bytes=5-",
    }


async def test_cookies_are_neither_kept_nor_sent() -> None:
    script = [answer("200 OK", ["Content-Length: 2", "Set-Cookie: session=canary; Path=/"], b"{}")]
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        await _get(session, upstream.url)
        await _get(session, upstream.url)
    assert [request.headers.get("cookie") for request in upstream.requests] == [None, None]


async def test_an_address_goes_out_to_the_byte() -> None:
    async with RawUpstream(OK) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        await _get(session, f"{upstream.url}/a%2Fb/c+d?sig=x%2by%2F&e=")
    assert upstream.requests[0].target == "/a%2Fb/c+d?sig=x%2by%2F&e="


async def test_connections_are_used_again() -> None:
    async with RawUpstream(OK) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        for _ in range(5):
            await _get(session, upstream.url)
        assert upstream.connections == 1


@pytest.mark.parametrize("end", [Close(), Reset()])
async def test_a_kept_connection_that_was_closed_under_us_is_replaced_unseen(end: Close | Reset) -> None:
    async with RawUpstream(OK, [end], OK) as upstream, transport(Upstream(endpoints=(upstream.url,))) as session:
        assert await _get(session, upstream.url) == b"{}"
        assert await _get(session, upstream.url) == b"{}"
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    ("script", "kind", "code", "words"),
    [
        ([Close()], Unreachable, Code.UNAVAILABLE, "closed the connection without an answer"),
        ([Reset()], Unreachable, Code.UNAVAILABLE, "connection reset"),
        ([Until(Never())], Unreachable, Code.TIMEOUT, "did not answer in time"),
        ([b"HTTP/1.1 200 OK\r\nX: 1\r\n", Until(Never())], Unreachable, Code.TIMEOUT, "in time"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", Until(Never())], Unreachable, Code.TIMEOUT, "in time"),
        ([b"SSH-2.0-canary\r\n"], Nonsense, Code.BAD_UPSTREAM, "does not speak HTTP"),
        ([answer("200 OK", ["X: " + "canary" * 2000])], Nonsense, Code.BAD_UPSTREAM, "does not speak HTTP"),
        ([answer("200 OK", [f"X-{n}: canary" for n in range(500)])], Nonsense, Code.BAD_UPSTREAM, "HTTP"),
        ([answer("200 OK", ["No colon"])], Nonsense, Code.BAD_UPSTREAM, "does not speak HTTP"),
    ],
)
async def test_no_usable_answer_is_explained(
    script: list[bytes | Close | Reset | Until], kind: type[UpstreamError], code: Code, words: str
) -> None:
    setting = Setting()
    async with RawUpstream(script) as upstream, transport(Upstream(endpoints=(upstream.url,)), setting) as session:
        with pytest.raises(kind, match=words) as caught:
            await _get(session, f"{upstream.url}/secret?signature=canary")
    assert type(caught.value) is kind
    assert caught.value.code is code
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(setting.exchanges) == 1


async def test_a_closed_port_is_explained() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with transport(Upstream(endpoints=(url,))) as session:
            with pytest.raises(Unreachable, match="cannot be reached: connection refused"):
                await _get(session, url)


async def test_a_name_that_does_not_resolve_is_explained() -> None:
    async with transport(Upstream(endpoints=("http://gone.test",)), Setting(resolver=Names({}))) as session:
        with pytest.raises(Unreachable, match=r"^fake: gone\.test cannot be found"):
            await _get(session, "http://gone.test/")


async def test_a_connection_that_takes_too_long_is_given_up() -> None:
    limits = Limits(connect_timeout=0.2, first_byte_timeout=5)
    async with RawUpstream(OK) as upstream:  # never answers a TLS handshake
        url = upstream.url.replace("http:", "https:")
        async with transport(Upstream(endpoints=(url,)), Setting(limits)) as session:
            with pytest.raises(Unreachable) as caught:
                await _get(session, url)
    assert caught.value.code is Code.TIMEOUT


async def test_an_answer_may_take_longer_than_a_connection() -> None:
    setting = Setting(Limits(connect_timeout=0.6, first_byte_timeout=5))
    answered = asyncio.Event()
    async with (
        RawUpstream([Until(answered), *OK]) as upstream,
        transport(Upstream(endpoints=(upstream.url,)), setting) as session,
    ):
        asyncio.get_running_loop().call_later(0.9, answered.set)
        assert await _get(session, upstream.url) == b"{}"
        assert await _get(session, upstream.url) == b"{}"


async def test_a_cancelled_request_is_observed_and_ends() -> None:
    setting = Setting(LIMITS.model_copy(update={"first_byte_timeout": 30.0}))
    async with (
        RawUpstream([Until(Never())]) as upstream,
        transport(Upstream(endpoints=(upstream.url,)), setting) as session,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await _get(session, upstream.url)
    assert [one.failure for one in setting.exchanges] == ["cancelled"]


async def test_after_closing_nothing_is_asked_any_more() -> None:
    async with RawUpstream(OK) as upstream:
        async with transport(Upstream(endpoints=(upstream.url,))) as session:
            pass
        with pytest.raises(Unreachable, match="stopping"):
            await _get(session, upstream.url)
        assert upstream.connections == 0


async def test_a_name_that_dns_has_no_form_for_is_nonsense_and_told_of() -> None:
    setting = Setting()
    async with transport(Upstream(endpoints=("http://registry.test",)), setting) as session:
        for host in ("a..test", f"{'a' * 64}.test"):
            with pytest.raises(Nonsense, match="cannot be dialled"):
                await session.exchange(Request("blob", "GET", URL(f"http://{host}/", encoded=True)))
    assert [one.failure for one in setting.exchanges] == ["nonsense", "nonsense"]
