"""Asking a running mirror whether it is ready."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mirror.config.addresses import ListenAddress
from mirror.healthcheck import Answer, ask, readiness_url


@contextmanager
def answering(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one connection this reply; its URL, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        thread.join(timeout=10)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (ListenAddress("127.0.0.1", 5001), "http://127.0.0.1:5001/readyz"),
        (ListenAddress("", 5001), "http://127.0.0.1:5001/readyz"),
        (ListenAddress("0.0.0.0", 80), "http://127.0.0.1:80/readyz"),
        (ListenAddress("::", 5001), "http://[::1]:5001/readyz"),
        (ListenAddress("fd00::1", 5001), "http://[fd00::1]:5001/readyz"),
    ],
)
def test_the_first_admin_address_is_asked(address: ListenAddress, url: str) -> None:
    assert readiness_url([address, ListenAddress("192.0.2.1", 1)]) == url


def test_a_port_that_the_kernel_chose_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="give --url"):
        readiness_url([ListenAddress("127.0.0.1", 0)])


@pytest.mark.parametrize(
    ("status", "ready"), [(b"200 OK", True), (b"503 Service Unavailable", False), (b"302 x", False)]
)
def test_only_200_means_ready(status: bytes, ready: bool) -> None:
    with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        assert ask(url) == Answer(ready, f"answered {status[:3].decode()}")
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\n")


def test_another_path_may_be_asked() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        assert ask(f"{url}/livez").ready
    assert asked[0].startswith(b"GET /livez ")


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 999999\r\n\r\n"])
def test_what_is_no_answer_in_http_is_an_error(reply: bytes) -> None:
    with answering(reply) as (url, _), pytest.raises(OSError, match=r"not an answer|disconnected|reset"):
        ask(url)


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TimeoutError):
        ask(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.05)


def test_nobody_there_is_an_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            ask(f"http://127.0.0.1:{closed.getsockname()[1]}")


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:5001",
        "https://127.0.0.1",
        "http://",
        "http:///readyz",
        "http://u:p@x/",
        "http://x:99999",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_url_of_plain_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"not a URL|[Pp]ort"):
        ask(url)
