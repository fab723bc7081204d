"""A running mirror finds what its disk has lost before a client asks for it, and shows how far it has looked."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.caches import blob, flip, path_of, published, store_at
from tests.support.checker import until
from tests.support.figures import becomes, figure
from tests.support.mirror import MirrorUnderTest

GOOD, GOOD_DATA = blob(1, 5000)
BAD, BAD_DATA = blob(2, 5000)
NOBODY = "http://127.0.0.1:1"


async def _with_a_flipped_bit(root: Path) -> None:
    """One of two blobs is wrong, and its file looks as it did."""
    async with store_at(root) as store:
        await store.put(GOOD, GOOD_DATA)
        await store.put(BAD, BAD_DATA)
    path = path_of(root, BAD)
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


async def test_a_flipped_bit_is_found_and_counted_while_nobody_asks(tmp_path: Path) -> None:
    await _with_a_flipped_bit(tmp_path / "cache")
    async with MirrorUnderTest(tmp_path, NOBODY) as mirror:
        render = mirror.mirror.metrics.render
        await becomes(render, 1, "mirror_integrity_failures_total", where="store")
        await until(lambda: bool(mirror.mirror.scrub.progress.finished))
        assert published(tmp_path / "cache") == [str(GOOD)]
        text = render()
        assert figure(text, "mirror_scrubbed_bytes") == 10_000
        assert figure(text, "mirror_scrub_last_finished_timestamp_seconds") == mirror.mirror.scrub.progress.finished


async def test_with_0_nobody_looks(tmp_path: Path) -> None:
    await _with_a_flipped_bit(tmp_path / "cache")
    async with MirrorUnderTest(tmp_path, NOBODY, {"storage": {"scrub": 0}}) as mirror:
        await mirror.mirror.store.evict()
        assert mirror.mirror.scrub.progress.began == 0
    assert len(published(tmp_path / "cache")) == 2
    assert not (tmp_path / "cache" / "scrub").exists()
