"""HTTP/1.1 by hand, as far as a fake server needs it, so that an answer can be wrong to the byte. Knows no registry."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

from tests.support.faults import Fault

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)", re.ASCII)


@dataclass(slots=True)
class Seen:
    """One request as it arrived; header names are in lower case, repeated headers are joined by commas."""

    origin: str
    method: str
    target: str
    headers: Mapping[str, str]
    sent: int = 0  # body bytes of the answer written so far
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def matches(self, method: str, fragment: str) -> bool:
        return method in ("", self.method) and fragment in self.path


@dataclass(frozen=True, slots=True)
class Reply:
    """What a correct server would answer; a HEAD gets the same without the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunked: bool = False  # no Content-Length


def oci_error(status: int, code: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": code.lower(), "detail": None}]}).encode()
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, body)


def ranged(seen: Seen, data: bytes, honoured: bool) -> Reply:
    """These bytes, or the one range of them that was asked for."""
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes" if honoured else "none"}
    asked = _RANGE.fullmatch(seen.headers.get("range", ""))
    if asked is None or not honoured or seen.method == "HEAD":
        return Reply(200, headers, data)
    start, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
    if start > last:
        return Reply(416, {"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{last}/{len(data)}"
    return Reply(206, headers, data[start : last + 1])


def conditional(seen: Seen, reply: Reply) -> Reply:
    """This reply, or a 304 for a GET by somebody who holds it already (RFC 9110, section 13.1.2)."""
    etag = reply.headers.get("ETag")
    if seen.method == "GET" and etag is not None and seen.headers.get("if-none-match") == etag:
        return Reply(304, {name: value for name, value in reply.headers.items() if name != "Content-Type"})
    return reply


async def read_request(reader: asyncio.StreamReader, origin: str) -> Seen | None:
    """The next request on this connection, or None when the client is gone or does not speak HTTP."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        return None
    first, *lines = head[:-4].split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    try:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    return Seen(origin, words[0], words[1], headers, body=body)


async def send(writer: asyncio.StreamWriter, seen: Seen, reply: Reply, fault: Fault) -> bool:
    """Writes the answer with its fault; True if the connection can carry another request afterwards."""
    if fault.hold is not None:
        await fault.hold.wait()
    if fault.drop:
        reset(writer)
        return False
    body = fault.spoil(reply.body)
    chunked = reply.chunked or fault.chunked
    writer.write(_head(reply, fault, None if chunked else len(body)))
    if seen.method == "HEAD" or reply.status in (204, 304):
        await writer.drain()
        return True
    async for piece in fault.pace(body):
        # Python 3.12 and 3.13 had a `writelines` that never made anybody wait (CVE-2024-12254).
        writer.write(b"".join([b"%x\r\n" % len(piece), piece, b"\r\n"]) if chunked else piece)
        await writer.drain()
        seen.sent += len(piece)
    if fault.reset_at is not None:
        reset(writer)
        return False
    if fault.cut_at is not None or fault.length is not None:
        return False
    if chunked:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return True


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a TCP reset instead of a tidy close."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _head(reply: Reply, fault: Fault, length: int | None) -> bytes:
    headers: dict[str, str | None] = {"Date": formatdate(usegmt=True), **reply.headers}
    if length is None:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(length if fault.length is None else fault.length)
    headers.update(fault.headers)
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
