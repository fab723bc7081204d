"""Which repositories have what a fetch brings: noted when it is verified, and only where the size was right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.pull.growth import Growth
from mirror.pull.vouching import Vouching
from tests.support.pulling import Pulling, pulling
from tests.support.registry import FakeRegistry

DATA = b"content"


def _known(pull: Pulling, digest: str) -> set[str]:
    return {name for name in ("a/b", "c/d", "e/f") if pull.store.facts.member("one", name, digest) is not None}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_nothing_is_noted_before_it_is_verified_and_then_whoever_was_told_the_right_size(
    tmp_path: Path, when: str
) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest, growth = registry.push_blob("a/b", DATA), Growth()
        vouching = Vouching(pull.target(), digest, pull.store.facts, growth)

        def complete() -> None:
            growth.complete(len(DATA))
            vouching.note()

        if when == "after":
            complete()
        vouching.add(pull.target("c/d"), len(DATA))
        vouching.add(pull.target("e/f"), len(DATA) + 1)
        if when == "before":
            assert _known(pull, str(digest)) == set()
            complete()
        assert _known(pull, str(digest)) == {"a/b", "c/d"}
        await asyncio.sleep(0)
        growth.end()


async def test_who_was_told_no_size_has_it_too(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest, growth = registry.push_blob("a/b", DATA), Growth()
        vouching = Vouching(pull.target(), digest, pull.store.facts, growth)
        vouching.add(pull.target("c/d"), None)
        growth.complete(len(DATA))
        vouching.note()
        assert _known(pull, str(digest)) == {"a/b", "c/d"}
        growth.end()
