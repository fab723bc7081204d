"""The switch for all contact with upstreams: `GET /api/v1/state`, `POST /api/v1/freeze`, `POST /api/v1/thaw`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from mirror.admin.documents import answer, sent
from mirror.errors import Code, Refused
from mirror.pull.freezing import Freezing


def contact_routes(freezing: Freezing) -> list[web.RouteDef]:
    """What is answered is the state afterwards: `frozen`, and `since` (RFC 3339) and `reason`, or null."""

    async def state(_: web.Request) -> web.Response:
        return answer(_state(freezing))

    async def freeze(request: web.Request) -> web.Response:
        await freezing.freeze(_reason(await sent(request)))
        return answer(_state(freezing))

    async def thaw(request: web.Request) -> web.Response:
        if await sent(request):
            raise Refused("nothing is to be said with this", code=Code.BAD_REQUEST)
        await freezing.thaw()
        return answer(_state(freezing))

    return [
        web.get("/api/v1/state", state),
        web.post("/api/v1/freeze", freeze),
        web.post("/api/v1/thaw", thaw),
    ]


def _reason(document: dict[str, Any]) -> str:
    match document:
        case {"reason": str(reason), **rest} if not rest:
            return reason
        case _ if not document:
            return ""
    raise Refused("a reason may be given, in words, and nothing else", code=Code.BAD_REQUEST)


def _state(freezing: Freezing) -> dict[str, Any]:
    freeze = freezing.current
    if freeze is None:
        return {"frozen": False, "since": None, "reason": None}
    since = datetime.fromtimestamp(freeze.since, UTC).isoformat(timespec="seconds") if freeze.since else None
    return {"frozen": True, "since": since, "reason": freeze.reason or None}
