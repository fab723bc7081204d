"""Rehearsals as the operator's programs order them, and read them line by line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mirror.admin.rehearse import PATH, rehearse_routes
from mirror.errors import Code, Refused, StoreFailed
from mirror.rehearsal.terms import Terms
from tests.support.operator import Operator, operating
from tests.support.rehearsing import rehearsing

Documents = AsyncGenerator[dict[str, Any], None]


async def lines(operator: Operator, **terms: object) -> list[bytes]:
    async with aiohttp.ClientSession() as session, session.post(operator.url + PATH, json=terms) as response:
        assert (response.status, response.content_type) == (200, "application/x-ndjson")
        return (await response.read()).split(b"\n")[:-1]


async def endless(ended: asyncio.Event, _: Terms) -> Documents:
    """A rehearsal that only who listens can end."""
    try:
        while True:
            yield {"event": "image", "image": "x" * 100_000}
    finally:
        ended.set()


async def test_each_image_is_a_line_and_the_end_is_one(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it, operating(rehearse_routes(it.rehearsals.run)) as operator:
        assert await it.pull()
        one, end = map(json.loads, await lines(operator, outage=60, images=["a/b"], platforms=["arm64"]))
        assert (one["event"], one["image"], one["survives"]) == ("image", "one/a/b:latest", True)
        assert (end["event"], end["images"], end["outage"]) == ("end", 1, 60)
        assert [json.loads(line)["event"] for line in await lines(operator, images=["nothing"])] == ["end"]


async def test_who_waits_hears_that_it_goes_on() -> None:
    go = asyncio.Event()

    async def run(_: Terms) -> Documents:
        await go.wait()
        yield {"event": "end"}

    async with (
        operating(rehearse_routes(run, beat=0.01)) as operator,
        aiohttp.ClientSession() as session,
        session.post(operator.url + PATH, json={}) as response,
    ):
        assert await response.content.readline() == b"\n"
        go.set()
        assert json.loads((await response.read()).strip()) == {"event": "end"}


async def test_what_goes_wrong_at_once_is_an_answer_and_later_the_last_line() -> None:
    async def refused(_: Terms) -> Documents:
        raise Refused("not now", code=Code.BUSY)
        yield {}

    async def broken(_: Terms) -> Documents:
        yield {"event": "image"}
        raise StoreFailed("the disk\nis gone")

    async with operating(rehearse_routes(refused)) as operator:
        said = await operator.post(PATH, {})
        assert (said.status, said.document) == (503, {"error": "not now"})
    async with operating(rehearse_routes(broken)) as operator:
        assert list(map(json.loads, await lines(operator))) == [
            {"event": "image"},
            {"event": "end", "error": "the disk is gone"},
        ]


async def test_who_leaves_ends_the_rehearsal() -> None:
    ended = asyncio.Event()
    async with operating(rehearse_routes(partial(endless, ended))) as operator:
        async with aiohttp.ClientSession() as session, session.post(operator.url + PATH, json={}) as response:
            await response.content.readany()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_who_reads_nothing_is_waited_for_no_longer_than_bearable() -> None:
    ended = asyncio.Event()
    async with (
        operating(rehearse_routes(partial(endless, ended), patience=0.05)) as operator,
        aiohttp.ClientSession() as session,
        session.post(operator.url + PATH, json={}) as response,
    ):
        async with asyncio.timeout(60):
            await ended.wait()
            with pytest.raises(aiohttp.ClientError):
                await response.read()


async def test_what_is_not_understood_is_refused() -> None:
    async def run(_: Terms) -> Documents:
        yield {"event": "end"}

    async with operating(rehearse_routes(run)) as operator:
        said = await operator.post(PATH, {"deep": 1})
        assert (said.status, "see /openapi.json" in said.document["error"]) == (400, True)
