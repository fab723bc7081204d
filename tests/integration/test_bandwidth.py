"""Bandwidth as an operator allows it: blobs take their time, nobody takes another's, and small answers take none.

What is asserted of time is only that something did not happen sooner than it may.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.tasks import spawn
from tests.fakes.registry import Registry
from tests.support.authority import Authority
from tests.support.loops import LOOPS
from tests.support.mirror import MirrorUnderTest
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import RawClient, request
from tests.support.surface import LARGE, LARGE_PATH, MANIFEST, REPOSITORY, SMALL, SMALL_PATH, TAG_PATH, noise

RATE = 1_600_000  # bytes a second
BURST = RATE // 8  # that pass at once
_HEAD = 1000  # bytes of an answer's head, at most


def least(count: int) -> float:
    """Seconds that so many bytes take at the rate, at the very least."""
    return (count - BURST) / RATE


def path_of(blob: bytes, repository: str = "team/app") -> str:
    return f"/v2/{repository}/blobs/{Digest.of(blob)}"


@pytest.fixture(params=[*LOOPS, "tls"])
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[MirrorThread, Authority | None]]:
    """A mirror that holds everything, and may send blobs at the rate."""
    authority = Authority(tmp_path) if request.param == "tls" else None
    values: dict[str, object] = {"limits": {"upload": f"{RATE}B/s"}}
    if authority is not None:
        certificate, key = authority.server_files("127.0.0.1")
        values["server"] = {"tls": {"certificate": str(certificate), "key": str(key)}}
    loop = "asyncio" if authority else request.param
    with MirrorThread(tmp_path, lambda _: values, loop) as served:
        served.call(lambda: served.registry.push_image(REPOSITORY, "v1", [SMALL, LARGE]))
        with served.client(None if authority is None else authority.client()) as client:
            for path, body in ((TAG_PATH, MANIFEST), (SMALL_PATH, SMALL), (LARGE_PATH, LARGE)):
                assert client.ask("GET", path).body == body
        served.settle()
        yield served, authority


def test_clients_together_get_no_more_than_the_rate(limited: tuple[MirrorThread, Authority | None]) -> None:
    served, authority = limited
    with ExitStack() as stack:
        tls = None if authority is None else authority.client()
        first, second, other = [stack.enter_context(served.client(tls)) for _ in range(3)]
        began = time.monotonic()
        for client in (first, second):
            client.send(request("GET", LARGE_PATH))
        # What is small does not wait, however much is waiting before it.
        for _ in range(20):
            assert other.ask("GET", TAG_PATH).body == MANIFEST
            assert other.ask("GET", SMALL_PATH).body == SMALL
        quick = time.monotonic() - began
        assert first.answer().body == second.answer().body == LARGE
        took = time.monotonic() - began
        assert took >= least(2 * len(LARGE))
        assert quick < took


def test_a_range_counts_as_what_it_is(limited: tuple[MirrorThread, Authority | None]) -> None:
    served, authority = limited
    with served.client(None if authority is None else authority.client()) as client:
        began = time.monotonic()
        for _ in range(5):
            assert client.ask("GET", LARGE_PATH, "Range: bytes=100-100099").body == LARGE[100:100100]
        assert time.monotonic() - began >= least(500_000)


def test_one_client_with_many_connections_takes_nothing_from_another(tmp_path: Path) -> None:
    rate = 512 * 1024
    overrides = {"limits": {"upload_per_client": "512KiB/s"}, "server": {"shutdown_grace": "0s"}}
    with (
        MirrorThread(tmp_path, lambda _: overrides) as served,
        ExitStack() as stack,
    ):
        served.call(lambda: served.registry.push_image(REPOSITORY, "v1", [SMALL, LARGE]))
        began = time.monotonic()
        greedy = [stack.enter_context(RawClient(served.address)) for _ in range(30)]
        for one in greedy:
            one.send(request("GET", LARGE_PATH))
        modest = stack.enter_context(RawClient(served.address, source="127.0.0.2"))
        asked = time.monotonic()
        assert modest.ask("GET", LARGE_PATH).body == LARGE
        assert time.monotonic() - asked >= (len(LARGE) - rate // 8) / rate
        # On thirty connections the other one has got what it would have on a single one.
        taken = sum(map(_arrived, greedy))
        assert 0 < taken <= (time.monotonic() - began) * rate + rate // 8 + 30 * _HEAD


def _arrived(client: RawClient) -> int:
    """How many bytes have come and were not read."""
    client.socket.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while piece := client.receive(1024 * 1024):
            count += len(piece)
    return count


async def test_fetches_together_take_their_time_and_no_other_answer(tmp_path: Path) -> None:
    blobs = [noise(f"download {number}", 400_000) for number in range(4)]
    overrides = {"limits": {"download": f"{RATE}B/s"}}
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        for blob in blobs:
            registry.push_blob("team/app", blob)
        began = time.monotonic()
        pulls = [spawn(mirror.get(path_of(blob)), "pull") for blob in blobs]
        assert [body for _, body in await asyncio.gather(*pulls)] == blobs
        assert time.monotonic() - began >= least(1_600_000)
        assert registry.count("GET", "/blobs/") == len(blobs)


async def test_upstreams_have_their_own_limits_and_one_together(tmp_path: Path) -> None:
    blob = noise("two upstreams", 400_000)
    async with Registry() as hub, Registry() as other:
        overrides = {
            "limits": {"download": f"{2 * RATE}B/s"},
            "upstreams": {"docker.io": {"download": f"{RATE}B/s"}, "other.test": {"endpoints": other.url}},
        }
        async with MirrorUnderTest(tmp_path, hub.url, overrides) as mirror:
            hub.push_blob("team/app", blob)
            other.push_blob("team/app", blob[::-1])
            began = time.monotonic()
            assert (await mirror.get(path_of(blob)))[1] == blob
            assert time.monotonic() - began >= least(len(blob))
            began = time.monotonic()
            assert (await mirror.get(path_of(blob[::-1], "other.test/team/app")))[1] == blob[::-1]
            assert time.monotonic() - began >= (len(blob) - 2 * BURST) / (2 * RATE)


async def test_a_manifest_is_not_held_up_by_a_pull_that_is(tmp_path: Path) -> None:
    """From the upstream, too, although its blobs have nothing left for a long while."""
    overrides = {"limits": {"download": "16KiB/s"}, "server": {"shutdown_grace": "0s"}}
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        image = registry.push_image("team/app", "v1", [noise("slow", 3_000_000)])
        pulling = spawn(mirror.get(path_of(noise("slow", 3_000_000))), "pull")
        async with asyncio.timeout(60):
            while not registry.count("GET", "/blobs/"):  # noqa: ASYNC110  # the registry tells nobody
                await asyncio.sleep(0.005)
        assert (await mirror.get("/v2/team/app/manifests/v1"))[1] == image.manifest_body
        assert not pulling.done()
        pulling.cancel()
