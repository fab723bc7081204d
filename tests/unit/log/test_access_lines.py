"""Requests as lines for machines and for people."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.settings import Log
from mirror.log.access import AccessRecord
from mirror.log.access_lines import LONGEST, console_lines, json_lines, open_access_log, renderer
from mirror.log.stream import LogStream
from mirror.outcome import Outcome

RECORD = AccessRecord(
    time=1784000000.25,
    request_id="0f1e2d3c",
    client="192.0.2.7",
    method="GET",
    path="/v2/library/alpine/manifests/3.20",
    status=200,
    outcome=Outcome.REVALIDATED,
    upstream="docker.io",
    kind="manifest",
    repository="library/alpine",
    reference="3.20",
    bytes=1536,
    seconds=0.01234567,
    reason=None,
    user_agent="docker/27.0",
)
HOSTILE = RECORD._replace(
    path="/v2/\x1b[31m\n\udcff\u202e" + "a" * 5000,
    user_agent='x"\r\n2026-01-01T00:00:00Z 200 hit' + "b" * 5000,
    repository=None,
    reference=None,
    upstream=None,
)


def test_a_json_line_has_every_field_of_the_record() -> None:
    (line,) = json_lines([RECORD]).splitlines()
    assert json.loads(line) == {
        "timestamp": "2026-07-14T03:33:20.250000Z",
        "level": "info",
        "event": "request",
        "request_id": "0f1e2d3c",
        "client": "192.0.2.7",
        "method": "GET",
        "path": "/v2/library/alpine/manifests/3.20",
        "status": 200,
        "outcome": "revalidated",
        "upstream": "docker.io",
        "kind": "manifest",
        "repository": "library/alpine",
        "reference": "3.20",
        "bytes": 1536,
        "seconds": 0.012346,
        "reason": None,
        "user_agent": "docker/27.0",
    }
    assert AccessRecord._fields[1:] == tuple(json.loads(line))[3:]


def test_a_console_line_has_columns() -> None:
    assert console_lines([RECORD]).decode() == (
        "2026-07-14T03:33:20.250000Z 200 revalidated GET  manifest    1.5 KiB  12.3ms 192.0.2.7       "
        "docker.io library/alpine:3.20 (docker/27.0) 0f1e2d3c\n"
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"reference": "sha256:ab"}, "docker.io library/alpine@sha256:ab (docker"),
        ({"reference": None, "kind": "tags"}, "docker.io library/alpine tags (docker"),
        ({"repository": None, "reference": None, "upstream": None, "path": "/v2/"}, " - /v2/ (docker"),
        ({"reason": "the upstream is down"}, 'alpine:3.20 "the upstream is down" (docker'),
        ({"user_agent": ""}, "alpine:3.20 (-) 0f1e2d3c"),
        ({"seconds": 12.5}, " 12.50s "),
        ({"bytes": 0}, "   0 B "),
        ({"bytes": 5 * 1024**4}, " 5.0 TiB "),
        ({"bytes": 5 * 1024**5}, " 5120.0 TiB "),
    ],
)
def test_a_console_line_says_what_there_is(changes: dict[str, object], text: str) -> None:
    assert text in console_lines([RECORD._replace(**changes)]).decode()  # type: ignore[arg-type]


@pytest.mark.parametrize("render", [json_lines, console_lines])
def test_what_a_client_sent_stays_on_its_line_and_is_cut(render: object) -> None:
    assert callable(render)
    lines = render([HOSTILE, RECORD]).decode().split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert len(lines[0]) < 4 * LONGEST
    assert "x1b" in lines[0]


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_any_record_is_one_printable_line(path: str, agent: str) -> None:
    record = HOSTILE._replace(path=path, user_agent=agent, reason=agent, method=path, client=agent, request_id=path)
    assert json.loads(json_lines([record]))["status"] == 200
    for line in (json_lines([record]).decode(), console_lines([record]).decode()):
        assert line.endswith("\n")
        assert line[:-1].isprintable()


def test_the_format_is_chosen_by_its_name() -> None:
    assert renderer("json") is json_lines
    assert renderer("console") is console_lines


def test_every_line_of_one_worker_among_several_says_which() -> None:
    records = [RECORD, RECORD._replace(path="/}\n", reason='}"\n'), HOSTILE]
    lines = renderer("json", 3)(records).splitlines()
    assert [json.loads(line)["worker"] for line in lines] == [3, 3, 3]
    assert [{**json.loads(line), "worker": None} for line in json_lines(records).splitlines()] == [
        {**json.loads(line), "worker": None} for line in lines
    ]
    lines = renderer("console", 3)(records).splitlines()
    assert [line.removesuffix(b" worker=3") for line in lines] == console_lines(records).splitlines()


async def test_without_an_access_log_there_is_none() -> None:
    stream = LogStream(2)
    assert open_access_log(Log(access=False), stream) is None
    assert open_access_log(Log(), stream) is not None
