"""The line for what was asked of an upstream."""

from __future__ import annotations

from dataclasses import replace

from structlog.testing import capture_logs

from mirror.log.exchanges import asked
from mirror.upstream.report import Exchange

WHOLE = Exchange(
    "ghcr.io", "manifest", "GET", "ghcr.io", 200, 0.12345, 1500, None, "ab-1", repository="team/app", reference="v1"
)


def test_a_line_says_who_was_asked_what_for_whom_and_what_came_of_it() -> None:
    with capture_logs() as lines:
        asked(WHOLE)
    assert lines == [
        {
            "event": "asked upstream",
            "log_level": "info",
            "request_id": "ab-1",
            "upstream": "ghcr.io",
            "endpoint": "ghcr.io",
            "operation": "manifest",
            "method": "GET",
            "repository": "team/app",
            "reference": "v1",
            "status": 200,
            "bytes": 1500,
            "seconds": 0.123,
        }
    ]


def test_what_no_client_has_asked_for_yet_is_called_so() -> None:
    with capture_logs() as lines:
        asked(replace(WHOLE, prefetch=True))
        asked(WHOLE)
    assert [line.get("prefetch") for line in lines] == [True, None]


def test_what_is_not_known_is_left_out() -> None:
    with capture_logs() as lines:
        asked(Exchange("ghcr.io", "token", "GET", "auth.ghcr.io", None, 5.0, 0, "timeout"))
    (line,) = lines
    assert line.keys() == {
        *("event", "log_level", "upstream", "endpoint", "operation", "method", "bytes", "seconds", "failure")
    }
    assert line["failure"] == "timeout"
