"""Where one request ends and the next begins: a strict parser sees the same, or we refuse and close.

And what is answered by its exact bytes is what would have been answered after parsing them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.log.access import AccessRecord
from mirror.metrics import Metrics
from mirror.oci.endpoint import Endpoint, Query
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.server.access import Access, Clients
from mirror.server.dispatch import Dispatch
from mirror.server.exchange import Exchange, Lasting
from mirror.server.handlers import Handlers
from mirror.server.headers import headers_of
from mirror.server.hot import HotAnswers
from mirror.server.protocol import RegistryServer
from tests.support import hostile_requests
from tests.support.answering import LIMITS
from tests.support.conversation import spoken
from tests.support.hostile_requests import HIDDEN
from tests.support.loops import LOOPS, run_on
from tests.support.measured import counting
from tests.support.raw_client import request
from tests.support.strict_parser import understood
from tests.support.surface import SMALL_PATH, TAG_PATH
from tests.support.tiers import count

SOUND = request("GET", TAG_PATH)
ENDING = request("GET", SMALL_PATH, "Connection: close")
EACH_TIME = re.compile(rb"(?:X-Request-ID|Date|Age): [^\r]*\r\n")
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b": ", b";", b"0", b"0\r\n\r\n", b"5\r\nhello\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length:\r\n", b"Content-Length: 05\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Connection: keep-alive\r\n"),
    *(b"Expect: 100-continue\r\n", b"Host: b\r\n", b" folded\r\n", b"X\xff: y\r\n", b"X: \x80\r\n"),
    *(b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"GET ", b"HEAD ", b"POST ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    *(b"http://other.test", b"//", b"#", b"?n=1", b"%", SOUND, HIDDEN),
]


class Everything(Handlers):
    """A registry in which each target has its own content, which lasts for ever."""

    def __init__(self) -> None:
        """It has no pulls."""

    async def answer(self, exchange: Exchange, endpoint: Endpoint, query: Query) -> web.StreamResponse:
        body = exchange.request.raw_path.encode("utf-8", "surrogateescape")
        exchange.lasting = Lasting("sha256:1", body)
        headers = headers_of(exchange, Answer(Outcome.HIT))
        headers["Content-Type"] = "application/octet-stream"
        return web.Response(body=body, headers=headers)


class Scene:
    """A dispatch that remembers, and what its log holds of the last conversation."""

    def __init__(self) -> None:
        self.notes: list[AccessRecord] = []
        hot = HotAnswers(True, lambda *_: None)
        self._dispatch = Dispatch(Everything(), hot, Access(Metrics("1").requests, self.notes.append, Clients([])))

    @property
    def learnt(self) -> int:
        """How many requests are known by their bytes."""
        return len(self._dispatch._repeats._known)

    async def said(self, pieces: Sequence[bytes]) -> bytes:
        """All that is answered to a client that sends these pieces."""
        self.notes.clear()
        server = RegistryServer(self._dispatch, LIMITS)
        answer = await spoken(server, pieces)
        await server.shutdown(0.0)
        return answer


def alike(said: bytes) -> list[list[bytes]]:
    """The lines of each answer, but for those that differ each time; the order of headers says nothing."""
    return [sorted(answer.split(b"\r\n")) for answer in re.split(rb"(?=HTTP/1\.[01] \d{3} )", EACH_TIME.sub(b"", said))]


def corpus() -> list[bytes]:
    families = [
        hostile_requests.framings(),
        hostile_requests.first_lines(),
        hostile_requests.headers(),
        hostile_requests.methods(),
        hostile_requests.digests(),
        list(hostile_requests.mutations(count(1500, 30_000), seed=2)),
    ]
    return [one for family in families for one in family]


def agree(scene: Scene, data: bytes, answer: bytes) -> None:
    """What was taken for a request is one to the strict parser, as the same one in the same place, without a body."""
    taken = [(note.method, note.path, note.status) for note in scene.notes]
    refused = (
        bool(taken)
        and taken[-1][2] in (400, 405)
        and b"\r\nConnection: close\r\n" in answer.rpartition(b"HTTP/1.1 ")[2]
    )
    if refused:
        taken.pop()
    strict = understood(data)
    assert [(method, path) for method, path, _ in taken] == [
        (one.method, one.target.partition("?")[0]) for one in strict[: len(taken)]
    ]
    assert not any(one.body for one in strict[: len(taken)])
    assert refused or len(strict) == len(taken)


@pytest.mark.parametrize("around", [(b"", b""), (SOUND, HIDDEN)], ids=["alone", "between others"])
def test_two_parsers_agree_or_it_is_refused(around: tuple[bytes, bytes]) -> None:
    async def scenario() -> int:
        scene, taken = Scene(), 0
        before, after = around
        for one in corpus():
            tries.begin()
            data = before + one + after
            answer = await scene.said([data])
            try:
                agree(scene, data, answer)
            except AssertionError as error:
                raise AssertionError(f"{data[:400]!r}: {scene.notes} {understood(data)}") from error
            taken += sum(note.status < 400 for note in scene.notes)
        return taken

    where = "between others" if any(around) else "alone"
    with counting("F9", f"requests that make no sense, {where}: framed otherwise than by a strict parser") as tries:
        assert run_on("asyncio", scenario()) > 500  # not everything is refused


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all examples: to make one takes longer than a conversation."""
    with asyncio.Runner(loop_factory=LOOPS["asyncio"]) as made:
        yield made


@settings(max_examples=count(500, 20_000))
@given(sound=st.lists(st.sampled_from([SOUND, HIDDEN, ENDING]), min_size=1, max_size=3), data=st.data())
def test_two_parsers_agree_on_anything(runner: asyncio.Runner, sound: list[bytes], data: st.DataObject) -> None:
    request = b"".join(sound)
    for _ in range(data.draw(st.integers(1, 3))):
        at, length = data.draw(st.integers(0, len(request))), data.draw(st.integers(0, 4))
        piece = data.draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        request = hostile_requests.mutated(request, at, length, piece)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(request)), max_size=3)))
    pieces = [request[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(request)], strict=True)]

    async def scenario() -> None:
        scene = Scene()
        agree(scene, request, await scene.said([piece for piece in pieces if piece]))

    runner.run(scenario())


def test_what_is_known_by_its_bytes_is_answered_as_when_it_was_parsed() -> None:
    """All of it three times to one dispatch, which learns; then in pairs, and cut in two, as to one that knows none."""

    async def scenario() -> None:
        knowing = Scene()
        requests = corpus()[:: count(3, 1)]
        for one in requests:
            first, second, third = [alike(await knowing.said([one])) for _ in range(3)]
            assert first == second == third, one
        assert knowing.learnt > 50
        for one, other in pairwise(requests):
            for pieces in ([SOUND, one, other], [one[: len(one) // 2], one[len(one) // 2 :], SOUND]):
                known, new = await knowing.said(pieces), await Scene().said(pieces)
                assert alike(known) == alike(new), pieces

    run_on("asyncio", scenario())
