"""Access records as lines: JSON for machines, columns for people. Pure; what clients sent is escaped here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache

import orjson

from mirror.config.settings import Log
from mirror.log.access import AccessLog, AccessRecord
from mirror.log.redaction import printable
from mirror.log.stream import LogStream

LONGEST = 512  # characters kept of a field, most of which a client chose
USUAL = 1024  # bytes of a line that needs no shortening

_PLAIN = bytes(range(0x20, 0x7F))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def open_access_log(log: Log, stream: LogStream, worker: int | None = None) -> AccessLog | None:
    """The access log as configured, or none. The caller runs `run` in a task and awaits `aclose` at the end.

    `worker`: its number, for every line of one among several.
    """
    return AccessLog(renderer(log.format, worker), stream.write_patiently) if log.access else None


def renderer(form: str, worker: int | None = None) -> Callable[[Sequence[AccessRecord]], bytes]:
    """What makes lines of records in this format of the configuration."""
    lines, end = (json_lines, b',"worker":%d}\n') if form == "json" else (console_lines, b" worker=%d\n")
    if worker is None:
        return lines
    usual, own = (b"}\n" if form == "json" else b"\n"), end % worker
    # No line holds such an end within: JSON escapes it, and the columns leave no control character.
    return lambda records: lines(records).replace(usual, own)


def json_lines(records: Sequence[AccessRecord]) -> bytes:
    """One JSON object a line, with the fields of the record and those that every line of the log has."""
    return b"".join([_line(_json, record) for record in records])


def console_lines(records: Sequence[AccessRecord]) -> bytes:
    """One line a request in columns: when, status, outcome, method, kind, bytes, time, who; then what and the rest."""
    return b"".join([_line(_columns, record) for record in records])


def _line(render: Callable[[AccessRecord], bytes], record: AccessRecord) -> bytes:
    line = render(record)
    if len(line) > USUAL or line.translate(None, _PLAIN):
        line = render(AccessRecord._make(_short(field) if isinstance(field, str) else field for field in record))
    return line + b"\n"


def _json(record: AccessRecord) -> bytes:
    fields = {
        "timestamp": _timestamp(record.time),
        "level": "info",
        "event": "request",
        "request_id": record.request_id,
        "client": record.client,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "outcome": record.outcome,
        "upstream": record.upstream,
        "kind": record.kind,
        "repository": record.repository,
        "reference": record.reference,
        "bytes": record.bytes,
        "seconds": round(record.seconds, 6),
        "reason": record.reason,
        "user_agent": record.user_agent,
    }
    try:
        return orjson.dumps(fields)
    except orjson.JSONEncodeError:
        # A client's byte that is no UTF-8 arrives as a lone surrogate, which JSON cannot hold: not plain either.
        return b"\0"


def _columns(record: AccessRecord) -> bytes:
    if record.repository is None:
        what = record.path
    elif record.reference is None:
        what = f"{record.repository} {record.kind}"
    else:
        what = f"{record.repository}{'@' if ':' in record.reference else ':'}{record.reference}"
    reason = f' "{record.reason}"' if record.reason else ""
    return (
        f"{_timestamp(record.time)} {record.status} {record.outcome:<11} {record.method:<4} {record.kind:<9} "
        f"{_size(record.bytes):>9} {_duration(record.seconds):>7} {record.client:<15} "
        f"{record.upstream or '-'} {what}{reason} ({record.user_agent or '-'}) {record.request_id}"
    ).encode("utf-8", "surrogatepass")


def _short(text: str) -> str:
    return printable(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


def _size(number: int) -> str:
    power = min((number.bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{number / (1 << 10 * power):.1f} {_UNITS[power]}" if power > 0 else f"{number} B"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f}ms" if seconds < 1 else f"{seconds:.2f}s"
