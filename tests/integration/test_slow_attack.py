"""Everybody is slow on purpose: none of them stays, others are served, and the operator has an answer at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mirror.server.descriptors import allow_descriptors
from tests.support.figures import figure
from tests.support.loops import LOOPS
from tests.support.measured import Row, note
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until
from tests.support.raw_client import RawClient, request
from tests.support.surface import LARGE_PATH, configuration, fill
from tests.support.tiers import count

CLIENTS = count(300, 1500)  # of this process, which has both ends of them open, in each of their ways
BOUND = 4.0  # seconds: none of the three limits is longer, nor twice that of a stall, which is looked at that often
GRACE = 25.0  # for a machine that has other things to do
LIMITS = {"keepalive": "4s", "client_head": "1500ms", "client_stall": "1500ms"}


@pytest.fixture(params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MirrorThread]:
    def overrides(registry: str) -> dict[str, object]:
        limits = {**LIMITS, "connections": CLIENTS, "connections_per_client": CLIENTS - 10}
        return {**configuration(registry), "limits": limits}

    allow_descriptors(CLIENTS)
    with MirrorThread(tmp_path, overrides, request.param) as served:
        fill(served)
        served.left()
        yield served


def idle(_: RawClient) -> None:
    """It says nothing."""


def dripping(client: RawClient) -> None:
    """It says its request letter by letter, of which these are the first."""
    client.send(b"GET /v2/ HTTP/1.1\r\nX: ")


def deaf(client: RawClient) -> None:
    """It asks for more than all buffers hold, and reads nothing."""
    client.send(request("GET", LARGE_PATH) * 8)


@pytest.mark.parametrize("way", [idle, dripping, deaf])
def test_all_who_are_slow_are_let_go(served: MirrorThread, way: Callable[[RawClient], None]) -> None:
    over = threading.Event()
    with ExitStack() as stack:
        crowd = [stack.enter_context(served.client(window=4096)) for _ in range(CLIENTS)]
        wait_until(lambda: served.connections >= CLIENTS - 10, "all of them are there")
        # The whole of one client's share is taken: it is turned away at once, and the operator is answered.
        assert asked(served.client(), "/v2/") == 503
        for path in ("/livez", "/readyz", "/metrics"):
            asking = time.monotonic()
            assert asked(RawClient(served.admin_address), path) == 200
            assert time.monotonic() < asking + 5  # which on a busy machine is at once
        began = time.monotonic()
        for client in crowd[: CLIENTS - 10]:
            way(client)
        if way is dripping:
            dripper = threading.Thread(target=drip, args=(crowd, over))
            dripper.start()
            stack.callback(dripper.join)
            stack.callback(over.set)
        wait_until(lambda: served.connections == 0, "all of them are gone", BOUND + GRACE)
        took = time.monotonic() - began
    assert asked(served.client(), LARGE_PATH) == 200
    assert (figure(served.mirror.mirror.metrics.render(), "mirror_connections_refused_total") or 0) >= 1
    what = f"{CLIENTS} clients, {way.__name__}, {served.kind}: the last is let go after"
    note(Row("F7", what, f"{BOUND + GRACE:g} s with limits of 1.5 to 4 s", f"{took:.1f} s"))


def drip(crowd: list[RawClient], over: threading.Event) -> None:
    """A letter from each of them, again and again."""
    while not over.wait(0.1):
        for client in crowd:
            try:
                client.send(b"x")
            except OSError:
                continue


def asked(client: RawClient, path: str) -> int:
    with client:
        return client.ask("GET", path).status
