"""Answers made of what the pull has found, sent to a real client."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from mirror.errors import Absent, Interrupted, MirrorError
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.outcome import Outcome
from mirror.pull.content import Answer as Come
from mirror.pull.content import FoundBlob, FoundManifest, Manifest
from mirror.server.errors import error_response
from mirror.server.exchange import Exchange
from mirror.server.headers import headers_of
from mirror.server.responses import blob_response, json_response, manifest_response
from tests.support.answering import served
from tests.support.raw_client import Answer, Cut, request
from tests.support.readables import Growing
from tests.support.surface import noise

DATA = noise("responses", 400_000)
DIGEST = Digest.of(DATA)
HIT = Come(Outcome.HIT)

Make = Callable[[Exchange], Awaitable[web.StreamResponse]]


class Asked:
    """One request and what became of it."""

    def __init__(self, answer: Answer, exchange: Exchange) -> None:
        self.answer = answer
        self.exchange = exchange

    @property
    def status(self) -> int:
        return self.answer.status


async def ask(make: Make, method: str, *lines: str, version: str = "HTTP/1.1") -> Asked:
    """Have a request answered. Raises Cut when the answer is broken off."""
    exchanges: list[Exchange] = []

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        exchanges.append(Exchange(asked, "id-1"))
        try:
            return await make(exchanges[0])
        except MirrorError as error:
            return error_response(exchanges[0], error)

    async with served(answer) as server:
        with await server.client() as client:
            client.send(request(method, "/", *lines, version=version))
            got = await asyncio.to_thread(client.answer, method)
            return Asked(got, exchanges[0])


def manifest(body: bytes | None, size: int, reference: str | Digest = "latest") -> Make:
    found = FoundManifest(Manifest(DIGEST, OCI_MANIFEST, size, body), HIT)
    return lambda exchange: manifest_response(exchange, reference, found)


def blob(content: bytes | Growing | None, size: int | None) -> Make:
    return lambda exchange: blob_response(exchange, FoundBlob(DIGEST, size, content, HIT))


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, len(DATA)])
async def test_a_manifest_is_its_bytes(size: int) -> None:
    asked = await ask(manifest(DATA[:size], size), "GET")
    assert (asked.status, asked.answer.body, asked.exchange.sent) == (200, DATA[:size], size)
    assert asked.answer["Content-Type"] == OCI_MANIFEST
    assert asked.answer["Docker-Content-Digest"] == str(DIGEST)
    assert asked.answer["ETag"] == f'"{DIGEST}"'


@pytest.mark.parametrize(("method", "line"), [("GET", ""), ("HEAD", ""), ("GET", f'If-None-Match: "{DIGEST}"')])
@pytest.mark.parametrize("size", [1, len(DATA)])
async def test_what_a_tag_is_answered_with_varies_with_what_is_accepted(method: str, line: str, size: int) -> None:
    lines = (line,) if line else ()
    by_tag = await ask(manifest(DATA[:size], size), method, *lines)
    by_digest = await ask(manifest(DATA[:size], size, DIGEST), method, *lines)
    assert (by_tag.answer.get("Vary"), by_digest.answer.get("Vary")) == ("Accept", None)


@pytest.mark.parametrize("body", [DATA, None])
async def test_a_head_of_a_manifest_says_its_length(body: bytes | None) -> None:
    asked = await ask(manifest(body, len(DATA)), "HEAD")
    assert (asked.status, asked.answer["Content-Length"], asked.exchange.sent) == (200, str(len(DATA)), 0)


@pytest.mark.parametrize("make", [manifest(DATA, len(DATA)), blob(DATA, len(DATA))], ids=["manifest", "blob"])
async def test_who_has_it_is_told_so(make: Make) -> None:
    asked = await ask(make, "GET", f'If-None-Match: "{DIGEST}"')
    assert (asked.status, asked.answer.body, asked.exchange.sent) == (304, b"", 0)
    assert asked.answer["ETag"] == f'"{DIGEST}"'
    assert asked.answer.get("Content-Type") is None


@pytest.mark.parametrize("size", [2, 65_537, len(DATA)])
async def test_a_document_made_for_the_answer(size: int) -> None:
    body = b"{" + b" " * (size - 2) + b"}"

    async def made(exchange: Exchange) -> web.StreamResponse:
        return await json_response(exchange, headers_of(exchange, HIT), body)

    got, head = await ask(made, "GET"), await ask(made, "HEAD")
    assert (got.answer.body, got.answer["Content-Type"], got.exchange.sent) == (body, "application/json", size)
    assert (head.answer["Content-Length"], head.exchange.sent) == (str(size), 0)


async def test_a_document_may_be_of_a_type_of_its_own() -> None:
    async def made(exchange: Exchange) -> web.StreamResponse:
        headers = headers_of(exchange, HIT)
        headers["Content-Type"] = OCI_INDEX
        return await json_response(exchange, headers, b"{}")

    assert (await ask(made, "GET")).answer["Content-Type"] == OCI_INDEX


@pytest.mark.parametrize(
    ("lines", "status", "part"),
    [
        ((), 200, slice(0, None)),
        (("Range: bytes=10-19",), 206, slice(10, 20)),
        (("Range: bytes=100000-",), 206, slice(100_000, None)),
        (("Range: bytes=0-0,5-5",), 200, slice(0, None)),
        (("Range: bytes=0-0", "Range: bytes=5-5"), 200, slice(0, None)),
        (("Range: bytes=10-19", f'If-Range: "{DIGEST}"'), 206, slice(10, 20)),
        (("Range: bytes=10-19", 'If-Range: "x"'), 200, slice(0, None)),
        (("Range: bytes=-0",), 416, None),
    ],
)
@pytest.mark.parametrize("kind", ["memory", "file", "growing", "unknown"])
async def test_a_blob_or_the_part_of_it_that_was_asked_for(
    tmp_path: Path, kind: str, lines: tuple[str, ...], status: int, part: slice | None
) -> None:
    size = None if kind == "unknown" else len(DATA)
    with Growing(tmp_path / "blob", size) as readable:
        asyncio.get_running_loop().call_soon(readable.grow, DATA)
        asyncio.get_running_loop().call_soon(readable.end)
        asked = await ask(blob(DATA if kind == "memory" else readable, size), "GET", *lines)
        assert asked.status == status
        if part is None:
            assert asked.answer["Content-Range"] == f"bytes */{len(DATA)}"
        else:
            assert (asked.answer.body, asked.exchange.sent) == (DATA[part], len(DATA[part]))
        assert readable.closed == (kind != "memory")


async def test_an_old_client_waits_for_the_length(tmp_path: Path) -> None:
    with Growing(tmp_path / "blob", None) as readable:
        asyncio.get_running_loop().call_later(0.02, readable.grow, DATA)
        asyncio.get_running_loop().call_later(0.04, readable.end)
        asked = await ask(blob(readable, None), "GET", version="HTTP/1.0")
        assert (asked.answer["Content-Length"], asked.answer.body) == (str(len(DATA)), DATA)


@pytest.mark.parametrize("size", [len(DATA), None])
async def test_a_head_of_a_blob_says_its_length_if_that_is_known(size: int | None) -> None:
    asked = await ask(blob(None, size), "HEAD")
    assert asked.answer.get("Content-Length") == (None if size is None else str(size))
    assert asked.answer["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("lines", [(), ("Range: bytes=300000-",)])
async def test_a_failure_before_the_first_byte_is_an_error_in_words(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with Growing(tmp_path / "blob", len(DATA)) as readable:
        readable.fail(Absent("the upstream has no such blob"))
        asked = await ask(blob(readable, len(DATA)), "GET", *lines)
        assert asked.status == 404
        assert json.loads(asked.answer.body)["errors"][0]["message"] == "the upstream has no such blob"
        assert readable.closed


@pytest.mark.parametrize("size", [len(DATA), None], ids=["length", "chunked"])
async def test_a_failure_after_it_breaks_the_connection(tmp_path: Path, size: int | None) -> None:
    exchanges: list[Exchange] = []
    with Growing(tmp_path / "blob", size) as readable:
        readable.grow(DATA[:1000])
        readable.fail(Interrupted("the upstream broke off"))

        async def make(exchange: Exchange) -> web.StreamResponse:
            exchanges.append(exchange)
            return await blob(readable, size)(exchange)

        with pytest.raises((Cut, ConnectionResetError)):
            await ask(make, "GET")
        assert (exchanges[0].sent, exchanges[0].reason) == (1000, "the upstream broke off")
        assert readable.closed


async def test_a_disk_that_fails_breaks_the_connection(tmp_path: Path) -> None:
    with Growing.whole(tmp_path / "blob", DATA) as readable:
        directory = os.open(tmp_path, os.O_RDONLY)  # of which nothing can be sent
        os.dup2(directory, readable.descriptor)
        os.close(directory)
        with pytest.raises((Cut, ConnectionResetError)):
            await ask(blob(readable, len(DATA)), "GET")
        assert readable.closed
