"""Clients that cost little: they read answers without looking at them, so that the server is what is measured.

usage: python -m bench.load PORT TARGET METHOD CLIENTS SECONDSs|COUNT [tls|handshakes]   (prints JSON)
With METHOD `GET#` or `HEAD#` a header has another number in each request, so that no two of them are the same bytes.
TARGET may name a file of targets as `@FILE`: each is asked for once, in turn. `handshakes`: a connection each, resumed.
"""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ACCEPT = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "*/*",
    )
)
_UNTOUCHED = bytearray(4 * 1024**2)  # MSG_TRUNC writes nothing into it
_UNANSWERED = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked: so many clients, for so many seconds, or `count` times each if that is not 0."""

    port: int
    clients: int
    seconds: float
    count: int
    tls: ssl.SSLContext | None = None
    reconnect: bool = False  # after each answer


@dataclass(slots=True)
class Client:
    """One connection: sends a request, takes the answer, sends the next."""

    connection: socket.socket
    began: float = 0.0
    head: bytes = b""
    left: int = -1  # bytes of body still to come; -1 while the head is
    answers: int = 0
    bodiless: bool = False

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.bodiless = request.startswith(b"HEAD")
        self.head, self.left = b"", -1
        self.connection.sendall(request)

    def take(self) -> int:
        """Read what has come; how many bytes. Afterwards `left` is 0 when the answer is complete."""
        if self.left > 0:
            count = self._throw_away(min(self.left, len(_UNTOUCHED)))
            if not count:
                raise ConnectionError("the server closed the connection within a body")
            self.left -= count
            return count
        received = self.connection.recv(65536)
        self.head += received
        end = self.head.find(b"\r\n\r\n")
        if not received:
            raise ConnectionError("the server closed the connection")
        if end >= 0:
            if not self.head.startswith(b"HTTP/1.1 20"):
                raise ConnectionError(self.head[:80].decode())
            at = self.head.lower().index(b"content-length:") + 15
            length = 0 if self.bodiless else int(self.head[at : self.head.index(b"\r", at)])
            self.left = length - (len(self.head) - end - 4)
        return len(received)

    def _throw_away(self, size: int) -> int:
        if isinstance(self.connection, ssl.SSLSocket):
            return self.connection.recv_into(_UNTOUCHED, size)
        # The kernel throws the bytes away: nothing is copied.
        return self.connection.recv_into(_UNTOUCHED, size, socket.MSG_TRUNC)


@dataclass(slots=True)
class Result:
    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    resumed: int = 0  # connections that went on with an earlier TLS session
    first: list[float] = field(default_factory=list)  # seconds to the first byte of each client's first answer
    times: list[float] = field(default_factory=list)  # seconds that each answer took


class Load:
    """A run over a job; with seconds, what is not answered by then is left alone."""

    def __init__(self, job: Job, requests: Iterator[bytes]) -> None:
        self._job = job
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._session: ssl.SSLSession | None = None
        self.result = Result()

    def run(self) -> Result:
        """Ask until all is answered, or the time is over. Raises ConnectionError at the first that is no answer."""
        clients = [Client(self._connect()) for _ in range(self._job.clients)]
        try:
            self._ask(clients)
        finally:
            for client in clients:
                client.connection.close()
            self._selector.close()
        return self.result

    def _ask(self, clients: list[Client]) -> None:
        began = time.perf_counter()
        for client in clients:
            self._selector.register(client.connection, selectors.EVENT_READ, client)
            client.send(next(self._requests))
        end = began + (self._job.seconds or _UNANSWERED)
        # However slow the machine is, something is measured: the time is not over before there is an answer.
        while self._selector.get_map():
            now = time.perf_counter()
            if now >= end and (self.result.bytes or now >= end + _UNANSWERED):
                break
            for key, _ in self._selector.select(max(end - now, 0.1)):
                self._take(key.data)
        self.result.seconds = time.perf_counter() - began
        left = len(self._selector.get_map())
        if left and self._job.count:
            raise TimeoutError(f"{left} clients have not got all their answers")

    def _take(self, client: Client) -> None:
        fresh = client.left < 0 and not client.head and not client.answers
        self.result.bytes += client.take()
        if fresh:
            self.result.first.append(time.perf_counter() - client.began)
        if client.left:
            return
        self.result.requests += 1
        self.result.times.append(time.perf_counter() - client.began)
        client.answers += 1
        request = next(self._requests, None)
        if request is None or (self._job.count and client.answers >= self._job.count):
            self._selector.unregister(client.connection)
            client.connection.close()
            return
        if self._job.reconnect:
            self._selector.unregister(client.connection)
            client.connection.close()
            client.connection = self._connect()
            self._selector.register(client.connection, selectors.EVENT_READ, client)
        client.send(request)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._job.port))
        if self._job.tls is None:
            return connection
        secure = self._job.tls.wrap_socket(connection, session=self._session)
        self.result.resumed += bool(secure.session_reused)
        return secure

    def make_resumable(self, request: bytes) -> None:
        """Ask once, so that later connections resume the session of this one."""
        client = Client(self._connect())
        client.send(request)
        while client.left:
            client.take()
        if isinstance(client.connection, ssl.SSLSocket):
            self._session = client.connection.session
        client.connection.close()


def requests(targets: Iterator[str], method: str) -> Iterator[bytes]:
    """Requests for them, without an end if the targets have none."""
    name, mark, _ = method.partition("#")
    for number, target in enumerate(targets):
        different = f"X-Number: {number}\r\n" if mark else ""
        yield f"{name} {target} HTTP/1.1\r\nHost: bench\r\nAccept: {ACCEPT}\r\n{different}\r\n".encode()


def targets(written: str) -> Callable[[], Iterator[str]]:
    """One target again and again, or those that stand in a file."""
    if written.startswith("@"):
        return lambda: iter(Path(written[1:]).read_text().split())
    return lambda: itertools.repeat(written)


def main() -> None:
    port, written, method, clients, amount, *more = sys.argv[1:]
    seconds, count = (float(amount[:-1]), 0) if amount.endswith("s") else (0.0, int(amount))
    # Both ends are ours: who is who is not what is measured.
    tls = ssl._create_unverified_context() if more else None
    load = Load(
        Job(int(port), int(clients), seconds, count, tls, more == ["handshakes"]), asked := _asked(written, method)
    )
    if more == ["handshakes"]:
        load.make_resumable(next(asked))
    result = load.run()
    times = sorted(result.times) or [0.0]
    said = {
        "requests": result.requests,
        "bytes": result.bytes,
        "seconds": result.seconds,
        "resumed": result.resumed,
        "first": statistics.median(result.first),
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
    }
    print(json.dumps(said))


def _asked(written: str, method: str) -> Iterator[bytes]:
    if method.endswith("#") or written.startswith("@"):
        return requests(targets(written)(), method)
    return itertools.repeat(next(requests(targets(written)(), method)))


if __name__ == "__main__":
    main()
