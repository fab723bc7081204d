"""The mirror as a process: what ends it, and what it says meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mirror.config.settings import Settings
from mirror.server.app import Mirror
from mirror.server.serving import serve, serve_beside
from mirror.tasks import spawn
from mirror.workers.frames import COMPLETE, READY, STOP
from tests.support.lines import Line
from tests.support.loops import LOOPS, run_on

pytestmark = pytest.mark.usefixtures("heeds_hangups")


def settings(root: Path) -> Settings:
    return Settings.model_validate(
        {
            "server": {"listen": "127.0.0.1:0", "shutdown_grace": "1s"},
            "admin": {"listen": "127.0.0.1:0"},
            "storage": {"root": str(root / "cache"), "min_free": "0"},
            "log": {"access": False},
        }
    )


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(tmp_path: Path, loop: str, number: signal.Signals) -> None:
    ready: list[int | None] = []

    def started(mirror: Mirror) -> None:
        ready.append(mirror.listeners.bound[0].port)
        os.kill(os.getpid(), number)

    with capture_logs() as said:
        run_on(loop, serve(settings(tmp_path), started))
    assert len(ready) == 1
    assert [line["event"] for line in said][-2:] == ["stopping: no new requests; running ones may finish", "stopped"]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_terminal_that_closes_says_so_more_than_once_and_ends_nothing_at_once(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        stopping: list[Mirror] = []

        def started(mirror: Mirror) -> None:
            stopping.append(mirror)
            os.kill(os.getpid(), signal.SIGHUP)
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGHUP)

        await serve(settings(tmp_path), started)
        assert len(stopping) == 1

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_to_outlive_his_terminal_does(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        def started(mirror: Mirror) -> None:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)

        await serve(settings(tmp_path), started)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it
    try:
        run_on(loop, scenario())
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_worker_says_that_it_serves_and_ends_when_the_supervisor_says_so(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        with Line() as line, capture_logs() as said:
            serving = spawn(serve_beside(settings(tmp_path), None, line.post), "worker")
            while await line.next() != READY:
                pass
            assert line.post.board.row(0).served
            line.tell(COMPLETE)
            line.tell(STOP)
            async with asyncio.timeout(30):
                await serving
            assert said[0]["event"] == "serving"
            assert "stopped" not in str(said)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_worker_ends_with_its_supervisor(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        with Line() as line:
            serving = spawn(serve_beside(settings(tmp_path), None, line.post), "worker")
            while await line.next() != READY:
                pass
            line.end.close()
            async with asyncio.timeout(30):
                await serving

    run_on(loop, scenario())
