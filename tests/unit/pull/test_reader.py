"""Who reads along with a fetch: to its end, whoever comes and goes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from mirror.errors import MirrorError
from tests.support.faults import Fault
from tests.support.pulling import pulling, read
from tests.support.registry import FakeRegistry

DATA = Random(3).randbytes(200_000)


async def test_each_reader_has_all_of_it_and_one_that_leaves_disturbs_nobody(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(3)]
        readers[0].close()
        readers[0].close()  # which is harmless
        for reader in readers[1:]:
            await reader.begun()
            assert reader.size == len(DATA)
            assert await reader.whole() == len(DATA)
            assert await read(reader) == DATA
            assert reader.fetched_for == pull.target().place
            reader.close()
        assert registry.count("GET", "/blobs/") == 1


async def test_a_failure_reaches_every_reader(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(flip_at=10), "GET", "/blobs/", times=None)
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(2)]
        for reader in readers:
            with pytest.raises(MirrorError):
                await reader.whole()
            reader.close()
