"""What a connection hears that is one too many."""

from __future__ import annotations

import json

from mirror.server.full import FULL_ANSWER


def test_it_is_an_answer_with_a_time_to_come_again() -> None:
    head, _, body = FULL_ANSWER.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in lines)
    assert first == "HTTP/1.1 503 Service Unavailable"
    assert int(headers["Retry-After"]) > 0
    assert headers["Connection"] == "close"
    assert int(headers["Content-Length"]) == len(body)
    assert json.loads(body)["errors"][0]["code"] == "BUSY"
