"""Wrong answers that have a name, for `Registry.fail` and `Registry.play`. Knows no test."""

from __future__ import annotations

import time
from email.utils import formatdate

from tests.support.faults import Fault
from tests.support.raw import Close, Endless, Reset, Script, answer

STATUS_LINES = {401: "401 Unauthorized", 407: "407 Proxy Authentication Required"}


def throttled(seconds: int) -> Fault:
    """429 with `Retry-After` in seconds."""
    return Fault(status=429, headers={"Retry-After": str(seconds)})


def throttled_until(seconds: int) -> Fault:
    """429 with `Retry-After` as a date so many seconds from now (RFC 9110, section 10.2.3)."""
    return Fault(status=429, headers={"Retry-After": formatdate(time.time() + seconds, usegmt=True)})


def redirected(location: str, status: int = 307) -> Fault:
    """A redirect to this address, written as it is given."""
    return Fault(status=status, headers={"Location": location})


def challenged(value: str, status: int = 401) -> Fault:
    """A refusal with this `WWW-Authenticate`, written as it is given."""
    return Fault(status=status, headers={"WWW-Authenticate": value})


def challenged_often(*values: str) -> Script:
    """A refusal with several `WWW-Authenticate` headers."""
    lines = [f"WWW-Authenticate: {value}" for value in values]
    return [answer(STATUS_LINES[401], [*lines, "Content-Length: 0"])]


def framed(*headers: str, body: bytes = b"{}", status: str = "200 OK") -> Script:
    """These header lines and nothing beside them, then the body, then the end of the connection."""
    return [answer(status, headers, body), Close()]


GARBAGE: Script = [b"\x16\x03\x01 this is no HTTP at all\r\n\r\n", Close()]
HALF_A_HEAD: Script = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Unfinished: ", Close()]
ENDLESS_HEAD: Script = [b"HTTP/1.1 200 OK\r\n", Endless(b"X-More: and more\r\n" * 64)]
ENDLESS_BODY: Script = [answer("200 OK", ["Content-Length: 1000000"]), Endless(bytes(4096))]
CLOSED_WITHOUT_A_WORD: Script = [Close()]
RESET_AFTER_THE_HEAD: Script = [answer("200 OK", ["Content-Length: 100000"]), Reset()]
TWO_LENGTHS: Script = framed("Content-Length: 2", "Content-Length: 3")
NEGATIVE_LENGTH: Script = framed("Content-Length: -2")
LENGTH_AND_CHUNKS: Script = framed("Content-Length: 2", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
BAD_CHUNK: Script = framed("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n")
UNFINISHED_CHUNKS: Script = framed("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n")
NO_CONTENT: Script = [answer("204 No Content")]
NOT_MODIFIED: Script = [answer("304 Not Modified", ['ETag: "x"'])]
UNKNOWN_STATUS: Script = framed("Content-Length: 2", status="799 Never Heard Of")
