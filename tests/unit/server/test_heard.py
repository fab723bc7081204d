"""What a request says, before anything is made of it."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mirror.server.heard import Heard, is_sound
from tests.support.answering import message_of
from tests.support.raw_client import request


async def test_it_is_what_the_parser_heard() -> None:
    heard = Heard.of(message_of(request("GET", "/v2/?n=1", "Accept: a", "Accept: b")))
    assert (heard.method, heard.raw_path, heard.version, heard.keep_alive) == ("GET", "/v2/?n=1", (1, 1), True)
    assert heard.headers.getall("accept") == ["a", "b"]


async def test_a_connection_that_is_to_end_is_heard_of() -> None:
    assert not Heard.of(message_of(request("GET", "/", "Connection: close"))).keep_alive
    assert not Heard.of(message_of(request("GET", "/", version="HTTP/1.0"))).keep_alive


@pytest.mark.parametrize(
    ("data", "sound"),
    [
        (request("GET", "/"), True),
        (request("HEAD", "/"), True),
        (request("POST", "/"), False),
        (request("GET", "/", "Transfer-Encoding: chunked"), False),
        (request("GET", "/", "Content-Length: 0"), True),
        (request("GET", "/", "Content-Length: 5"), False),
        (request("GET", "/", f"Content-Length: {2**64 - 1}"), False),
        (b"GET / HTTP/1.0\r\n\r\n", True),
    ],
)
async def test_a_request_without_a_body_and_with_a_host_is_sound(data: bytes, sound: bool) -> None:
    assert is_sound(Heard.of(message_of(data))) is sound


@pytest.mark.parametrize(
    ("version", "hosts", "sound"),
    [
        ("HTTP/1.1", 0, False),
        ("HTTP/1.1", 1, True),
        ("HTTP/1.1", 2, False),
        ("HTTP/1.0", 0, True),
        ("HTTP/1.0", 1, True),
        ("HTTP/1.0", 2, False),
    ],
)
async def test_there_is_one_host_which_only_an_old_request_may_lack(version: str, hosts: int, sound: bool) -> None:
    named = CIMultiDictProxy(CIMultiDict([("Host", f"{number}.test") for number in range(hosts)]))
    heard = Heard.of(message_of(request("GET", "/", version=version)))
    assert is_sound(heard._replace(headers=named)) is sound
