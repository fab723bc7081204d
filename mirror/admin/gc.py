"""`POST /api/v1/gc`: make room now, within the bounds or down to a size; or only tell what would go, and why."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mirror.admin.documents import answer, sent
from mirror.errors import Code, Refused
from mirror.stock.collecting import Collecting

PATH = "/api/v1/gc"
_MEMBERS = {"dry_run", "target"}


def gc_routes(collecting: Collecting) -> list[web.RouteDef]:
    """The document that is sent may be empty: then the bounds are kept, as the mirror does by itself."""

    async def gc(request: web.Request) -> web.Response:
        document = await sent(request)
        target = _target(document)
        match document.get("dry_run", False):
            case True:
                return answer(await collecting.rehearsed(target))
            case False:
                return answer(await collecting.collected(target))
        raise _refusal()

    return [web.post(PATH, gc)]


def _target(document: dict[str, Any]) -> int | None:
    target = document.get("target")
    if document.keys() - _MEMBERS or not (target is None or (type(target) is int and 0 <= target < 1 << 62)):
        raise _refusal()
    return target


def _refusal() -> Refused:
    return Refused(
        "`dry_run` may be given, true or false, and `target` in bytes, and nothing else", code=Code.BAD_REQUEST
    )
