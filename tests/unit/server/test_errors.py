"""How a client hears of an error."""

from __future__ import annotations

import json

import pytest

from mirror.errors import (
    Absent,
    Code,
    Denied,
    DigestMismatch,
    Frozen,
    Malformed,
    MirrorError,
    Refused,
    StoreFailed,
    Throttled,
    Unreachable,
    UpstreamError,
)
from mirror.outcome import Outcome
from mirror.server.errors import error_body, error_response, outcome_of
from tests.support.answering import exchange_of


@pytest.mark.parametrize("code", Code)
async def test_every_code_is_answered_as_the_specification_says(code: Code) -> None:
    exchange = exchange_of()
    response = error_response(exchange, MirrorError(code=code))
    assert response.status == code.status
    assert response.headers["Content-Type"] == "application/json"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"errors": [{"code": code.name, "message": code.message, "detail": None}]}
    assert exchange.sent == len(response.body)
    assert exchange.reason == code.message


@pytest.mark.parametrize("code", Code)
async def test_what_goes_with_a_status_goes_with_no_other(code: Code) -> None:
    headers = error_response(exchange_of(), MirrorError(code=code)).headers
    assert headers.get("Allow") == ("GET, HEAD" if code.status == 405 else None)
    assert headers.get("Retry-After") == ("5" if code.status == 503 else None)
    assert "WWW-Authenticate" not in headers


async def test_an_error_may_say_when_to_come_back() -> None:
    assert error_response(exchange_of(), Throttled("slower", retry_after=17)).headers["Retry-After"] == "17"


async def test_an_error_has_its_own_words() -> None:
    response = error_response(exchange_of(), Unreachable("registry.test does not answer"))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["errors"][0]["message"] == "registry.test does not answer"


@pytest.mark.parametrize(
    ("error", "answered", "said"),
    [
        (Absent(), 404, "mirror; fwd=miss; fwd-status=404; detail=absent"),
        (Throttled(), 429, "mirror; fwd=miss; fwd-status=429; detail=error"),
        (Denied(), 401, "mirror; fwd=miss; fwd-status=401; detail=denied"),
        (Unreachable(), None, "mirror; fwd=miss; detail=error"),
        (Absent(), None, "mirror; detail=absent"),
    ],
)
async def test_what_the_upstream_answered_is_said_where_it_did(
    error: UpstreamError, answered: int | None, said: str
) -> None:
    error.status = answered
    assert error_response(exchange_of(), error).headers["Cache-Status"] == said


async def test_what_was_refused_without_asking_is_not_said_to_have_been_asked() -> None:
    refused = Refused(code=Code.NAME_UNKNOWN)
    assert error_response(exchange_of(), refused).headers["Cache-Status"] == "mirror; detail=absent"


@pytest.mark.parametrize(
    ("error", "forwarded"),
    [
        (Refused(code=Code.BUSY), False),
        (StoreFailed(), False),
        (MirrorError(), False),
        (Frozen(), False),
        (Unreachable(), True),
        (Unreachable(code=Code.TIMEOUT), True),
        (DigestMismatch(), True),
    ],
)
async def test_an_error_of_ours_is_not_said_to_be_the_upstreams(error: MirrorError, forwarded: bool) -> None:
    """RFC 9211 section 2.2: `fwd` says that the request went forward."""
    said = error_response(exchange_of(), error).headers["Cache-Status"]
    assert said == ("mirror; fwd=miss; detail=error" if forwarded else "mirror; detail=error")


async def test_a_head_gets_the_length_alone() -> None:
    exchange = exchange_of("HEAD")
    error_response(exchange, Absent())
    assert exchange.sent == 0


async def test_the_namespace_is_echoed_on_errors_too() -> None:
    exchange = exchange_of()
    exchange.namespace = "registry.test"
    assert error_response(exchange, Absent()).headers["OCI-Namespace"] == "registry.test"


def test_a_body_without_words_has_those_of_its_code() -> None:
    assert json.loads(error_body(Code.BUSY))["errors"][0]["message"] == Code.BUSY.message


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Absent(), Outcome.ABSENT),
        (Refused(code=Code.NAME_UNKNOWN), Outcome.ABSENT),
        (Refused(), Outcome.DENIED),
        (Malformed("a digest"), Outcome.DENIED),
        (Malformed("a range", code=Code.RANGE_INVALID), Outcome.DENIED),
        (Refused(code=Code.UNSUPPORTED), Outcome.DENIED),
        (Refused(code=Code.BUSY), Outcome.ERROR),
        (Unreachable(), Outcome.ERROR),
        (Throttled(), Outcome.ERROR),
        (DigestMismatch(), Outcome.ERROR),
        (MirrorError(), Outcome.ERROR),
    ],
)
def test_an_error_has_its_outcome(error: MirrorError, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome
