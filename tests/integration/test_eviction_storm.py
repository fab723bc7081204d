"""Very much has to go while very many clients are reading: not what they read, and if that goes, none notices (S5)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mirror.oci.digest import Digest
from tests.support.herd import until_over, visit
from tests.support.loops import run_on
from tests.support.measured import Row, note
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.surface import REPOSITORY, noise
from tests.support.tiers import count

STREAMS = count(24, 500)
BLOBS = 4
SIZE = 8 * 1024**2  # bytes: more than the kernel holds for a client that reads nothing
PATIENCE = 90


def test_a_storm_of_evictions_ends_no_stream(tmp_path: Path) -> None:
    blobs = [noise(f"storm {number}", 4096) * (SIZE // 4096) for number in range(BLOBS)]

    async def scenario() -> int:
        room = {"storage": {"max_size": f"{BLOBS * SIZE + SIZE}B"}}
        async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, room) as mirror:
            paths = [f"/v2/{REPOSITORY}/blobs/{registry.push_blob(REPOSITORY, blob)}" for blob in blobs]
            for path in paths:
                assert (await mirror.get(path))[0].status == 200
            address = mirror.mirror.listeners.bound[0]
            streams = [
                await visit((address.host, address.port), paths[number % BLOBS], blobs[number % BLOBS])
                for number in range(STREAMS)
            ]
            async with asyncio.timeout(PATIENCE):
                for stream in streams:
                    await stream.first.wait()
                    stream.pause()
            asked = registry.count("GET", "/blobs/")
            # Others come, and for each of them something has to go.
            for number in range(BLOBS + 2):
                other = noise(f"other {number}", 4096) * (SIZE // 4096)
                path = f"/v2/{REPOSITORY}/blobs/{registry.push_blob(REPOSITORY, other)}"
                assert (await mirror.get(path))[1] == other
            await mirror.mirror.store.evict()
            assert mirror.mirror.store.evicted >= BLOBS * SIZE  # the storm has taken place
            held = mirror.settings.storage.root / "blobs" / "sha256"
            for blob in blobs:
                assert (held / Digest.of(blob).encoded).exists()  # it is being read
                assert await mirror.mirror.store.blobs.delete(Digest.of(blob))
            for stream in streams:
                stream.resume()
            await until_over(streams, PATIENCE)
            assert registry.count("GET", "/blobs/") == asked + BLOBS + 2  # nobody's stream was fetched again
            return sum(not stream.satisfied for stream in streams)

    failed = run_on("asyncio", scenario())
    note(Row("F25", f"an eviction storm under {STREAMS} streams: streams that fail", "0", str(failed)))
    assert failed == 0
