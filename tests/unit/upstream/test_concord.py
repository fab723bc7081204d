"""What transports of several processes tell one another of an upstream, and who hears it."""

from __future__ import annotations

import asyncio

import pytest

from mirror.upstream.breaker import Why
from mirror.upstream.budget import Budget
from mirror.upstream.concord import Backoff, Concord
from tests.support.siblings import Family

BUDGET = Budget(100, 7, 21600, "192.0.2.1", 12.5)
BACKOFF = Backoff("registry.test", True, 60.0, Why("it limits our requests", throttled=True))


class Concerned:
    def __init__(self) -> None:
        self.heard: list[Budget | Backoff] = []

    def hear_budget(self, budget: Budget) -> None:
        self.heard.append(budget)

    def hear_backoff(self, backoff: Backoff) -> None:
        self.heard.append(backoff)


async def test_what_one_is_told_the_others_hear_of_the_same_upstream() -> None:
    one, two = (Concord(member) for member in Family(2).members)
    own, other, stranger = Concerned(), Concerned(), Concerned()
    one.join("fake", own)
    two.join("fake", other)
    two.join("another", stranger)
    one.tell_budget("fake", BUDGET)
    one.tell_backoff("fake", BACKOFF)
    await asyncio.sleep(0)
    assert (own.heard, other.heard, stranger.heard) == ([], [BUDGET, BACKOFF], [])


async def test_of_an_upstream_that_is_gone_nothing_is_heard() -> None:
    one, two = (Concord(member) for member in Family(2).members)
    other = Concerned()
    two.join("fake", other)
    del other
    one.tell_budget("fake", BUDGET)
    one.tell_backoff("fake", BACKOFF)
    await asyncio.sleep(0)
    assert len(two._concerned) == 0


@pytest.mark.parametrize(("count", "rate", "share"), [(1, 10.0, 10.0), (4, 10.0, 2.5), (4, None, None)])
def test_a_rate_is_for_all_of_them(count: int, rate: float | None, share: float | None) -> None:
    for member in Family(count).members:
        assert Concord(member).share(rate) == share


def test_alone_there_is_nobody_to_tell() -> None:
    concord, own = Concord.alone(), Concerned()
    concord.join("fake", own)
    concord.tell_budget("fake", BUDGET)
    concord.tell_backoff("fake", BACKOFF)
    assert own.heard == []
    assert concord.share(3.0) == 3.0
