"""A blob that has come was brought only once the disk has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.jobs.keeping import kept
from mirror.oci.digest import Digest
from mirror.pull.turns import SOMEBODYS
from mirror.tasks import spawn
from tests.fakes.registry import Registry
from tests.support.faults import Fault, Gate
from tests.support.pulling import Pulling, pulling
from tests.support.siblings import pulls

LARGE = bytes(range(256)) * 1200


async def keeping(pull: Pulling, digest: Digest) -> None:
    await kept(pull.fetches, pull.store, pull.target(), digest)


async def test_the_end_of_a_fetch_is_waited_for(tmp_path: Path) -> None:
    async with Registry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", str(digest))
        reader, _ = pull.fetches.join(pull.target(), digest, SOMEBODYS)
        await gate.arrived.wait()
        task = spawn(keeping(pull, digest), "keeping")
        gate.open()
        await task
        assert pull.store.blobs.knows(digest)
        await keeping(pull, digest)
        reader.close()


async def test_what_is_not_there_and_will_not_be_is_an_error(tmp_path: Path) -> None:
    async with Registry() as registry, pulling(tmp_path, one=registry.url) as pull:
        with pytest.raises(StoreFailed, match="no room for it"):
            await keeping(pull, Digest.of(LARGE))


async def test_another_process_is_waited_for_as_long_as_it_is_at_it(tmp_path: Path) -> None:
    async with Registry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (ours, other)):
        digest = registry.push_blob("a/b", LARGE)
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", str(digest))
        reader, _ = other.fetches.join(other.target(), digest, SOMEBODYS)
        await gate.arrived.wait()
        gate.release(2)
        await reader.ready(0)
        task = spawn(keeping(ours, digest), "keeping")
        gate.open()
        await task
        assert other.store.blobs.knows(digest)
        reader.close()
        with pytest.raises(StoreFailed, match="no room for it"):
            await keeping(ours, Digest.of(b"never"))
