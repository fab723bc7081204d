"""Each time limit with each kind of request, and the one quick retry: no wait without an end, none that is repeated."""

from __future__ import annotations

import time

import pytest

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Interrupted, Unreachable
from mirror.upstream.registry import Registry
from tests.support.content import OCI_MANIFEST
from tests.support.faults import Fault, Never
from tests.support.questions import BLOB, QUESTIONS, every_question
from tests.support.raw import Close, RawUpstream, Reset, Script, Until, answer
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, opened

# Only the one that is meant may be short: another one that ends the wait would do so late.
SHORT = 0.6  # seconds, in which those who answer have to answer, on a busy machine too
CONNECT = Limits(connect_timeout=SHORT, first_byte_timeout=9, read_timeout=9, answer_timeout=19)
FIRST_BYTE = Limits(connect_timeout=9, first_byte_timeout=SHORT, read_timeout=9, answer_timeout=19)
BETWEEN_BYTES = Limits(connect_timeout=9, first_byte_timeout=9, read_timeout=SHORT, answer_timeout=19)
SOON = 6.0  # seconds: more than a busy machine needs for SHORT

SILENT: Script = [Until(Never())]


async def _given_up(registry: Registry, operation: str, kind: type[Unreachable | Interrupted] = Unreachable) -> Code:
    began = time.perf_counter()
    with pytest.raises(kind) as caught:
        await QUESTIONS[operation](registry)
    assert time.perf_counter() - began < SOON
    return caught.value.code


@every_question
async def test_a_connection_that_is_never_made_is_given_up(operation: str) -> None:
    async with RawUpstream(SILENT) as nobody:  # takes the connection, and no part in the TLS handshake
        upstream = Upstream(endpoints=(nobody.url.replace("http:", "https:"),))
        async with opened(upstream, Setting(CONNECT)) as registry:
            assert await _given_up(registry, operation) is Code.TIMEOUT
            began = time.perf_counter()
            assert await _given_up(registry, operation) is Code.UNAVAILABLE  # nobody waits as long a second time
            assert time.perf_counter() - began < SHORT
        assert nobody.connections == 1


@every_question
async def test_an_answer_that_never_begins_is_given_up(operation: str) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(FIRST_BYTE)) as registry:
        server.fail(Fault(hold=Never()), times=None)
        assert await _given_up(registry, operation) is Code.TIMEOUT
        assert server.count() == 1


@pytest.mark.parametrize("operation", ["manifest", "blob", "tags"])
async def test_a_body_that_falls_silent_is_given_up(operation: str) -> None:
    setting = Setting(BETWEEN_BYTES)
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), setting) as registry:
        server.push_image("a/b", "v1", [BLOB])
        server.fail(Fault(stall_at=3, until=Never()), times=None)
        await _given_up(registry, operation, Interrupted)
        assert server.count() == 1


@every_question
@pytest.mark.parametrize("limits", [CONNECT, FIRST_BYTE, BETWEEN_BYTES], ids=["connect", "first byte", "between bytes"])
async def test_a_realm_that_keeps_us_waiting_is_given_up(operation: str, limits: Limits) -> None:
    script = SILENT if limits is not BETWEEN_BYTES else [answer("200 OK", ["Content-Length: 99"], b"{"), *SILENT]
    async with RawUpstream(script) as realm, FakeRegistry() as server:
        server.require_bearer()
        server.realm = realm.url if limits is not CONNECT else realm.url.replace("http:", "https:")
        upstream = Upstream(endpoints=(server.url,), realms=("127.0.0.1",))
        async with opened(upstream, Setting(limits)) as registry:
            kind = Interrupted if limits is BETWEEN_BYTES else Unreachable
            await _given_up(registry, operation, kind)
        assert realm.connections == 1


# --- the one quick retry


@every_question
async def test_a_kept_connection_that_ends_as_we_ask_is_replaced_unnoticed(operation: str) -> None:
    body = b'{"tags": []}'
    lines = [f"Content-Length: {len(body)}", f"Content-Type: {OCI_MANIFEST}"]
    found: Script = [answer("200 OK", lines, body)]
    head: Script = [answer("200 OK", lines)]
    good = head if operation.startswith("head") else found
    async with RawUpstream(found, [Close()], good) as server:
        async with opened(Upstream(endpoints=(server.url,))) as registry:
            await registry.tags("a/b")
            await QUESTIONS[operation](registry)
        assert (len(server.requests), server.connections) == (3, 2)


ENDS: dict[str, Script] = {
    "closed": [Close()],
    "reset": [Reset()],
    "closed within the head": [b"HTTP/1.1 200 OK\r\nContent-Le", Close()],
}


@every_question
@pytest.mark.parametrize("script", ENDS.values(), ids=ENDS)
async def test_a_connection_that_ends_before_the_answer_is_replaced_once(operation: str, script: Script) -> None:
    async with RawUpstream(script) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        assert await _given_up(registry, operation) is Code.UNAVAILABLE
        assert (len(server.requests), server.connections) == (2, 2)
