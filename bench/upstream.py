"""A registry to measure against: one repository with a manifest and a few blobs, sent as fast as the kernel can.

usage: python -m bench.upstream DIRECTORY    (prints its port; counts requests at /counts)
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
REPOSITORY = "library/bench"
SIZES = {"1 KiB": 1024, "1 MiB": 1024**2, "64 MiB": 64 * 1024**2, "256 MiB": 256 * 1024**2}


@dataclass(frozen=True, slots=True)
class Content:
    """What the upstream holds: blobs by the names of their sizes, and a manifest that names them."""

    manifest: bytes
    digests: dict[str, str]

    @property
    def manifest_digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.manifest).hexdigest()


def make(directory: Path) -> Content:
    """Random blobs below `directory`, which is made if need be, and what is known of them."""
    directory.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, size in SIZES.items():
        hasher = hashlib.sha256()
        path = directory / "new"
        with path.open("wb") as file:
            for start in range(0, size, 1024**2):
                piece = os.urandom(min(1024**2, size - start))
                hasher.update(piece)
                file.write(piece)
        digests[name] = f"sha256:{hasher.hexdigest()}"
        path.rename(directory / hasher.hexdigest())
    layers = [
        {"mediaType": "application/octet-stream", "digest": digest, "size": SIZES[name]}
        for name, digest in digests.items()
    ]
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": layers[0], "layers": layers[1:]}
    manifest = json.dumps(document).encode()
    (directory / "manifest").write_bytes(manifest)
    return Content(manifest, digests)


class Upstream:
    """A thread for each connection; the mirror opens few."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._manifest = (directory / "manifest").read_bytes()
        self._digest = "sha256:" + hashlib.sha256(self._manifest).hexdigest()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._counts = {"blobs": 0, "bytes": 0, "manifests": 0}

    def run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in buffer:
                    received = connection.recv(65536)
                    if not received:
                        return
                    buffer += received
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                try:
                    self._answer(connection, method, target)
                except OSError:
                    return

    def _answer(self, connection: socket.socket, method: str, target: str) -> None:
        if target == "/counts":
            _reply(connection, "application/json", json.dumps(self._counts).encode(), {})
        elif "/manifests/" in target:
            self._counts["manifests"] += 1
            headers = {"Docker-Content-Digest": self._digest}
            body = self._manifest
            _reply(connection, MANIFEST_TYPE, body, headers, head_only=method == "HEAD")
        elif target == "/v2/":
            _reply(connection, "application/json", b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"})
        else:
            with (self._directory / target.rpartition(":")[2]).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
                connection.sendall(head.encode())
                if method == "GET":
                    self._counts["blobs"] += 1
                    connection.sendfile(file)
                    self._counts["bytes"] += size


def _reply(
    connection: socket.socket, kind: str, body: bytes, headers: dict[str, str], *, head_only: bool = False
) -> None:
    lines = [f"Content-Type: {kind}", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall("\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + (b"" if head_only else body))


if __name__ == "__main__":
    upstream = Upstream(Path(sys.argv[1]))
    print(upstream.port, flush=True)
    upstream.run()
