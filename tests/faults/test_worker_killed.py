"""F11: a worker is killed while it downloads; another one goes on, and nobody whom it did not serve notices."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from mirror.oci.digest import Digest
from tests.support.caches import bytes_under_way, false_blobs
from tests.support.faults import Fault, Gate
from tests.support.killing import holders, kill, workers_of
from tests.support.measured import Row, note
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import Answer, Cut
from tests.support.registry import FakeRegistry
from tests.support.tiers import LONG, count

MIB = 1024 * 1024
DATA = Random(11).randbytes(8 * MIB)
PATH = f"/v2/library/app/blobs/{Digest.of(DATA)}"
PIECE = 256 * 1024
HALF = 16 * PIECE
CLIENTS = 16
COUNT = 4
SETTINGS = {"SERVER__WORKERS": str(COUNT), "SERVER__SHUTDOWN_GRACE": "5s", "LOG__ACCESS": "false"}


def pulled(program: Program, path: str) -> tuple[int, bytes | None]:
    """The port that this client had, and what it was given if it was given all."""
    with program.client() as client:
        port = client.socket.getsockname()[1]
        try:
            answer: Answer = client.ask("GET", path)
        except (Cut, ConnectionError):
            return port, None
    assert answer.status == 200
    return port, answer.body


@pytest.mark.parametrize("chunked", [False, True] if LONG else [False])
async def test_f11_a_killed_workers_download_is_gone_on_with_at_its_offset(tmp_path: Path, chunked: bool) -> None:
    here, gate = asyncio.get_running_loop(), Gate(PIECE)

    def scenario(program: Program) -> tuple[int, int]:
        with ThreadPoolExecutor(CLIENTS) as threads:
            pulls = [threads.submit(pulled, program, PATH) for _ in range(CLIENTS)]
            wait_until(gate.arrived.is_set, "the download has begun")
            here.call_soon_threadsafe(gate.release, HALF // PIECE)
            root = tmp_path / "cache"
            wait_until(lambda: bytes_under_way(root) == HALF, "half of it is there")
            (holder,) = holders(workers_of(program))
            served = kill(holder)
            wait_until(lambda: registry.count("GET", "/blobs/") == 2, "somebody goes on with it")
            here.call_soon_threadsafe(gate.open)
            ended = [pull.result() for pull in pulls]
        failed = {port for port, body in ended if body is None}
        assert failed <= served
        assert {body for _, body in ended if body is not None} <= {DATA}
        assert len(failed) < CLIENTS
        return len(ended) - len(failed), len(failed)

    async with FakeRegistry() as registry:
        registry.chunked = chunked
        registry.push_blob("library/app", DATA)
        registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
        with Program(tmp_path, registry.url, SETTINGS) as program:
            whole, cut = await asyncio.to_thread(scenario, program)
        first, second = registry.seen("GET", "/blobs/")
        assert second.headers["range"] == f"bytes={HALF}-"
        assert HALF + second.sent == len(DATA)
        assert first.sent < HALF + 4 * PIECE  # what was on its way when it was killed
    assert false_blobs(tmp_path / "cache") == []
    kind = "size unknown" if chunked else "size known"
    told = f"{(HALF + second.sent) / len(DATA):.2f}x bytes stored, 2 GETs, {whole} whole, {cut} of the killed one cut"
    note(Row("F20", f"fetching worker killed at the middle, {kind}", "1.00x, every client of the others whole", told))


async def test_f11_workers_are_killed_at_random_and_no_pull_of_another_one_fails(tmp_path: Path) -> None:
    random, blobs = Random(4), [Random(number).randbytes(64 * 1024 * (number % 9) + 5000) for number in range(40)]
    paths = {f"/v2/library/app/blobs/{Digest.of(data)}": data for data in blobs}
    plan = [random.choice(list(paths)) for _ in range(count(120, 800))]
    kills = count(3, 12)
    wrong: list[str] = []
    elsewhere: list[int] = []  # ports of those whose pull failed, and whose worker was not killed

    def scenario(program: Program) -> tuple[int, int]:
        served: set[int] = set()
        lost: dict[int, str] = {}
        done = threading.Semaphore(0)

        def pull(path: str) -> None:
            port, body = pulled(program, path)
            if body is None:
                lost[port] = path
            elif body != paths[path]:
                wrong.append(path)
            done.release()

        with ThreadPoolExecutor(8) as threads:
            pulls = [threads.submit(pull, path) for path in plan]
            for _ in range(kills):
                for _ in range(len(plan) // (kills + 2)):
                    done.acquire()
                victim = random.choice(workers_of(program))
                served |= kill(victim)
                wait_until(lambda victim=victim: victim not in workers_of(program), "it is not chosen again")  # type: ignore[misc]
            for each in pulls:
                each.result()
        elsewhere.extend(set(lost) - served)
        return len(plan) - len(lost), len(lost)

    async with FakeRegistry() as registry:
        for data in blobs:
            registry.push_blob("library/app", data)
        with Program(tmp_path, registry.url, SETTINGS) as program:
            whole, cut = await asyncio.to_thread(scenario, program)
            sent, size = registry.bytes_sent, sum(map(len, blobs))
    assert false_blobs(tmp_path / "cache") == []
    what = f"{kills} workers of {COUNT} killed at random under load: wrong; failed elsewhere"
    told = f"{len(wrong)}; {len(elsewhere)} ({whole} whole, {cut} of killed ones cut, {sent / size:.2f}x bytes sent)"
    note(Row("F20", what, "0; 0", told))
    assert (wrong, elsewhere) == ([], [])
