"""Clients that cost little: they read answers without looking at them, so that the server is what is measured.

usage: python -m bench.load PORT TARGET METHOD CLIENTS SECONDS|COUNT   (prints JSON)
With METHOD `GET#` or `HEAD#` a header has another number in each request, so that no two of them are the same bytes.
"""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field

_ACCEPT = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "*/*",
    )
)
_numbers = itertools.count()
_UNTOUCHED = bytearray(4 * 1024**2)  # MSG_TRUNC writes nothing into it


@dataclass(slots=True)
class Client:
    """One keep-alive connection: sends a request, takes the answer, sends the next."""

    connection: socket.socket
    request: bytes
    began: float = 0.0
    head: bytes = b""
    left: int = -1  # bytes of body still to come; -1 while the head is

    def send(self) -> None:
        self.began = time.perf_counter()
        self.head, self.left = b"", -1
        self.connection.sendall(self.request.replace(b"#", b"%d" % next(_numbers)))

    def take(self, bodiless: bool) -> int:
        """Read what has come; how many bytes. Afterwards `left` is 0 when the answer is complete."""
        if self.left > 0:
            # The kernel throws the bytes away: nothing is copied.
            count = self.connection.recv_into(_UNTOUCHED, min(self.left, len(_UNTOUCHED)), socket.MSG_TRUNC)
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
            length = 0 if bodiless else int(self.head[at : self.head.index(b"\r", at)])
            self.left = length - (len(self.head) - end - 4)
        return len(received)


@dataclass(slots=True)
class Result:
    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    first: list[float] = field(default_factory=list)  # seconds to the first byte of each client's first answer
    times: list[float] = field(default_factory=list)  # seconds that each answer took


def run(port: int, request: bytes, clients: int, seconds: float, count: int) -> Result:
    """Ask with so many clients for so many seconds, or `count` times each if that is not 0."""
    selector = selectors.DefaultSelector()
    result = Result()
    bodiless = request.startswith(b"HEAD")
    done: dict[int, int] = {}
    for _ in range(clients):
        client = Client(socket.create_connection(("127.0.0.1", port)), request)
        selector.register(client.connection, selectors.EVENT_READ, client)
        done[id(client)] = 0
    began = time.perf_counter()
    running = [key.data for key in selector.get_map().values()]
    for client in running:
        client.send()
    busy = len(running)
    while busy:
        for key, _ in selector.select():
            client = key.data
            fresh = client.left < 0 and not client.head and done[id(client)] == 0
            result.bytes += client.take(bodiless)
            if fresh:
                result.first.append(time.perf_counter() - client.began)
            if client.left == 0:
                result.requests += 1
                result.times.append(time.perf_counter() - client.began)
                done[id(client)] += 1
                if (count and done[id(client)] >= count) or (not count and time.perf_counter() - began >= seconds):
                    selector.unregister(client.connection)
                    client.connection.close()
                    busy -= 1
                else:
                    client.send()
    result.seconds = time.perf_counter() - began
    return result


if __name__ == "__main__":
    port, target, method, clients, amount = sys.argv[1:]
    name, mark, _ = method.partition("#")
    number = "X-Number: #\r\n" if mark else ""
    asked = f"{name} {target} HTTP/1.1\r\nHost: bench\r\nAccept: {_ACCEPT}\r\n{number}\r\n".encode()
    seconds, count = (float(amount[:-1]), 0) if amount.endswith("s") else (0.0, int(amount))
    result = run(int(port), asked, int(clients), seconds, count)
    times = sorted(result.times)
    print(
        json.dumps(
            {
                "requests": result.requests,
                "bytes": result.bytes,
                "seconds": result.seconds,
                "first": statistics.median(result.first),
                "p50": times[len(times) // 2],
                "p99": times[len(times) * 99 // 100],
            }
        )
    )
