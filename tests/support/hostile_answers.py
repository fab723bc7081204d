"""HTTP answers as a hostile registry would write them: sound ones, of which line, header, framing and body are altered.

Knows how an answer is written, not what it is an answer to: that comes with the sound one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from hypothesis import strategies as st

from tests.support.hostile_bodies import BODIES, Spoil
from tests.support.hostile_headers import LINES, VALUES, Line
from tests.support.raw import Close, Reset, Script
from tests.support.wire import Reply

CANARY = "CANARY"  # in everything that is the upstream's alone, and must not be found in an answer of ours
Frame = Callable[[bytes], tuple[list[str], bytes]]  # the lines that say how long a body is, and the body as it is sent

STATUSES = (
    *("100 Continue", "101 Switching Protocols", "103 Early Hints", "200 OK", "201 Created", "204 No Content"),
    *("205 Reset Content", "206 Partial Content", "226 IM Used", "300 Multiple Choices", "301 Moved", "302 Found"),
    *("303 See Other", "304 Not Modified", "305 Use Proxy", "307 Temporary Redirect", "308 Permanent Redirect"),
    *("400 Bad Request", "401 Unauthorized", "402 Payment Required", "403 Forbidden", "404 Not Found"),
    *("405 Method Not Allowed", "406 Not Acceptable", "407 Proxy Authentication Required", "408 Request Timeout"),
    *("410 Gone", "413 Too Large", "416 Range Not Satisfiable", "421 Misdirected Request", "425 Too Early"),
    *("429 Too Many Requests", "431 Too Large", "451 Gone", "500 Server Error", "501 Not Implemented"),
    *("502 Bad Gateway", "503 Unavailable", "504 Timeout", "505 HTTP Version", "511 Network Login", "599 X", "600 X"),
    *("799 X", "999 X", "1000 X", "099 X", "0 X", "-1 X", "2 00 OK", "20 OK", "+200 OK", "0x200 OK", "200", ""),
    *(f"200 {CANARY}", "200 OK\r", "200 \x00", "200 \xff", f"200 OK\n X: {CANARY}", f"403 {'x' * 70_000}"),
)
VERSIONS = (
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2",
    "HTTP/2.0",
    "HTTP/0.9",
    "http/1.1",
    "HTTP/1.10",
    "HTTP/-1",
    "ICY",
    "",
    " ",
)
BEFORE = (
    b"",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: <https://CANARY.test/>; rel=next\r\nDocker-Content-Digest: CANARY\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n" * 200,
    b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: CANARY\r\nConnection: upgrade\r\n\r\n",
    b"\r\n",
    b"\n\n",
    b"\x00",
    b"CANARY\r\n",
    b"\x16\x03\x01\x02\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
# What follows an answer on its connection would be taken for the answer to the next request.
AFTER = (
    b"",
    b"\r\n",
    b"0\r\n\r\n",
    b"CANARY",
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"CANARY":"evil"}',
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 429 CANARY\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n" * 3,
)


def _lengths(*values: Callable[[int], str]) -> Frame:
    return lambda body: ([f"Content-Length: {value(len(body))}" for value in values], body)


def _chunked(write: Callable[[bytes], bytes], *codings: str) -> Frame:
    lines = [f"Transfer-Encoding: {coding}" for coding in codings or ("chunked",)]
    return lambda body: (lines, write(body))


def _chunks(size: str, after: bytes = b"\r\n", end: bytes = b"0\r\n\r\n") -> Callable[[bytes], bytes]:
    """All in one chunk, whose size is written so."""
    return lambda body: size.format(len(body)).encode("latin-1") + b"\r\n" + body + after + end


def _crumbs(body: bytes) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"


def _both(body: bytes) -> tuple[list[str], bytes]:
    return ["Content-Length: 3", "Transfer-Encoding: chunked"], _chunks("{:x}")(body)


def _same(size: int) -> str:
    return str(size)


_TRAILER = b"0\r\nDocker-Content-Digest: CANARY\r\nX-CANARY: 1\r\n\r\n"
SOUND_FRAME = _lengths(_same)
_TIDILY = Close()
FRAMES: tuple[Frame, ...] = (
    _lengths(lambda size: str(size + 1)),
    _lengths(lambda size: str(max(size - 1, 0))),
    _lengths(lambda _: "0"),
    _lengths(lambda _: "-1"),
    _lengths(lambda size: f"+{size}"),
    _lengths(lambda size: f"{size:#x}"),
    _lengths(lambda size: f"0{size}"),
    _lengths(lambda size: f"{size}, {size}"),
    _lengths(lambda size: f"{size}.0"),
    _lengths(lambda size: f"{size} {size}"),
    _lengths(lambda _: "9" * 30),
    _lengths(lambda _: str(2**63)),
    _lengths(lambda _: "9" * 5000),
    _lengths(lambda _: ""),
    _lengths(lambda _: "\xb2"),
    _lengths(_same, _same),
    _lengths(_same, lambda size: str(size + 1)),
    _lengths(lambda _: "0", _same),
    lambda body: ([], body),
    lambda body: (["Content-Length : " + str(len(body))], body),
    lambda body: (["content-length:\t" + str(len(body))], body),
    _both,
    _chunked(_chunks("{:x}")),
    _chunked(_chunks("{:X}")),
    _chunked(_chunks("000000{:x}")),
    _chunked(_chunks("{:x};a=b")),
    _chunked(_chunks("{:x};" + "x" * 20_000)),
    _chunked(_chunks("{:x} ")),
    _chunked(_chunks("+{:x}")),
    _chunked(_chunks("-{:x}")),
    _chunked(_chunks("0x{:x}")),
    _chunked(_chunks("{:x}g")),
    _chunked(_chunks("")),
    _chunked(_chunks("\xff")),
    _chunked(_chunks("ffffffffffffffff")),
    _chunked(_chunks("1" + "0" * 40)),
    _chunked(_chunks("{:x}\n")),
    _chunked(_chunks("{:x}", after=b"")),
    _chunked(_chunks("{:x}", after=b"\n")),
    _chunked(_chunks("{:x}", after=b"CANARY\r\n")),
    _chunked(_chunks("{:x}", end=b"")),
    _chunked(_chunks("{:x}", end=b"0\r\n")),
    _chunked(_chunks("{:x}", end=_TRAILER)),
    _chunked(_chunks("{:x}", end=b"0\r\n" + b"X: CANARY\r\n" * 5000 + b"\r\n")),
    _chunked(_chunks("{:x}", end=b"0\r\n folded\r\n\x00: 1\r\n\r\n")),
    _chunked(_crumbs),
    _chunked(_chunks("{:x}"), "gzip, chunked"),
    _chunked(_chunks("{:x}"), "chunked, chunked"),
    _chunked(_chunks("{:x}"), "chunked", "chunked"),
    _chunked(_chunks("{:x}"), "chunked", "identity"),
    _chunked(_chunks("{:x}"), "\x0bchunked"),
    _chunked(_chunks("{:x}"), "xchunked"),
    _chunked(_chunks("{:x}"), "CHUNKED"),
    _chunked(lambda body: body, "identity"),
    _chunked(lambda body: body),
)


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is done to a sound answer. `status` None: as it was; `ends` is what becomes of the connection then."""

    status: str | None = None
    version: str = "HTTP/1.1"
    before: bytes = b""
    dropped: tuple[int, ...] = ()  # which of the sound headers are left out
    lines: tuple[Line, ...] = ()
    frame: Frame = field(default=SOUND_FRAME, repr=False)
    spoil: Spoil | None = field(default=None, repr=False)
    after: bytes = b""
    ends: Close | Reset | None = _TIDILY
    cut: int | None = None  # bytes of all this that are sent

    def script(self, reply: Reply, is_head: bool) -> Script:
        """The answer as it goes over the wire."""
        body = reply.body if self.spoil is None else self.spoil(reply.body)
        framing, framed = self.frame(body)
        status = self.status
        if status is None:
            status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        sound = [f"{name}: {value}" for name, value in reply.headers.items()]
        kept = [line for number, line in enumerate(sound) if number not in self.dropped]
        head = "\r\n".join([f"{self.version} {status}", *kept, *framing, *self.lines, "", ""]).encode(
            "latin-1", "replace"
        )
        data = self.before + head + (b"" if is_head else framed) + self.after
        data = data if self.cut is None else data[: self.cut]
        return [data] if self.ends is None else [data, self.ends]


