"""A process that may open few files: it holds fewer clients, never spins, and is well again when they are gone."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from mirror.oci.digest import Digest
from tests.support.checker import until
from tests.support.faults import Fault, Gate
from tests.support.figures import figure
from tests.support.loops import LOOPS
from tests.support.processes import program as found
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import RawClient, request
from tests.support.registry import FakeRegistry

SPARE = 20  # files that it may open beside those it needs
LOOKED_AT = 3.0  # seconds
HELD = 12  # clients, with 200 files
IDLE = 0.2  # of a processor
RANDOM = Random(7)


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


async def test_each_client_that_is_held_can_have_a_blob_that_was_not_there(tmp_path: Path) -> None:
    """All of them at the same time, while as many connections to the upstream's other hosts are kept."""
    async with FakeRegistry() as registry, FakeRegistry() as other:
        under = [found("prlimit"), "--nofile=200:200"]
        settings = {"UPSTREAMS__GHCR_IO__ENDPOINTS": other.url, "LIMITS__KEEPALIVE": "500ms"}
        with Program(tmp_path, registry.url, settings, under=under) as program:
            (held,) = (line["connections"] for line in program.log if "connections" in line)
            for upstream, name in ((other, "ghcr.io/a/b"), (registry, "a/b")):
                gate = Gate(100_000)
                upstream.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
                blobs = [upstream.push_blob("a/b", RANDOM.randbytes(300_000)) for _ in range(held)]
                with ExitStack() as stack:
                    clients = await asyncio.to_thread(
                        asking, program, stack, [f"/v2/{name}/blobs/{blob}" for blob in blobs]
                    )
                    await until(partial(asked_for, upstream, held))
                    gate.open()
                    for client, blob in zip(clients, blobs, strict=True):
                        answer = await asyncio.to_thread(client.answer)
                        assert (answer.status, Digest.of(answer.body)) == (200, blob)
                await asyncio.to_thread(wait_until, partial(is_left, program), "nobody is there, and nothing fetched")


def is_left(program: Program) -> bool:
    with program.admin() as admin:
        text = admin.ask("GET", "/metrics").body
    return figure(text, "mirror_client_connections") == figure(text, "mirror_fills_in_flight") == 0


def asked_for(upstream: FakeRegistry, blobs: int) -> bool:
    return upstream.count("GET", "/blobs/") == blobs


def asking(program: Program, stack: ExitStack, paths: list[str]) -> list[RawClient]:
    """A client for each, who has asked and does not read yet."""
    clients = [stack.enter_context(program.client()) for _ in paths]
    for client, path in zip(clients, paths, strict=True):
        client.send(request("GET", path))
    return clients


def crowded(program: Program) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(program.client()) for _ in range(HELD)]
        assert [client.ask("GET", "/v2/").status for client in clients] == [200] * HELD
        for _ in range(10):
            stack.enter_context(program.client())
            began = time.monotonic()
            assert asked(program.admin(), "/livez") == 200
            assert time.monotonic() < began + 1
            assert asked(program.client(), "/v2/") == 503
        assert [client.ask("GET", "/v2/").status for client in clients] == [200] * HELD
