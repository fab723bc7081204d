"""The end of a real process: what runs may finish, nothing new begins, and what was cached is there the next time."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.faults import Fault, Gate
from tests.support.loops import LOOPS
from tests.support.program import Program
from tests.support.raw_client import Answer, Cut, request
from tests.support.registry import FakeRegistry
from tests.support.surface import LARGE, LARGE_PATH, MANIFEST, REPOSITORY, SMALL, SMALL_PATH, TAG_PATH

aside = asyncio.to_thread  # what waits does so in a thread, while the registry goes on answering here
SLOW = Digest.of(LARGE + b"slow")
SLOW_PATH = f"/v2/{REPOSITORY}/blobs/{SLOW}"


class Held:
    """A registry that holds back the rest of one blob, and the gate that lets it out."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.registry = registry
        self.gate = Gate()
        registry.push_image(REPOSITORY, "v1", [SMALL, LARGE])
        registry.push_blob(REPOSITORY, LARGE + b"slow")
        registry.fail(Fault(gate=self.gate), "GET", str(SLOW))


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    async with FakeRegistry() as registry:
        yield Held(registry)


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def get(program: Program, path: str) -> Answer:
    with program.client() as client:
        return client.ask("GET", path)


class Download:
    """A client that asks for the slow blob, in a thread; the gate has let a first part of it pass."""

    def __init__(self, program: Program) -> None:
        self._threads = ThreadPoolExecutor(1)
        self.answer: Future[Answer] = self._threads.submit(get, program, SLOW_PATH)

    @classmethod
    async def begun(cls, program: Program, held: Held) -> Download:
        download = cls(program)
        held.gate.release()
        await held.registry.arrived("GET", str(SLOW))
        await held.gate.arrived.wait()
        return download

    async def whole(self) -> Answer:
        return await asyncio.wrap_future(self.answer)


async def test_what_runs_may_finish_while_nothing_new_begins(held: Held, tmp_path: Path, loop: str) -> None:
    with Program(tmp_path, held.registry.url, {"SERVER__SHUTDOWN_GRACE": "60s"}, loop) as program:
        download = await Download.begun(program, held)
        with await aside(program.client) as idle, await aside(program.admin) as admin:
            assert (await aside(idle.ask, "GET", "/v2/")).status == 200
            assert (await aside(admin.ask, "GET", "/readyz")).status == 200
            program.signal(signal.SIGTERM)
            await aside(program.refused)
            assert await aside(idle.is_over)
            unready = await aside(admin.ask, "GET", "/readyz")
            assert (unready.status, unready.body) == (503, b"stopping\n")
            assert (await aside(admin.ask, "GET", "/livez")).status == 200
        assert not download.answer.done()
        held.gate.open()
        assert (await download.whole()).body == LARGE + b"slow"
        assert await aside(program.ended) == 0


async def test_what_does_not_finish_in_time_is_broken_off(held: Held, tmp_path: Path, loop: str) -> None:
    with Program(tmp_path, held.registry.url, {"SERVER__SHUTDOWN_GRACE": "500ms"}, loop) as program:
        download = await Download.begun(program, held)
        program.signal(signal.SIGTERM)
        with pytest.raises((Cut, ConnectionResetError)):
            await download.whole()
        assert await aside(program.ended) == 0
        assert [line for line in program.log if line["level"] in ("error", "critical")] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
async def test_a_second_signal_ends_it_at_once(
    held: Held, tmp_path: Path, loop: str, number: signal.Signals, code: int
) -> None:
    with Program(tmp_path, held.registry.url, {"SERVER__SHUTDOWN_GRACE": "60s"}, loop) as program:
        download = await Download.begun(program, held)
        program.signal(number)
        await aside(program.refused)
        began = time.monotonic()
        program.signal(number)
        assert await aside(program.ended) == code
        assert time.monotonic() < began + 5
        with pytest.raises((Cut, ConnectionResetError)):
            await download.whole()


async def test_a_client_that_does_not_read_delays_the_end_by_the_grace_only(
    held: Held, tmp_path: Path, loop: str
) -> None:
    with Program(tmp_path, held.registry.url, {"SERVER__SHUTDOWN_GRACE": "1s"}, loop) as program:
        await aside(get, program, LARGE_PATH)
        with await aside(program.client, 4096) as mute:
            mute.send(request("GET", LARGE_PATH) * 20)
            began = time.monotonic()
            program.signal(signal.SIGTERM)
            assert await aside(program.ended) == 0
            assert time.monotonic() < began + 10


async def test_what_was_cached_is_there_after_a_stop(held: Held, tmp_path: Path, loop: str) -> None:
    pulled = {TAG_PATH: MANIFEST, SMALL_PATH: SMALL, LARGE_PATH: LARGE}
    with Program(tmp_path, held.registry.url, loop=loop) as program:
        for path, body in pulled.items():
            assert (await aside(get, program, path)).body == body
        program.signal(signal.SIGINT)
        assert await aside(program.ended) == 0
        asked = len(held.registry.requests)
        await held.registry.stop()
        await aside(program.start)
        for path, body in pulled.items():
            answer = await aside(get, program, path)
            assert (answer.status, answer.body, answer["Cache-Status"]) == (200, body, "mirror; hit")
        program.signal(signal.SIGINT)
        assert await aside(program.ended) == 0
    assert len(held.registry.requests) == asked


async def test_a_broken_off_download_is_gone_on_with_after_a_stop(held: Held, tmp_path: Path, loop: str) -> None:
    with Program(tmp_path, held.registry.url, {"SERVER__SHUTDOWN_GRACE": "0s"}, loop) as program:
        download = await Download.begun(program, held)
        held.gate.release(4)
        program.signal(signal.SIGTERM)
        with suppress(Cut, ConnectionResetError):
            await download.whole()
        assert await aside(program.ended) == 0
        held.gate.open()
        await aside(program.start)
        assert (await aside(get, program, SLOW_PATH)).body == LARGE + b"slow"
        (again,) = [seen for seen in held.registry.seen("GET", str(SLOW)) if "range" in seen.headers]
        assert again.headers["range"].startswith("bytes=")
        program.signal(signal.SIGTERM)
        assert await aside(program.ended) == 0