def header_lines(name: str) -> st.SearchStrategy[Line]:
    """A header of this name with a value that no registry sends, or nearly."""
    return st.sampled_from(VALUES[name]).map(lambda value: f"{name}: {value}")


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    """One to three alterations of an answer; the rest of it is sound."""
    changes: dict[str, object] = {}
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        name = draw(st.sampled_from([*_ALTERATIONS, "lines", "lines", "spoil", "frame"]))
        changes[name] = draw(_ALTERATIONS[name])
    return Mutation(**changes)  # type: ignore[arg-type]


_ALTERATIONS: dict[str, st.SearchStrategy[object]] = {
    "status": st.sampled_from(STATUSES),
    "version": st.sampled_from(VERSIONS),
    "before": st.sampled_from(BEFORE),
    "dropped": st.sets(st.integers(0, 4), min_size=1, max_size=4).map(lambda numbers: tuple(sorted(numbers))),
    "lines": st.lists(st.sampled_from(LINES) | st.sampled_from(sorted(VALUES)).flatmap(header_lines), max_size=4).map(
        tuple
    ),
    "frame": st.sampled_from(FRAMES),
    "spoil": st.sampled_from(BODIES),
    "after": st.sampled_from(AFTER),
    "ends": st.sampled_from([None, Reset(), Close()]),
    "cut": st.integers(0, 900),
}
