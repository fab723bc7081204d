"""The headers of every answer: where it comes from, how old it is, what is wrong with it."""

from __future__ import annotations

import time

import pytest
from aiohttp.test_utils import make_mocked_request

from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.server.exchange import Exchange
from mirror.server.headers import headers_of, matches

ETAG = '"sha256:aa"'


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(make_mocked_request("GET", "/v2/"), "id-1")


@pytest.mark.parametrize("outcome", Outcome, ids=str)
def test_every_outcome_has_a_cache_status(exchange: Exchange, outcome: Outcome) -> None:
    headers = headers_of(exchange, Answer(outcome))
    assert headers["Cache-Status"].startswith("mirror; ")
    assert exchange.outcome is outcome


def test_only_what_came_from_the_cache_is_called_a_hit(exchange: Exchange) -> None:
    hits = {outcome for outcome in Outcome if "hit" in headers_of(exchange, Answer(outcome))["Cache-Status"]}
    assert hits == {Outcome.HIT, Outcome.STALE}


def test_an_answer_carries_the_version_and_the_request(exchange: Exchange) -> None:
    headers = headers_of(exchange, Answer(Outcome.HIT))
    assert headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert headers["X-Request-ID"] == "id-1"
    assert not {"Age", "Warning", "OCI-Namespace"} & set(headers)


def test_age_counts_from_the_last_check_and_is_never_negative(exchange: Exchange) -> None:
    now = time.time()
    assert int(headers_of(exchange, Answer(Outcome.HIT, now - 90))["Age"]) in (90, 91)
    assert headers_of(exchange, Answer(Outcome.HIT, now + 90))["Age"] == "0"


def test_a_warning_has_the_one_form_that_is_allowed(exchange: Exchange) -> None:
    headers = headers_of(exchange, Answer(Outcome.STALE, None, "old"))
    assert headers["Warning"] == '299 - "old"'
    assert exchange.reason == "old"


def test_the_namespace_is_echoed(exchange: Exchange) -> None:
    exchange.namespace = "quay.io"
    assert headers_of(exchange, Answer(Outcome.HIT))["OCI-Namespace"] == "quay.io"


@pytest.mark.parametrize(
    ("header", "held"),
    [
        (None, False),
        (ETAG, True),
        ("*", True),
        (f"W/{ETAG}", True),
        (f'"other", {ETAG}', True),
        ('"other"', False),
        ("sha256:aa", False),
        ("", False),
    ],
)
def test_a_client_that_holds_it_need_not_be_sent_it(header: str | None, held: bool) -> None:
    assert matches(header, ETAG) is held
