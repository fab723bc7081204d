"""JSON in and out: what is taken, what is refused, and how that is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from mirror.admin.documents import LARGEST, answer, sent
from mirror.errors import Code, Refused, StoreFailed
from tests.support.operator import Operator, operating
from tests.support.raw_client import RawClient


async def echo(request: web.Request) -> web.Response:
    return answer({"sent": await sent(request)})


async def fail(_: web.Request) -> web.Response:
    raise StoreFailed("the disk is full")


async def unknown(_: web.Request) -> web.Response:
    raise Refused("no such upstream", code=Code.NAME_UNKNOWN)


@pytest.fixture
async def api() -> AsyncIterator[Operator]:
    routes = [
        web.post("/api/v1/echo", echo),
        web.get("/api/v1/fail", fail),
        web.get("/api/v1/unknown", unknown),
    ]
    async with operating(routes, {"admin.test"}) as operator:
        yield operator


@pytest.mark.parametrize("document", [{}, {"a": [1, "é"]}])
async def test_a_document_goes_in_and_out(api: Operator, document: object) -> None:
    said = await api.post("/api/v1/echo", document)
    assert (said.status, said.document) == (200, {"sent": document})
    assert said.headers["Cache-Control"] == "no-store"


async def test_no_body_is_an_empty_document(api: Operator) -> None:
    assert (await api.ask("POST", "/api/v1/echo", None, {})).document == {"sent": {}}


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b"\xff", b'{"a": NaN}', b"1"])
async def test_what_is_no_object_is_refused(api: Operator, body: bytes) -> None:
    said = await api.ask("POST", "/api/v1/echo", body, {"Content_Type": "application/json"})
    assert (said.status, said.document) == (400, {"error": "the request is to be an object in JSON"})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_what_a_page_can_send_without_asking_is_refused(api: Operator, kind: str) -> None:
    said = await api.ask("POST", "/api/v1/echo", b"{}", {"Content_Type": kind})
    assert (said.status, said.document) == (400, {"error": "the request is to be application/json"})


@pytest.mark.parametrize("size", [LARGEST + 1, 8 * LARGEST])
async def test_a_document_may_only_be_so_large(api: Operator, size: int) -> None:
    body = b'{"a": "' + b"x" * size + b'"}'
    said = await api.ask("POST", "/api/v1/echo", body, {"Content_Type": "application/json"})
    assert (said.status, set(said.document)) == (413, {"error"})


async def test_an_error_of_ours_is_said_with_its_status(api: Operator) -> None:
    said = await api.get("/api/v1/fail")
    assert (said.status, said.document) == (503, {"error": "the disk is full"})
    said = await api.get("/api/v1/unknown")
    assert (said.status, said.document) == (404, {"error": "no such upstream"})


@pytest.mark.parametrize(
    ("method", "path", "status", "words", "allow"),
    [
        ("GET", "/api/v1/nothing", 404, "not found", None),
        ("GET", "/api/v1/echo", 405, "method not allowed", "POST"),
        ("DELETE", "/api/v1/echo", 405, "method not allowed", "POST"),
    ],
)
async def test_what_is_not_there_is_said_in_json(
    api: Operator, method: str, path: str, status: int, words: str, allow: str | None
) -> None:
    said = await api.ask(method, path, None, {})
    assert (said.status, said.document, said.headers.get("Allow")) == (status, {"error": words}, allow)


async def test_only_who_is_admitted_is_heard_and_only_below_the_prefix(api: Operator) -> None:
    for headers in ({"Host": "evil.test"}, {"Origin": "http://evil.test"}):
        said = await api.post("/api/v1/echo", {}, **headers)
        assert (said.status, set(said.document)) == (403, {"error"})
        assert (await api.get("/api/v1/nothing", **headers)).status == 403
        assert (await api.get("/livez", **headers)).status == 200  # probes and monitoring come by any name
    assert (await api.post("/api/v1/echo", {}, Host="admin.test")).status == 200


async def test_nothing_allows_another_origin_to_read(api: Operator) -> None:
    said = await api.ask("OPTIONS", "/api/v1/echo", None, {"Origin": api.url, "Access_Control_Request_Method": "POST"})
    assert said.status == 405
    assert not [name for name in said.headers if name.lower().startswith("access-control-")]


async def test_a_request_that_does_not_come_to_its_end_is_not_waited_for(api: Operator) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")

    def drip() -> int:
        with RawClient((host, int(port))) as client:
            lines = ["POST /api/v1/echo HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
            client.send("\r\n".join([*lines, "Content-Length: 9", "", "{"]).encode())
            return client.answer("POST").status

    assert await asyncio.to_thread(drip) == 400
