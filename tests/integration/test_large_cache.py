"""A cache of very many blobs: it is opened at once, and while room is made in it the event loop goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mirror.store.eviction import Room
from mirror.store.store import Store
from tests.support.lag import Lag, lag
from tests.support.large_caches import EACH, digest_of, filled
from tests.support.loops import LOOPS, run_on
from tests.support.measured import Row, note
from tests.support.tiers import LONG, count

BLOBS = count(800, 10_000)  # that there are, and have to go but for a few
ROWS = count(5000, 1_000_000)  # of the index: what it says of others, which are used later and stay
KEPT = 100


class Bounds:
    """What the cache may hold; narrower from one moment to the next."""

    most = 1 << 50

    def __call__(self, _: int) -> int:
        return self.most


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_while_room_is_made_the_loop_goes_on(loop: str, tmp_path: Path) -> None:
    probe, bounds = Lag(), Bounds()

    async def scenario() -> None:
        await filled(tmp_path / "cache", BLOBS, ROWS)
        store = await Store.open(tmp_path / "cache", Room(bounds, lambda _: 0))
        try:
            bounds.most = KEPT * EACH
            async with lag(probe):
                evicted = await store.evict()
        finally:
            await store.aclose()
        assert evicted >= (BLOBS - KEPT) * EACH
        left = len(list((tmp_path / "cache" / "blobs" / "sha256").iterdir()))
        assert left <= KEPT

    run_on(loop, scenario())
    assert len(probe.seen) > 10
    p99 = probe.percentile(0.99)
    what = f"lag of the event loop ({loop}), p99, while {BLOBS} of {BLOBS + ROWS} blobs are evicted"
    note(Row("F24", what, "50 ms", f"{p99 * 1000:.1f} ms, at the most {max(probe.seen) * 1000:.1f}"))
    assert not LONG or p99 <= 0.05


def test_a_large_cache_is_opened_at_once(tmp_path: Path) -> None:
    async def scenario() -> float:
        await filled(tmp_path / "cache", BLOBS, ROWS)
        began = time.monotonic()
        store = await Store.open(tmp_path / "cache", Room(Bounds(), lambda _: 0))
        took = time.monotonic() - began
        found = await store.blobs.open(digest_of(0))
        await store.aclose()
        assert found is not None
        found.close()
        return took

    took = run_on("asyncio", scenario())
    note(Row("F19", f"a cache whose index knows {BLOBS + ROWS} blobs is open after", "5 s", f"{took:.2f} s"))
    assert not LONG or took <= 5
