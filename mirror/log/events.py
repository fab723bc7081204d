"""The log of events: structlog and the standard library's `logging` in one format on one stream.

Everything goes to standard error, because standard output belongs to what a command was asked to print. Knows no event.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mirror.config.settings import Log
from mirror.log.redaction import clean_lines, clean_named
from mirror.log.stream import LogStream


def configure(log: Log, stream: LogStream, environ: Mapping[str, str], worker: int | None = None) -> None:
    """Send all events of the process to `stream`. Colours only for a terminal without NO_COLOR (https://no-color.org).

    `worker`: its number, for every line of one among several. The one who starts the process calls this, and again in
    each child; tests that call it put `structlog.reset_defaults` behind it.
    """
    level = logging.getLevelNamesMapping()[log.level.upper()]
    colours = stream.is_terminal and not environ.get("NO_COLOR")
    rendering = [cleaned, _json if log.format == "json" else _console(colours)]
    shared: list[Processor] = [
        *([] if worker is None else [_of(worker)]),
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: Lines(stream),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    handler = Forwarding(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)


@contextmanager
def errors_alone() -> Iterator[None]:
    """For a command that says itself what it finds: what else is logged within goes to standard error, if it is bad.

    As it was before, once it is left.
    """
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def cleaned(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor: no secret and no control character in any value."""
    exception = event.pop("exception", None)
    clean: EventDict = {key: clean_named(key, value) for key, value in event.items()}
    if exception is not None:
        clean["exception"] = clean_lines(str(exception))
    return clean


def _of(worker: int) -> Processor:
    def of_this_worker(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["worker"] = worker
        return event

    return of_this_worker


class Lines:
    """What structlog writes to: each method takes one rendered line. A line that nobody takes is lost."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        self._stream.write(line.encode("utf-8", "backslashreplace") + b"\n")

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


class Forwarding(logging.Handler):
    """What `logging` writes to: the same stream, in the same format."""

    def __init__(self, stream: LogStream) -> None:
        super().__init__()
        self._lines = Lines(stream)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.msg(self.format(record))


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return orjson.dumps({**first, **event}, default=str).decode()


def _console(colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=32, exception_formatter=structlog.dev.plain_traceback
    )
