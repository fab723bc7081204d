"""What every answer carries, and when a client has the content already."""

from __future__ import annotations

import re
import time

import pytest

from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.server.headers import headers_of, matches
from tests.support.answering import exchange_of

ETAG = '"sha256:0123"'
# RFC 9211 section 2: the cache, then parameters; `hit` and `fwd` exclude each other.
MEMBER = re.compile(r"mirror(; (hit|fwd=(miss|stale|bypass)|collapsed|detail=[a-z]+))*")


@pytest.mark.parametrize("outcome", Outcome)
async def test_the_outcome_is_said_by_the_standard(outcome: Outcome) -> None:
    status = headers_of(exchange_of(), Answer(outcome))["Cache-Status"]
    assert MEMBER.fullmatch(status)
    assert not ("; hit" in status and "; fwd" in status)
    assert ("; hit" in status) == (outcome in (Outcome.HIT, Outcome.STALE))


async def test_how_long_ago_a_stale_answer_was_due_is_said() -> None:
    began = time.time()
    said = headers_of(exchange_of(), Answer(Outcome.STALE, began - 400, "why", began - 100))["Cache-Status"]
    head, _, seconds = said.partition("; ttl=-")
    assert head == "mirror; hit; detail=stale"
    assert 100 <= int(seconds) <= 101 + (time.time() - began)
    assert "ttl" not in headers_of(exchange_of(), Answer(Outcome.STALE, began, "why"))["Cache-Status"]


async def test_outcomes_are_told_apart() -> None:
    said = {headers_of(exchange_of(), Answer(outcome))["Cache-Status"] for outcome in Outcome}
    assert len(said) == len(Outcome)


async def test_the_exchange_remembers_the_outcome_and_why() -> None:
    exchange = exchange_of()
    headers_of(exchange, Answer(Outcome.STALE, 1.0, "registry.test does not answer"))
    assert (exchange.outcome, exchange.reason) == (Outcome.STALE, "registry.test does not answer")


async def test_what_is_not_known_is_not_said() -> None:
    headers = headers_of(exchange_of(), Answer(Outcome.MISS))
    assert dict(headers) == {
        "Server": "mirror",
        "Docker-Distribution-Api-Version": "registry/2.0",
        "Cache-Status": "mirror; fwd=miss",
        "X-Request-ID": "id-1",
    }


async def test_a_warning_has_the_form_that_the_specification_allows() -> None:
    headers = headers_of(exchange_of(), Answer(Outcome.STALE, None, "registry.test does not answer"))
    assert headers["Warning"] == '299 - "registry.test does not answer"'


async def test_the_age_is_in_whole_seconds() -> None:
    began = time.time()
    age = int(headers_of(exchange_of(), Answer(Outcome.HIT, began - 90.5))["Age"])
    assert 90 <= age <= 91 + (time.time() - began)


async def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    assert headers_of(exchange_of(), Answer(Outcome.HIT, time.time() + 1000))["Age"] == "0"


async def test_the_namespace_is_echoed_once_it_is_known() -> None:
    exchange = exchange_of("GET", "/v2/a/manifests/b?ns=registry.test")
    assert "OCI-Namespace" not in headers_of(exchange, Answer(Outcome.MISS))
    exchange.namespace = "registry.test"
    assert headers_of(exchange, Answer(Outcome.MISS))["OCI-Namespace"] == "registry.test"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), False),
        (("",), False),
        (("*",), True),
        ((" * ",), True),
        ((ETAG,), True),
        ((f"W/{ETAG}",), True),
        ((f'"a", {ETAG}',), True),
        ((f'"a",W/{ETAG},"b"',), True),
        ((ETAG.strip('"'),), False),
        ((ETAG.upper(),), False),
        ((f"w/{ETAG}",), False),
        (('"sha256:0124"',), False),
        (('"sha256:01234"',), False),
        ((f"{ETAG}x",), False),
        (("*, x",), False),
        ((",,,",), False),
        (('"a"', ETAG), True),
        (("*", ETAG), True),
        (("*", '"a"'), False),
    ],
)
def test_a_client_has_it_when_it_says_so(lines: tuple[str, ...], expected: bool) -> None:
    assert matches(lines, ETAG) is expected
