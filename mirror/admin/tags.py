"""Tags: `GET /api/v1/tags` and `…/history?image=…`, `POST /api/v1/tags/pin`, `…/unpin` and `…/rollback`."""

from __future__ import annotations

from aiohttp import web

from mirror.admin.documents import answer, sent
from mirror.admin.queries import number, parameters
from mirror.errors import Code, Refused
from mirror.pull.tag_documents import chosen, moves_document, tag_document
from mirror.pull.tag_keeping import PAGE, TagKeeping

PATH = "/api/v1/tags"

_LAST = 2**63 - 1  # the last number that a move can have


def tag_routes(keeping: TagKeeping) -> list[web.RouteDef]:
    """Times in the answers are moments (RFC 3339)."""

    async def tags(request: web.Request) -> web.Response:
        return answer({"tags": [tag_document(tag) for tag in await keeping.tags(_image(request))]})

    async def history(request: web.Request) -> web.Response:
        query = parameters(request, ("image", "limit", "before"))
        before = number(query, "before", _LAST) if "before" in query else None
        limit = number(query, "limit", PAGE) if "limit" in query else PAGE
        return answer(moves_document(await keeping.history(_image(request), limit, before)))

    async def pin(request: web.Request) -> web.Response:
        match await sent(request):
            case {"image": str(image), **rest} if not rest:
                return answer(tag_document(await keeping.pin(image)))
            case {"image": str(image), "to": str(to), **rest} if not rest:
                return answer(tag_document(await keeping.pin(image, to)))
        raise _misunderstood("an image, and a digest `to` which it is to be pinned or none")

    async def unpin(request: web.Request) -> web.Response:
        match await sent(request):
            case {"image": str(image), **rest} if not rest:
                return answer(tag_document(await keeping.unpin(image)))
        raise _misunderstood("an image")

    async def rollback(request: web.Request) -> web.Response:
        match await sent(request):
            case {"image": str(image), **rest}:
                return answer(tag_document(await keeping.roll_back(image, chosen(rest))))
        raise _misunderstood("an image")

    return [
        web.get(PATH, tags),
        web.get(f"{PATH}/history", history),
        web.post(f"{PATH}/pin", pin),
        web.post(f"{PATH}/unpin", unpin),
        web.post(f"{PATH}/rollback", rollback),
    ]


def _image(request: web.Request) -> str:
    image = request.query.get("image")
    if not image:
        raise Refused("name the image: ?image=ghcr.io/owner/name:tag", code=Code.BAD_REQUEST)
    return image


def _misunderstood(wanted: str) -> Refused:
    return Refused(f"what is wanted is {wanted}, and nothing else", code=Code.BAD_REQUEST)
