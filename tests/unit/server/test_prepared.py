"""Answers whose bytes are known."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web

from mirror.errors import Code, MirrorError
from mirror.server.errors import error_response
from mirror.server.prepared import PreparedResponse, head_of, last_lines, prepare_again, prepare_last
from tests.support.answering import exchange_of, request_of, served
from tests.support.raw_client import request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


def written(response: PreparedResponse) -> bytes:
    return response._whole


def test_a_head_leaves_out_what_is_said_each_time() -> None:
    headers = {"Server": "mirror", "X-Request-ID": "1", "ETag": '"a"', "Content-Length": "99"}
    head = head_of(headers, frozenset({"x-request-id", "content-length"}), 7)
    assert head == b'HTTP/1.1 200 OK\r\nServer: mirror\r\nETag: "a"\r\nContent-Length: 7\r\n'


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\rb", "a\0b"])
@pytest.mark.parametrize("name", ["ETag", None])
def test_a_header_that_is_more_than_a_line_is_never_written(name: str | None, value: str) -> None:
    headers = {name: value} if name else {value: "harmless"}
    with pytest.raises(ValueError, match="line break"):
        head_of(headers, frozenset(), 7)


async def test_a_last_answer_has_no_such_header_either() -> None:
    exchange = exchange_of("GET", "/")
    response = error_response(exchange, MirrorError(code=Code.BAD_REQUEST))
    response.headers["Warning"] = "a\r\nX-Evil: 1"
    with pytest.raises(ValueError, match="line break"):
        prepare_last(exchange.request, response)


async def test_an_answer_is_given_again_with_what_is_new() -> None:
    response = prepare_again(request_of("GET", "/"), HEAD + last_lines("id-9", 17), b"{}")
    head, _, body = written(response).partition(b"\r\n\r\n")
    *same, number, date, age = head.decode().split("\r\n")
    assert same == ["HTTP/1.1 200 OK", "Content-Length: 2"]
    assert (number, age, body) == ("X-Request-ID: id-9", "Age: 17", b"{}")
    assert date.startswith("Date: ")
    assert abs(parsedate_to_datetime(date[6:]).timestamp() - time.time()) < 60
    assert (response.status, response.keep_alive) == (200, True)


def test_an_answer_without_an_age_has_none() -> None:
    assert b"Age" not in last_lines("id-9", None)


async def test_a_client_that_wants_no_more_is_told_so() -> None:
    response = prepare_again(request_of("GET", "/", "Connection: close"), HEAD, b"{}")
    assert b"\r\nConnection: close\r\n\r\n{}" in written(response)
    assert not response.keep_alive


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_a_last_answer_ends_the_connection(method: str) -> None:
    exchange = exchange_of(method, "/")
    response = prepare_last(exchange.request, error_response(exchange, MirrorError(code=Code.BAD_REQUEST)))
    head, _, body = written(response).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert head.endswith(b"\r\nConnection: close")
    assert (b"BAD_REQUEST" in body) == (method != "HEAD")
    assert not response.keep_alive
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
    assert int(length[16:]) == len(body) or method == "HEAD"


async def test_it_goes_out_as_it_is_and_the_next_one_after_it() -> None:
    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        return prepare_again(asked, HEAD + last_lines(asked.raw_path, None), b"{}")

    async with served(answer) as server:
        with await server.client() as client:
            client.send(b"".join(request("GET", f"/{number}") for number in range(50)))
            for number in range(50):
                got = await asyncio.to_thread(client.answer)
                assert (got["X-Request-ID"], got.body) == (f"/{number}", b"{}")


async def test_a_client_that_has_left_is_an_error_of_its_connection() -> None:
    response = prepare_again(request_of("GET", "/"), HEAD, b"{}")
    with pytest.raises(ConnectionError):
        await response.prepare(request_of("GET", "/"))
