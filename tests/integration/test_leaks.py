"""Pulls that are broken off, at every moment of one: nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.caches import under_way
from tests.support.faults import Fault, Gate
from tests.support.footprint import resident
from tests.support.lag import Lag, lag
from tests.support.loops import LOOPS
from tests.support.measured import Row, note
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until
from tests.support.raw_client import RawClient, request
from tests.support.surface import LARGE_PATH, REPOSITORY, TAG_PATH, configuration, fill, noise
from tests.support.tiers import LONG, count

ABORTED = count(1000, 10_000)
AT_ONCE = 20  # clients
GROWTH = 8 * 1024**2  # bytes; the slope of 10,000 is an eighth of what that allows
HELD = f"/v2/{REPOSITORY}/manifests/held"
Phase = Callable[[MirrorThread, int], None]


def asked(served: MirrorThread, number: int, sent: bytes, heard: int) -> None:
    """So many clients that send this, hear so many bytes, and are gone; some are there at any time."""
    there: deque[RawClient] = deque()
    for _ in range(number):
        client = served.client(window=4096)
        client.send(sent)
        if heard:
            client.receive(heard)
        there.append(client)
        if len(there) >= AT_ONCE:
            there.popleft().reset()
    for client in there:
        client.reset()


def before_the_head(served: MirrorThread, number: int) -> None:
    asked(served, number, b"GET /v2/ HTTP/1.1\r\nHos", 0)


def before_the_answer(served: MirrorThread, number: int) -> None:
    asked(served, number, request("GET", HELD), 0)


def in_the_head(served: MirrorThread, number: int) -> None:
    asked(served, number, request("GET", TAG_PATH), 1)


def of_a_head(served: MirrorThread, number: int) -> None:
    asked(served, number, request("HEAD", LARGE_PATH), 1)


def in_the_body(served: MirrorThread, number: int) -> None:
    asked(served, number, request("GET", LARGE_PATH), 2000)


def in_a_range(served: MirrorThread, number: int) -> None:
    asked(served, number, request("GET", LARGE_PATH, "Range: bytes=1000-500000"), 2000)


def in_a_herd(served: MirrorThread, number: int) -> None:
    """All of them leave a fetch that is under way; it goes on without them, and its blob is whole."""
    for herd in range(-(-number // AT_ONCE)):
        blob = noise(f"herd {served.address} {number} {herd}", 300_000)
        path = f"/v2/{REPOSITORY}/blobs/{Digest.of(blob)}"
        gate = served.call(Gate)

        def push(blob: bytes = blob, path: str = path, gate: Gate = gate) -> None:
            served.registry.push_blob(REPOSITORY, blob)
            served.registry.fail(Fault(gate=gate), "GET", path.rpartition("/")[2])

        served.call(push)
        members = [served.client() for _ in range(AT_ONCE)]
        for member in members:
            member.send(request("GET", path))
        served.do(gate.arrived.wait)
        served.call(gate.release)
        members[0].receive(1)
        for member in members:
            member.reset()
        served.call(gate.open)
        served.settle()
        assert served.ask("GET", path).body == blob


PHASES: tuple[Phase, ...] = (
    before_the_head,
    before_the_answer,
    in_the_head,
    of_a_head,
    in_the_body,
    in_a_range,
    in_a_herd,
)


class Footprint:
    """What there is of the mirror, and of the registry behind it, while nobody asks anything."""

    def __init__(self, served: MirrorThread) -> None:
        served.left()
        served.settle()
        self.tasks = served.call(lambda: len(asyncio.all_tasks()))
        gc.collect()
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.memory = resident() - served.call(lambda: served.registry.bytes_held)
        self.parts = under_way(served.mirror.settings.storage.root)


@pytest.fixture(params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path, configuration, request.param) as served:
        fill(served)
        release = served.call(asyncio.Event)
        served.call(lambda: served.registry.fail(Fault(hold=release), "HEAD", "/manifests/held", times=None))
        served.call(lambda: served.registry.fail(Fault(hold=release), "GET", "/manifests/held", times=None))
        yield served
        served.call(release.set)


def test_of_a_pull_that_is_broken_off_nothing_stays(served: MirrorThread) -> None:
    each = ABORTED // len(PHASES) + 1
    for phase in PHASES:
        phase(served, AT_ONCE)  # whatever is made once is there after this
    before = Footprint(served)
    for phase in PHASES:
        phase(served, each)
    wait_until(lambda: Footprint(served).tasks <= before.tasks, "the tasks of those who left are over")
    after = Footprint(served)
    assert after.descriptors <= before.descriptors
    assert after.parts == []
    assert after.memory - before.memory <= GROWTH
    grown = (after.memory - before.memory) / 1024**2
    lost = f"{after.descriptors - before.descriptors}/{after.tasks - before.tasks}/{len(after.parts)}"
    row = Row(
        "F23",
        f"{ABORTED} aborted pulls, {served.kind}: descriptors/tasks/files left, memory",
        "0/0/0, 8 MiB",
        f"{lost}, {grown:.1f} MiB",
    )
    note(row)


def test_while_it_hashes_and_syncs_the_loop_goes_on(served: MirrorThread) -> None:
    """The blobs are fetched, hashed, written, synced; small answers wait for none of it."""
    probe = Lag()

    async def fetch(pair: int) -> None:
        blobs = [noise(f"lag {served.address} {pair} {number}", 4_000_000) for number in range(2)]
        for blob in blobs:
            served.registry.push_blob(REPOSITORY, blob)
        async with lag(probe):
            await asyncio.gather(*(whole(blob) for blob in blobs))

    async def whole(blob: bytes) -> None:
        async with served.mirror.session.get(f"{served.mirror.url}/v2/{REPOSITORY}/blobs/{Digest.of(blob)}") as answer:
            assert await answer.read() == blob

    for pair in itertools.count():  # and as many more as it takes to look at the loop often enough
        if pair >= count(2, 30) and len(probe.seen) > 10:
            break
        served.do(partial(fetch, pair))
    p99 = probe.percentile(0.99)
    note(
        Row(
            "F24",
            f"lag of the event loop ({served.kind}), p99, while blobs are fetched",
            "50 ms",
            f"{p99 * 1000:.1f} ms",
        )
    )
    assert not LONG or p99 <= 0.05
