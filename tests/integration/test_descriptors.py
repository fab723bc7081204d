"""A process that may open few files: it holds fewer clients, never spins, and is well again when they are gone."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.loops import LOOPS
from tests.support.processes import program as found
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import RawClient
from tests.support.registry import FakeRegistry

SPARE = 20  # files that it may open beside those it needs
LOOKED_AT = 3.0  # seconds
IDLE = 0.2  # of a processor


def opened(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def used(pid: int) -> float:
    """Seconds of a processor."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def asked(client: RawClient, path: str) -> int:
    with client:
        return client.ask("GET", path).status


@pytest.mark.parametrize("loop", LOOPS)
async def test_without_a_file_left_it_waits_and_then_goes_on(tmp_path: Path, loop: str) -> None:
    async with FakeRegistry() as registry:
        with Program(tmp_path, registry.url, {}, loop) as program:
            await asyncio.to_thread(starved, program)
        assert len(program.log) < 100


def starved(program: Program) -> None:
    most = opened(program.pid) + SPARE
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        for _ in range(3 * SPARE):
            stack.enter_context(program.client())
        wait_until(lambda: opened(program.pid) >= most - 1, "there is no file left")
        before = used(program.pid)
        time.sleep(LOOKED_AT)
        assert used(program.pid) - before < IDLE * LOOKED_AT
    wait_until(lambda: opened(program.pid) < most - SPARE / 2, "those who have left are gone")
    for _ in range(3):
        assert asked(program.client(), "/v2/") == 200
        assert asked(program.admin(), "/readyz") == 200


@pytest.mark.parametrize("loop", LOOPS)
async def test_no_more_clients_are_held_than_files_allow(tmp_path: Path, loop: str) -> None:
    """And while the last of them is turned away, the operator has an answer within a second."""
    async with FakeRegistry() as registry:
        under = [found("prlimit"), "--nofile=200:200"]
        with Program(tmp_path, registry.url, {}, loop, under) as program:
            await asyncio.to_thread(crowded, program)
        assert any("too few open files" in line["event"] for line in program.log)


def crowded(program: Program) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(program.client()) for _ in range(33)]
        assert [client.ask("GET", "/v2/").status for client in clients] == [200] * 33
        for _ in range(10):
            stack.enter_context(program.client())
            began = time.monotonic()
            assert asked(program.admin(), "/livez") == 200
            assert time.monotonic() < began + 1
            assert asked(program.client(), "/v2/") == 503
        assert [client.ask("GET", "/v2/").status for client in clients] == [200] * 33
