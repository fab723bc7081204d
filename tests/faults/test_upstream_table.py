"""Every trouble with every kind of request: no wrong byte, no hang, no faulty entry, and right again afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.registry import Registry
from tests.faults.kinds import BLOB_DIGEST, KINDS, Kind, filled
from tests.faults.troubles import ROWS, Row
from tests.support.checker import Cache, Got, until
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest

SETTINGS = {
    "prefetch": "off",  # what one request leads to is what is looked at
    "limits": {
        "resumes": 1,
        "connect_timeout": "1s",
        "first_byte_timeout": "400ms",
        "read_timeout": "400ms",
        "answer_timeout": "1s",
        "manifest_size": "64KiB",
    },
    "upstreams": {"docker.io": {"not_found_ttl": "0s", "tag_ttl": "0s", "stale_for": "1h"}},
}
DEADLINE = (
    5.0  # seconds for any answer: more than all the limits above come to, and the longest Retry-After of the table
)
MOST_ASKED = {"tag": 2, "digest": 2, "head": 3, "blob": 3, "resume": 6, "tags": 2, "token": 2}
CELLS = [pytest.param(row, name, id=f"{name}-{trouble}") for trouble, row in ROWS.items() for name in KINDS]


async def ask(kind: Kind, mirror: MirrorUnderTest) -> Got:
    async with asyncio.timeout(DEADLINE):
        return await kind.ask(mirror)


def plant(registry: Registry, row: Row, kind: Kind) -> None:
    if isinstance(row.trouble, Fault):
        registry.fail(row.trouble, path=kind.met, times=row.times)
    else:
        registry.play(row.trouble, path=kind.met, times=row.times)


@pytest.mark.figure("F3", "troubles by kinds of request: something wrong, hung, or kept though wrong")
@pytest.mark.parametrize(("row", "name"), CELLS)
async def test_a_trouble_does_no_harm_and_leaves_none(tmp_path: Path, row: Row, name: str) -> None:
    kind = KINDS[name]
    async with Registry() as registry:
        filled(registry)
        kind.set_up(registry)
        plant(registry, row, kind)
        async with MirrorUnderTest(tmp_path, registry.url, SETTINGS) as mirror:
            assert kind.heard(await ask(kind, mirror)) == row.heard_cold(name)
            cache = Cache.of(mirror)
            assert 1 <= registry.count(path=kind.met) <= MOST_ASKED[name] + row.hops
            assert cache.wrong == []
        registry.heal()
        # In another process, in which nothing is remembered but what is on disk; and which waits for nobody.
        async with MirrorUnderTest(tmp_path, registry.url, SETTINGS) as mirror:
            if row.leaves == name:
                assert kind.heard(await ask(kind, mirror)) == "cut"
            for one in (kind, *KINDS.values()):
                assert one.heard(await ask(one, mirror)) == "whole"
            await until(lambda: cache.holds(BLOB_DIGEST))
            plant(registry, row, kind)
            assert kind.heard_cached(await ask(kind, mirror)) == row.heard_cached(name)
    assert cache.wrong == []
    assert cache.under_way == []
