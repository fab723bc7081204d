"""A client that sends exact bytes and reads, or does not read, what comes. Knows of HTTP only where an answer ends."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Self

PATIENCE = 20.0  # seconds for anything that is to come; nothing that is expected takes as long


class Cut(AssertionError):
    """The connection ended before the answer did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came over the wire."""

    version: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The one value of a header; KeyError when it is missing, ValueError when it came more than once."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if not values:
            raise KeyError(name)
        (value,) = values
        return value

    def get(self, name: str) -> str | None:
        """The one value of a header, or None; ValueError when it came more than once."""
        try:
            return self[name]
        except KeyError:
            return None


class RawClient:
    """One connection. `window`: bytes that the system takes for a client that does not read, roughly.

    `source`: the address of this machine that it comes from.
    """

    def __init__(
        self,
        address: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        window: int | None = None,
        source: str | None = None,
    ) -> None:
        plain = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if window is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        plain.settimeout(PATIENCE)
        self.socket: socket.socket = plain
        try:
            if source is not None:
                plain.bind((source, 0))
            plain.connect(address)
            if tls is not None:
                self.socket = tls.wrap_socket(plain, server_hostname=address[0])
        except BaseException:
            plain.close()
            raise
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """End the connection without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, *pieces: bytes) -> None:
        """Each piece in a packet of its own, as far as the system lets it."""
        for piece in pieces:
            self.socket.sendall(piece)

    def finish(self) -> None:
        """Say that nothing more will be sent, and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def ask(self, method: str, target: str, *headers: str, version: str = "HTTP/1.1") -> Answer:
        """Send a request with these header lines, after a `Host`, and read its answer."""
        self.send(request(method, target, *headers, version=version))
        return self.answer(method)

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, to a request of this method. Raises Cut; TimeoutError when nothing comes."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        version, status, _ = first.split(" ", 2)
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        answer = Answer(version, int(status), headers, b"")
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if answer.get("Transfer-Encoding") == "chunked":
            return Answer(version, answer.status, headers, self._chunks())
        return Answer(version, answer.status, headers, self._exactly(int(answer["Content-Length"])))

    def take(self, length: int) -> bytes:
        """So many bytes. Raises Cut."""
        return self._exactly(length)

    def rest(self) -> bytes:
        """Everything up to the end of the connection, however that comes."""
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            while self._more():
                pass
        rest, self._buffer = self._buffer, b""
        return rest

    def has_more(self) -> bool:
        """Whether there is something to read before the end. Waits until there is, or for that end."""
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            return bool(self._buffer) or self._more()
        return False

    def is_over(self) -> bool:
        """Whether the connection has ended, with nothing left to read. Waits for that end."""
        return self.rest() == b""

    def is_open(self) -> bool:
        """Whether the connection is there, and quiet: nothing unread, no end. Does not wait."""
        return not self._buffer and not select.select([self.socket], [], [], 0)[0]

    def receive(self, most: int) -> bytes:
        """What has come, up to so many bytes; nothing at the end."""
        if not self._buffer:
            return self.socket.recv(most)
        piece, self._buffer = self._buffer[:most], self._buffer[most:]
        return piece

    def _chunks(self) -> bytes:
        body = b""
        while (size := int(self._until(b"\r\n"), 16)) > 0:
            body += self._exactly(size)
            self._exactly(2)
        self._exactly(2)
        return body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._need()
        piece, _, self._buffer = self._buffer.partition(mark)
        return piece + mark

    def _exactly(self, length: int) -> bytes:
        pieces = [self._buffer[:length]]
        left = length - len(pieces[0])
        self._buffer = self._buffer[length:]
        while left:
            piece = self.socket.recv(min(left, 1024 * 1024))
            if not piece:
                raise Cut(f"{left} bytes are missing")
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _need(self) -> None:
        if not self._more():
            raise Cut("the connection has ended")

    def _more(self) -> bool:
        piece = self.socket.recv(64 * 1024)
        self._buffer += piece
        return bool(piece)


def request(method: str, target: str, *headers: str, version: str = "HTTP/1.1") -> bytes:
    """A request with these header lines after a `Host`."""
    return "\r\n".join([f"{method} {target} {version}", "Host: mirror.test", *headers, "", ""]).encode("latin-1")
