"""`POST /api/v1/rehearsal`: which images would not survive an outage, a line each. Nothing is cut off for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import orjson
from aiohttp import web

from mirror.admin.documents import sent
from mirror.admin.lines import PATIENCE, finish, lines, write
from mirror.errors import MirrorError
from mirror.rehearsal.terms import Terms, terms_of
from mirror.tasks import end, spawn

PATH = "/api/v1/rehearsal"
_BEAT = 5.0  # seconds after which an empty line tells that it goes on

Documents = AsyncGenerator[dict[str, Any], None]


def rehearse_routes(
    run: Callable[[Terms], Documents], beat: float = _BEAT, patience: float = PATIENCE
) -> list[web.RouteDef]:
    """`run` rehearses. Spans in the document that is sent are seconds; it may be empty.

    A client that has read nothing for `patience` seconds is taken for gone: no other rehearsal begins meanwhile.
    """

    async def rehearse(request: web.Request) -> web.StreamResponse:
        terms = terms_of(await sent(request))
        documents = run(terms)
        try:
            return await _told(request, documents, beat, patience)
        finally:
            await documents.aclose()

    return [web.post(PATH, rehearse)]


async def _told(request: web.Request, documents: Documents, beat: float, patience: float) -> web.StreamResponse:
    """A line for each document as it comes; an empty one when none has come for `beat` seconds.

    What goes wrong before the first of them is an answer of its own, and afterwards the last line.
    """
    response = lines()
    coming = spawn(_next(documents), "rehearsal")
    try:
        while True:
            come, _ = await asyncio.wait({coming}, timeout=beat)
            line = _line(coming, response.prepared) if come else b""
            if line is None:
                await finish(request, response, patience)
                return response
            if not response.prepared:
                await response.prepare(request)
            await write(request, response, line + b"\n", patience)
            if come:
                coming = spawn(_next(documents), "rehearsal")
    except ConnectionError:
        return response
    finally:
        await end(coming)


def _line(come: asyncio.Task[dict[str, Any] | None], is_under_way: bool) -> bytes | None:
    """What has come, as it is written; None when it was the end. Raises what a rehearsal raises that has not begun."""
    try:
        document = come.result()
    except MirrorError as error:
        if not is_under_way:
            raise
        document = {"event": "end", "error": " ".join(str(error).split())}
    return None if document is None else orjson.dumps(document)


async def _next(documents: Documents) -> dict[str, Any] | None:
    return await anext(documents, None)
