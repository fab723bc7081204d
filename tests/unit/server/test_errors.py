"""Errors as clients hear them: the specification's JSON, and the headers that belong to a status."""

from __future__ import annotations

import json

import pytest
from aiohttp.test_utils import make_mocked_request

from mirror.errors import Absent, Code, Denied, Malformed, MirrorError, Refused, Throttled, Unreachable
from mirror.outcome import Outcome
from mirror.server.errors import error_body, error_response, outcome_of
from mirror.server.exchange import Exchange


def exchange(method: str = "GET") -> Exchange:
    return Exchange(make_mocked_request(method, "/v2/"), "id-1")


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_every_code_has_a_body_of_the_specifications_form(code: Code) -> None:
    errors = json.loads(error_body(code))["errors"]
    assert errors == [{"code": code.name, "message": code.message, "detail": None}]


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_every_code_has_the_headers_of_its_status(code: Code) -> None:
    response = error_response(exchange(), MirrorError(code=code))
    assert response.status == code.status
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-ID"] == "id-1"
    assert response.headers.get("Allow") == ("GET, HEAD" if code.status == 405 else None)
    assert ("Retry-After" in response.headers) is (code.status == 503)


def test_a_client_is_told_to_wait_as_long_as_the_upstream_has_said() -> None:
    assert error_response(exchange(), Throttled(retry_after=77)).headers["Retry-After"] == "77"


def test_what_went_wrong_is_noted_for_the_log() -> None:
    noted = exchange()
    response = error_response(noted, Unreachable("quay.io: connection refused"))
    assert noted.reason == "quay.io: connection refused"
    assert (noted.outcome, noted.sent) == (Outcome.ERROR, response.content_length)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Absent(), Outcome.ABSENT),
        (Refused(code=Code.NAME_UNKNOWN), Outcome.ABSENT),
        (Denied(), Outcome.DENIED),
        (Refused(code=Code.UNSUPPORTED), Outcome.DENIED),
        (Malformed("no"), Outcome.DENIED),
        (Throttled(), Outcome.ERROR),
        (Unreachable(), Outcome.ERROR),
        (MirrorError(), Outcome.ERROR),
    ],
    ids=repr,
)
def test_an_error_has_its_word(error: MirrorError, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome
