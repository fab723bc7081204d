"""One request on its way: how long its answer may be said again, and how much of it goes out."""

from __future__ import annotations

import pytest

from mirror.server.exchange import Lasting
from tests.support.answering import exchange_of

NOW = 1000.0
BY_TAG = Lasting("sha256:0", b"{}", "type", checked=NOW, until=NOW + 300)


@pytest.mark.parametrize(
    ("seconds", "holds"),
    [(0, True), (299.9, True), (300, False), (10_000, False), (-0.1, False), (-10_000, False)],
)
def test_an_answer_by_tag_holds_while_the_tag_is_fresh(seconds: float, holds: bool) -> None:
    assert BY_TAG.holds(NOW + seconds) is holds


@pytest.mark.parametrize("seconds", [-1e9, 0, 1e9])
def test_an_answer_by_digest_holds_for_ever(seconds: float) -> None:
    assert Lasting("sha256:0", b"{}").holds(NOW + seconds)


@pytest.mark.parametrize("seconds", [-1e9, 0, 1e9])
def test_a_tag_that_never_moves_is_answered_for_ever(seconds: float) -> None:
    assert Lasting("sha256:0", b"{}", "type", checked=NOW, until=None).holds(NOW + seconds)


async def test_the_body_of_a_get_goes_out() -> None:
    exchange = exchange_of("GET")
    exchange.sends(10)
    assert exchange.sent == 10


async def test_the_body_of_a_head_does_not() -> None:
    exchange = exchange_of("HEAD")
    exchange.sends(10)
    assert exchange.sent == 0


async def test_nothing_is_known_at_first() -> None:
    exchange = exchange_of("GET", "/v2/")
    assert (exchange.kind, exchange.upstream, exchange.outcome, exchange.lasting) == ("other", None, "bypass", None)
