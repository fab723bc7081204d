"""An exchange: what the log says was sent, and how long an answer lasts."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from mirror.outcome import Outcome
from mirror.server.exchange import Exchange, Lasting


@pytest.mark.parametrize(("method", "sent"), [("GET", 12), ("HEAD", 0)])
def test_a_head_sends_no_body(method: str, sent: int) -> None:
    exchange = Exchange(make_mocked_request(method, "/v2/"), "id-1")
    exchange.sends(12)
    assert exchange.sent == sent


def test_an_exchange_has_had_nothing_to_do_with_the_cache_until_it_has() -> None:
    assert Exchange(make_mocked_request("GET", "/"), "id-1").outcome is Outcome.BYPASS


@pytest.mark.parametrize(
    ("checked", "until", "now", "holds"),
    [
        (None, None, 0.0, True),  # content by digest
        (10.0, None, 5.0, True),  # a tag that never moves, whatever the clock says
        (10.0, 20.0, 10.0, True),
        (10.0, 20.0, 19.9, True),
        (10.0, 20.0, 20.0, False),
        (10.0, 20.0, 9.0, False),  # the clock was set back
    ],
)
def test_an_answer_lasts_until_somebody_has_to_be_asked(
    checked: float | None, until: float | None, now: float, holds: bool
) -> None:
    assert Lasting("sha256:aa", b"", None, checked, until).holds(now) is holds
