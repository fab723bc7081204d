"""Who listens on the wire: passes bytes between clients and a server, and keeps all that the server has said."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

from tests.support.raw_client import PATIENCE

_KINDS = {20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data"}  # RFC 8446, section 5.1
_HEADER = 5  # bytes of a record: its kind, the version, its length
_LONGEST = 2**14 + 256  # bytes of a protected record (section 5.2); 2.048 in place of 256 before 1.3
_VERSIONS = {b"\x03\x01", b"\x03\x03"}


class Plain(AssertionError):
    """Something that is no TLS went over the wire."""


def records(said: bytes) -> list[str]:
    """The kinds of the records that a stream consists of. Raises Plain for one that does not, from its first byte on.

    The last one may be cut off, as by a connection that was broken.
    """
    kinds, at = [], 0
    while at < len(said):
        kind, version = _KINDS.get(said[at]), said[at + 1 : at + 3]
        length = int.from_bytes(said[at + 3 : at + _HEADER], "big")
        if kind is None or (len(version) == 2 and version not in _VERSIONS) or length > _LONGEST:
            raise Plain(f"at byte {at} of {len(said)}: {said[at : at + 16]!r}")
        kinds.append(kind)
        at += _HEADER + length
    return kinds


class Wiretap:
    """`with Wiretap(address) as tap:` stands at `tap.address` before the server at `address`.

    `said`: what it has said, on each connection in the order in which they came.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.address: tuple[str, int] = self._listener.getsockname()
        self.said: list[bytearray] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for one in self._sockets:
            one.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="wiretap", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server, PATIENCE)
                self._sockets += [client, server]
                self.said.append(bytearray())
                self._begin(_pass_on, client, server, bytearray())
                self._begin(_pass_on, server, client, self.said[-1])


def _pass_on(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(64 * 1024):
            kept += data
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
