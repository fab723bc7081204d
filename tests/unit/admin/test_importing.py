"""Bundles as the operator's programs send them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from mirror.admin.importing import PATH, TYPE, import_routes
from mirror.bundles.receiving import Receiving
from tests.support.bundles import Kept, named, packed
from tests.support.caches import store_at
from tests.support.operator import Operator, operating

HEADERS = {"Content_Type": TYPE}


def bundle(layer: bytes = b"layer") -> bytes:
    kept = Kept()
    return packed(kept, named("library/app", kept.image(layer).digest))


@asynccontextmanager
async def importing(root: Path) -> AsyncIterator[Operator]:
    async with store_at(root) as store, operating(import_routes(lambda: Receiving(store))) as operator:
        yield operator


async def test_a_bundle_is_taken_and_what_is_here_is_skipped(tmp_path: Path) -> None:
    sent = bundle(b"x" * 1_000_000)  # more than a document may be
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, sent, HEADERS)
        assert said.status == 200
        assert said.document["images"] == ["docker.io/library/app:1"]
        assert (said.document["blobs"], said.document["skipped"]) == (3, 0)
        said = await operator.ask("POST", PATH, sent, HEADERS)
        assert (said.document["blobs"], said.document["bytes"], said.document["skipped"]) == (0, 0, 3)


@pytest.mark.parametrize("sent", [b"", b"x", b"x" * 2000, bundle()[:-2000]])
async def test_what_is_no_bundle_is_refused(tmp_path: Path, sent: bytes) -> None:
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, sent, HEADERS)
        assert (said.status, [*said.document]) == (400, ["error"])


async def test_the_type_has_to_be_said(tmp_path: Path) -> None:
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, bundle(), {"Content_Type": "text/plain"})
        assert (said.status, said.document) == (400, {"error": f"the request is to be {TYPE}"})


async def test_no_page_of_another_origin_may_import(tmp_path: Path) -> None:
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, bundle(), {**HEADERS, "Origin": "http://elsewhere.example"})
        assert said.status == 403


async def test_one_bundle_comes_at_a_time(tmp_path: Path) -> None:
    whole = bundle()
    going_on, begun = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield whole[:600]
        begun.set()
        await going_on.wait()
        yield whole[600:]

    async with importing(tmp_path) as operator, aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:

        async def first() -> int:
            async with session.post(operator.url + PATH, data=slowly(), headers={"Content-Type": TYPE}) as answer:
                return answer.status

        sending = tasks.create_task(first())
        await begun.wait()
        while (said := await operator.ask("POST", PATH, b"", HEADERS)).status == 400:
            pass  # until the first one has reached the handler
        assert (said.status, "another bundle" in said.document["error"]) == (503, True)
        going_on.set()
        assert await sending == 200


async def test_an_upload_that_breaks_off_leaves_the_way_free(tmp_path: Path) -> None:
    whole = bundle(b"x" * 900_000)
    async with importing(tmp_path) as operator:
        host = operator.url.removeprefix("http://")
        _, writer = await asyncio.open_connection(*host.split(":"))
        head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {TYPE}\r\nContent-Length: {len(whole)}\r\n\r\n"
        writer.write(head.encode() + whole[:500_000])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(15):  # and not only when nothing has come for too long
            while (said := await operator.ask("POST", PATH, whole, HEADERS)).status == 503:
                pass  # until the mirror has noticed
        assert said.status == 200
