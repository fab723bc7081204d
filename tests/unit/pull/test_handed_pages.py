"""Pages that another process has just come back with, and none that are older."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.pull.handed_pages import HandedPages, page_key
from tests.support.caches import store_at
from tests.support.clock import Clock

KEY = page_key(("one", "a/b", 10, "v1"))


@pytest.mark.parametrize(("names", "more"), [((), False), (("v2",), False), (("v2", "v3"), True)])
async def test_a_page_is_taken_as_it_was_given(tmp_path: Path, names: tuple[str, ...], more: bool) -> None:
    clock = Clock(1000.0)
    async with store_at(tmp_path) as store:
        pages = HandedPages(store.facts, clock)
        assert pages.take(KEY, 0.0) is None
        pages.give(KEY, names, more)
        assert pages.take(KEY, 1000.0) == (names, more)
        assert pages.take(KEY, 1000.1) is None


async def test_a_page_that_was_given_before_the_clock_was_set_back_is_not_taken(tmp_path: Path) -> None:
    clock = Clock(1000.0)
    async with store_at(tmp_path) as store:
        pages = HandedPages(store.facts, clock)
        pages.give(KEY, ("v1",), more=False)
        clock.advance(-365 * 86400.0)
        assert pages.take(KEY, clock()) is None


async def test_a_page_that_is_too_large_is_not_given(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        pages = HandedPages(store.facts, Clock(1000.0))
        pages.give(KEY, [f"v{number}" for number in range(10_001)], more=False)
        assert pages.take(KEY, 0.0) is None


def test_each_page_has_its_name() -> None:
    asked = [("one", "a/b", None, None), ("one", "a/b", 1, None), ("one", "a/b", None, "1"), ("one", "a/c", None, None)]
    assert len({page_key(each) for each in asked}) == len(asked)
