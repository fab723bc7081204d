"""Pulls that the operator orders: `POST /api/v1/pulls`, their progress as lines of JSON, and what is kept ready.

A login in an order is handed on with it, and neither kept nor shown here.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from mirror.admin.documents import answer, sent
from mirror.admin.lines import PATIENCE, finish, lines, write
from mirror.errors import Code, Malformed, Refused
from mirror.jobs.job import Job, State
from mirror.jobs.order import Order
from mirror.jobs.orders import Orders
from mirror.oci.image_name import ImageName
from mirror.oci.platform_choice import parse_platform
from mirror.pull.lending import Loan, parse_loan

PATH = "/api/v1/pulls"
_BEAT = 5.0  # seconds after which an empty line tells that there is nothing new, or that the watcher has gone
_PAUSE = 0.1  # seconds in which changes are collected
_PLATFORMS = 64


def pull_routes(orders: Orders, patience: float = PATIENCE) -> list[web.RouteDef]:
    """Times in the answers are RFC 3339. Who watches and has read nothing for `patience` seconds is taken for gone."""
    jobs = orders.jobs

    async def order(request: web.Request) -> web.Response:
        document = await sent(request)
        quiet, loan = _quiet(document), _loan(document)
        if quiet and loan is not None:
            raise Refused("no login goes with what nobody waits for", code=Code.BAD_REQUEST)
        wanted = _order(document)
        job, joined = jobs.refresh(wanted) if quiet else jobs.order(wanted, loan)
        return answer({**_described(job), "joined": joined})

    async def listed(_: web.Request) -> web.Response:
        return answer({"pulls": [_described(job) for job in jobs]})

    async def one(request: web.Request) -> web.Response:
        return answer(_described(jobs.find(request.match_info["id"])))

    async def cancel(request: web.Request) -> web.Response:
        job = jobs.find(request.match_info["id"])
        await jobs.cancel(job)
        return answer(_described(job), 202 if job.state is State.RUNNING else 200)

    async def events(request: web.Request) -> web.StreamResponse:
        job = jobs.find(request.match_info["id"])
        jobs.watch(job)
        return await _streamed(request, job, patience)

    async def kept(_: web.Request) -> web.Response:
        return answer({"images": [_wanted(order) for order in await orders.warming.orders()]})

    return [
        web.get(PATH, listed, allow_head=False),
        web.post(PATH, order),
        web.get(f"{PATH}/{{id}}", one, allow_head=False),
        web.delete(f"{PATH}/{{id}}", cancel),
        web.get(f"{PATH}/{{id}}/events", events, allow_head=False),
        web.get("/api/v1/images/kept", kept, allow_head=False),
    ]


async def _streamed(request: web.Request, job: Job, patience: float) -> web.StreamResponse:
    """All there is to know about the job, then what changes, until it ends or nobody listens any more."""
    response = lines()
    await response.prepare(request)
    number = 0
    while True:
        changes = job.board.since(number)
        if changes:
            number = changes[-1].number
        news = [orjson.dumps(change.line) for change in changes] or [b""]
        try:
            await write(request, response, b"\n".join([*news, b""]), patience)
            if job.board.closed and not job.board.since(number):
                await finish(request, response, patience)
                return response
        except ConnectionError:
            return response
        if await job.board.wait(number, _BEAT):
            await asyncio.sleep(_PAUSE)


def _described(job: Job) -> dict[str, Any]:
    began = datetime.fromtimestamp(job.began, UTC).isoformat(timespec="seconds")
    wanted = {"platforms": list(job.order.platforms), "referrers": job.order.referrers}
    return {"id": job.id, "image": job.image, **wanted, "state": job.state.value, "urgent": job.urgent, "began": began}


def _wanted(order: Order) -> dict[str, Any]:
    return {"image": str(order.image), "platforms": list(order.platforms), "referrers": order.referrers}


def _order(document: dict[str, Any]) -> Order:
    match document:
        case {"image": str(image), **rest} if not set(rest) - {"platforms", "referrers", "quiet", "login"}:
            platforms, referrers = rest.get("platforms", []), rest.get("referrers", False)
            if _are_platforms(platforms) and isinstance(referrers, bool):
                return _parsed(image, platforms, referrers)
    raise Refused("an order is an image, platforms, referrers, quiet, login: see /openapi.json", code=Code.BAD_REQUEST)


def _are_platforms(value: object) -> bool:
    return isinstance(value, list) and len(value) <= _PLATFORMS and all(isinstance(one, str) for one in value)


def _parsed(image: str, platforms: list[str], referrers: bool) -> Order:
    try:
        return Order(ImageName.parse(image), tuple(map(parse_platform, platforms)), referrers)
    except Malformed as error:
        raise Refused(str(error), code=Code.BAD_REQUEST) from None


def _quiet(document: dict[str, Any]) -> bool:
    quiet = document.get("quiet", False)
    if not isinstance(quiet, bool):
        raise Refused("quiet is true or false", code=Code.BAD_REQUEST)
    return quiet


def _loan(document: dict[str, Any]) -> Loan | None:
    return parse_loan(document["login"]) if document.get("login") is not None else None
