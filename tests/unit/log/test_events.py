"""Events of ours and of libraries in one format on one stream."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping

import pytest
import structlog

from mirror.config.settings import Log
from mirror.log.events import configure, errors_alone
from mirror.log.stream import LogStream

Configure = Callable[[Log], None]


class Reader:
    """Takes over the logging of this process and reads what comes out."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()

    def configure(self, environ: Mapping[str, str] | None = None, **values: str) -> None:
        configure(Log.model_validate(values), LogStream(self.writer), environ or {})

    def text(self) -> str:
        os.close(self.writer)
        with os.fdopen(self._reader, "rb") as file:
            return file.read().decode()

    def lines(self) -> list[str]:
        return self.text().splitlines()


@pytest.fixture
def reader() -> Iterator[Reader]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield Reader()
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:], root.level = before
    root.setLevel(before[1])


def test_json_is_one_object_a_line(reader: Reader) -> None:
    reader.configure(format="json")
    structlog.get_logger("mirror").info("fetched\n", digest="sha256:ab", seconds=1.5, upstream=None)
    (line,) = reader.lines()
    event = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event.pop("timestamp"))
    assert event == {"level": "info", "event": r"fetched\n", "digest": "sha256:ab", "seconds": 1.5, "upstream": None}


def test_every_line_of_one_worker_among_several_says_which(reader: Reader) -> None:
    configure(Log(format="json"), LogStream(reader.writer), {}, worker=3)
    structlog.get_logger("mirror").info("one")
    logging.getLogger("asyncio").warning("another")
    assert [json.loads(line)["worker"] for line in reader.lines()] == [3, 3]


def test_the_console_is_for_people_and_without_colours_in_a_pipe(reader: Reader) -> None:
    reader.configure()
    structlog.get_logger("mirror").warning("upstream failed", upstream="docker.io", status=503)
    (line,) = reader.lines()
    assert re.search(r"\[warning *\] upstream failed +status=503 upstream=docker\.io$", line)
    assert "\x1b" not in line


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_colours_unless_it_wants_none(reader: Reader, environ: dict[str, str], coloured: bool) -> None:
    ours, theirs = os.openpty()
    try:
        configure(Log(), LogStream(theirs), environ)
        structlog.get_logger("mirror").info("hello")
        assert (b"\x1b[" in os.read(ours, 4096)) == coloured
    finally:
        os.close(ours)
        os.close(theirs)
        reader.text()


@pytest.mark.parametrize("form", ["console", "json"])
def test_libraries_are_logged_in_the_same_format(reader: Reader, form: str) -> None:
    reader.configure(format=form)
    logging.getLogger("aiohttp.server").warning("odd request from %s", "192.0.2.7")
    logging.getLogger("asyncio").info("seen")
    logging.getLogger("asyncio").debug("not seen")
    lines = reader.lines()
    assert len(lines) == 2
    assert all(re.match(r'(\{"timestamp":")?\d{4}-\d\d-\d\dT', line) for line in lines)
    assert "odd request from 192.0.2.7" in lines[0]
    assert "aiohttp.server" in lines[0]


def test_the_level_is_the_least_that_is_logged(reader: Reader) -> None:
    reader.configure(level="warning")
    log = structlog.get_logger("mirror")
    for say in (log.debug, log.info, log.warning, log.error):
        say("said")
    assert len(reader.lines()) == 2


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_and_no_forged_line_comes_out(reader: Reader, form: str) -> None:
    reader.configure(format=form)
    log = structlog.get_logger("mirror")
    log.info("asked https://u:canary@x.example/a?sig=canary", token="canary", headers={"Authorization": "canary"})
    log.info("from a client", agent="x\n2026-01-01T00:00:00Z [info] forged\x1b[2J", bytes=b"\xff")
    logging.getLogger("aiohttp").warning("Authorization: Bearer %s", "canary")
    message = "https://u:canary@x.example/?canary\nforged \x1b[2J"
    try:
        raise OSError(message)
    except OSError:
        log.exception("failed", password="canary")
        logging.getLogger("aiohttp").exception("failed too")
    text = reader.text()
    # The source line of a traceback is ours and holds the name of the variable alone.
    assert "canary" not in text.replace('password="canary"', "")
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.startswith(("forged", "2026-01-01"))]
    assert "OSError: https://x.example/" in text


def test_what_cannot_be_rendered_becomes_text(reader: Reader) -> None:
    reader.configure(format="json")
    structlog.get_logger("mirror").info("odd", large=1 << 80, kind=object, broken="\udcff", nested={1: {2}})
    (line,) = reader.lines()
    event = json.loads(line)
    assert event["large"] == str(1 << 80)
    assert event["nested"] == {"1": [2]}
    assert event["broken"] == r"\udcff"


def test_context_is_bound_to_every_event(reader: Reader) -> None:
    reader.configure(format="json")
    with structlog.contextvars.bound_contextvars(request_id="7"):
        structlog.get_logger("mirror").info("inside")
        logging.getLogger("aiohttp").warning("inside")
    assert [json.loads(line)["request_id"] for line in reader.lines()] == ["7", "7"]


def test_a_stream_that_is_gone_stops_nobody(reader: Reader) -> None:
    reader.configure()
    reader.text()
    structlog.get_logger("mirror").error("nobody reads this")
    logging.getLogger("aiohttp").error("nor this")


def test_beside_a_command_that_says_what_it_finds_errors_alone_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("mirror")
    before = structlog.get_config()
    with errors_alone():
        log.info("a word")
        log.warning("another word")
        log.error("a failure")
    told = capsys.readouterr()
    assert told.out == ""
    assert "a failure" in told.err
    assert "word" not in told.err
    assert structlog.get_config() == before
