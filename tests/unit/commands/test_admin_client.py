"""Asking the operator's API of a running mirror."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mirror.commands.admin_client import AdminClient
from mirror.errors import Refused


@contextmanager
def answering(status: str, body: bytes) -> Iterator[tuple[AdminClient, list[bytes]]]:
    """A server that gives one connection this answer, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                heard = b""
                while b"\r\n\r\n" not in heard or (heard.startswith(b"POST") and not heard.endswith(b"}")):
                    heard += connection.recv(4096)
                asked.append(heard)
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield AdminClient(f"http://127.0.0.1:{server.getsockname()[1]}/"), asked
        thread.join(timeout=10)


def test_a_document_is_got() -> None:
    with answering("200 OK", b'{"frozen": false}') as (client, asked):
        assert client.get("/api/v1/state", {"image": "a b&c"}) == {"frozen": False}
    assert asked[0].startswith(b"GET /api/v1/state?image=a+b%26c HTTP/1.1\r\n")
    assert asked[0].lower().count(b"\r\nhost: ") == asked[0].count(b"\r\nHost: localhost\r\n") == 1


def test_a_document_is_posted_as_json() -> None:
    with answering("200 OK", b"{}") as (client, asked):
        assert client.post("/api/v1/freeze", {"reason": "moving house"}) == {}
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/freeze HTTP/1.1\r\n")
    assert b"Content-Type: application/json" in head
    assert b"Origin" not in head
    assert json.loads(body) == {"reason": "moving house"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "no, \\u001b[31m\\nnever"}', r"^no, \[31m never$"),
        (b'{"error": " \\u001b\\n"}', "^the mirror answered 403$"),
        (b"{}", "^the mirror answered 403$"),
    ],
)
def test_a_no_is_told_in_one_printable_line(body: bytes, words: str) -> None:
    with answering("403 Forbidden", body) as (client, _), pytest.raises(Refused, match=words):
        client.get("/api/v1/state")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"null"])
def test_what_is_no_answer_of_a_mirror_is_an_error(body: bytes) -> None:
    with answering("200 OK", body) as (client, _), pytest.raises(OSError, match="not as a mirror's admin listener"):
        client.get("/api/v1/state")


def test_a_registry_that_answers_in_its_place_is_said_to_be_one() -> None:
    with answering("404 Not Found", b'{"errors": []}') as (client, _), pytest.raises(OSError, match="is a registry"):
        client.get("/api/v1/state")


def test_where_nobody_is_there_it_is_said_who_was_asked_and_what_to_do() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(OSError, match=rf"no mirror answers at {url} \(Connection refused\): .*--url"):
            AdminClient(f"{url}/").get("/api/v1/state")


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(ValueError, match="not a URL"):
        AdminClient("https://127.0.0.1").get("/api/v1/state")


def test_what_is_to_be_removed_stands_in_the_query() -> None:
    with answering("200 OK", b"{}") as (client, requests):
        assert client.delete("/api/v1/images", {"name": "a/b:v1"}) == {}
    (request,) = requests
    assert request.startswith(b"DELETE /api/v1/images?name=a%2Fb%3Av1 HTTP/1.1\r\n")
