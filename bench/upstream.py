"""A registry to measure against, behind a link of a given latency and width: a thread a connection, and `sendfile`.

usage: python -m bench.upstream DIRECTORY LINK    (prints its port; counts requests at /counts)
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.bucket import Bucket
from bench.content import MANIFEST_TYPE
from bench.links import LINKS, Link

_PIECE = 128 * 1024  # bytes between two looks at the buckets
_BURST = 0.02  # seconds of its rate that a link sends at once
_RANGE = re.compile(rb"\r\nrange: bytes=(\d+)-(\d*)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Which bytes are asked for of a file of `size`, and how the answer begins."""

    start: int
    end: int
    size: int
    whole: bool

    @classmethod
    def asked(cls, head: bytes, size: int) -> Part | None:
        """What a request's head means; None for a range that does not exist."""
        found = _RANGE.search(head)
        if found is None:
            return cls(0, size, size, whole=True)
        start, last = int(found[1]), int(found[2] or size - 1)
        return cls(start, min(last + 1, size), size, whole=False) if start <= last and start < size else None

    @property
    def head(self) -> bytes:
        kind = "Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
        length = f"Content-Length: {self.end - self.start}\r\n\r\n"
        if self.whole:
            return f"HTTP/1.1 200 OK\r\n{kind}{length}".encode()
        place = f"Content-Range: bytes {self.start}-{self.end - 1}/{self.size}\r\n"
        return f"HTTP/1.1 206 Partial Content\r\n{kind}{place}{length}".encode()


class Upstream:
    """Counts GETs of blobs and the bytes of them. `run` serves until `close`."""

    def __init__(self, directory: Path, link: Link) -> None:
        self._directory = directory
        self._link = link
        self._all = Bucket(link.total_rate, _BURST) if link.total_rate else None
        self._claim = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.counts = {"blobs": 0, "bytes": 0, "manifests": 0}

    def run(self) -> None:
        for number in itertools.count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), name=str(number), daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that there are end with their clients."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        own = Bucket(self._link.connection_rate, _BURST) if self._link.connection_rate else None
        with connection, contextlib.suppress(ConnectionError):  # clients may leave when they like
            # As every registry does: else the end of a body waits for the 40 ms that its receiver may take to say yes.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for head in _heads(connection):
                self._answer(connection, head, own)

    def _answer(self, connection: socket.socket, head: bytes, own: Bucket | None) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if target == "/counts":
            _reply(connection, json.dumps(self.counts).encode())
            return
        time.sleep(self._link.latency)
        kind, name = target.split("/")[-2:]
        if target == "/v2/":
            _reply(connection, b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"})
        elif kind == "manifests":
            self._manifest(connection, method, name)
        else:
            self._blob(connection, (method, name), head, own)

    def _manifest(self, connection: socket.socket, method: str, reference: str) -> None:
        path = self._directory / "manifests" / reference
        if not path.exists():
            _reply(connection, b"{}", status="404 Not Found")
            return
        body = path.read_bytes()
        with self._claim:
            self.counts["manifests"] += 1
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        headers = {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": digest}
        _reply(connection, body, headers, head_only=method == "HEAD")

    def _blob(self, connection: socket.socket, asked: tuple[str, str], head: bytes, own: Bucket | None) -> None:
        method, digest = asked
        path = self._directory / "blobs" / digest.partition(":")[2]
        if not path.exists():
            _reply(connection, b"{}", status="404 Not Found")
            return
        with path.open("rb") as file:
            part = Part.asked(head, os.fstat(file.fileno()).st_size)
            if part is None:
                _reply(connection, b"", status="416 Range Not Satisfiable")
                return
            connection.sendall(part.head)
            if method == "GET":
                self._send(connection, file.fileno(), part, own)

    def _send(self, connection: socket.socket, descriptor: int, part: Part, own: Bucket | None) -> None:
        with self._claim:
            self.counts["blobs"] += 1
        at = part.start
        while at < part.end:
            piece = min(_PIECE if own is not None else part.end - at, part.end - at)
            self._wait(piece, own)
            at += self._sent(connection, descriptor, at, piece)

    def _sent(self, connection: socket.socket, descriptor: int, at: int, most: int) -> int:
        """Send that much or less, and count it before: who has read it may ask for the count at once."""
        sent = 0
        self._count(most)
        try:
            sent = os.sendfile(connection.fileno(), descriptor, at, most)
        finally:
            self._count(sent - most)
        if not sent:
            raise ConnectionError("the file has become shorter")
        return sent

    def _count(self, size: int) -> None:
        with self._claim:
            self.counts["bytes"] += size

    def _wait(self, size: int, own: Bucket | None) -> None:
        now = time.monotonic()
        pause = own.take(size, now) if own is not None else 0.0
        if self._all is not None:
            with self._claim:
                pause = max(pause, self._all.take(size, now))
        if pause:
            time.sleep(pause)


def _heads(connection: socket.socket) -> Iterator[bytes]:
    """The heads of requests as they come, until the client leaves, or turns out to speak TLS."""
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            received = connection.recv(65536)
            if not received or not (buffer + received)[:1].isupper():
                return
            buffer += received
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        yield head + b"\r\n"


def _reply(
    connection: socket.socket,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    status: str = "200 OK",
    head_only: bool = False,
) -> None:
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = "\r\n".join([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in lines.items()), "", ""])
    connection.sendall(head.encode() + (b"" if head_only else body))


if __name__ == "__main__":
    upstream = Upstream(Path(sys.argv[1]), LINKS[sys.argv[2]])
    print(upstream.port, flush=True)
    upstream.run()
