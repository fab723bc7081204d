"""A large layer from a registry in whose middle everything goes wrong: clients notice nothing, little is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mirror.tasks import spawn
from mirror.upstream.surroundings import Surroundings
from tests.fakes.registry import Registry
from tests.support.checker import got, until
from tests.support.clock import Clock
from tests.support.faults import Fault, Gate
from tests.support.figures import figure
from tests.support.herd import until_over, visit
from tests.support.logins import BearerLogin
from tests.support.measured import Row, note
from tests.support.mirror import MirrorUnderTest

MIB = 1024**2
SIZE = 100 * MIB
PATIENCE = 60.0  # seconds for all of it, four times over, on a machine that has other things to do
BREAKS: dict[str, Callable[[int], Fault]] = {
    "closed": lambda at: Fault(cut_at=at),
    "reset": lambda at: Fault(reset_at=at),
}


def patterned(size: int) -> bytes:
    """Bytes of which no two megabytes are the same, made in no time."""
    block = bytes(range(256)) * (MIB // 256 - 1)
    return b"".join(number.to_bytes(256, "big") + block for number in range(size // MIB))


@pytest.mark.parametrize("broken", BREAKS)
async def test_a_layer_that_breaks_five_times_arrives_and_little_is_sent_twice(tmp_path: Path, broken: str) -> None:
    data = patterned(SIZE)
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        digest = registry.push_blob("team/app", data)
        for _ in range(5):
            registry.fail(BREAKS[broken](17 * MIB), "GET", "/blobs/")
        bound = mirror.mirror.listeners.bound[0]
        path = f"/v2/team/app/blobs/{digest}"
        clients = [await visit((bound.host, bound.port), path, data) for _ in range(3)]
        await until_over(clients, PATIENCE)
        noticed = sum(not client.satisfied for client in clients)
        assert noticed == 0
        assert registry.count("GET", "/blobs/") == 6
        received = figure(mirror.mirror.metrics.render(), "mirror_upstream_bytes_total", upstream="docker.io")
        assert received is not None
        assert SIZE <= received <= SIZE * 1.01
        what = f"five breaks ({broken}) in {SIZE // MIB} MiB: clients that notice; bytes received twice"
        note(Row("F4", what, "0; 1 %", f"{noticed}; {received / SIZE - 1:.2%}"))
        again = await visit((bound.host, bound.port), path, data)
        await until_over([again], PATIENCE)
        assert again.satisfied
        assert registry.count("GET", "/blobs/") == 6


PIECE = 100_000
PIECES = 30  # one a second


async def test_tokens_of_five_seconds_last_through_a_download_of_thirty(tmp_path: Path) -> None:
    """The body breaks off every four seconds, and each time the token that it began with has run out or is about to."""
    clock = Clock()
    data = patterned(4 * MIB)[: PIECE * PIECES]
    async with Registry() as registry:
        login = registry.login = BearerLogin(expires_in=5, clock=clock)
        registry.redirects = True  # so that what breaks off is the content, never a challenge
        digest = registry.push_blob("team/app", data)
        gate = Gate(PIECE)
        for _ in range(PIECES // 4):
            registry.fail(Fault(cut_at=4 * PIECE, gate=gate), "GET", "/objects/")
        registry.fail(Fault(gate=gate), "GET", "/objects/")
        async with MirrorUnderTest(tmp_path, registry.url, surroundings=Surroundings(clock=clock)) as mirror:
            asking = spawn(got(mirror, f"/v2/team/app/blobs/{digest}"), "client")
            for second in range(1, PIECES + 1):
                gate.release()
                await until(lambda: sent(registry) >= second * PIECE)  # noqa: B023  # called here and now
                clock.advance(1)
            gate.open()
            answer = await asking
        assert (answer.status, answer.complete) == (200, True)
        assert answer.body == data
        assert sent(registry) == len(data)
        assert registry.count("GET", "/objects/") == PIECES // 4 + 1
        assert login.issued >= 3  # the mirror renews none before it is ten seconds old or refused


def sent(registry: Registry) -> int:
    """Bytes of content that have left."""
    return sum(seen.sent for seen in registry.seen("GET", "/objects/"))
