"""`GET /api/v1/explain?image=…`: what a pull of this image would do now, and why. No upstream is asked."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from mirror.admin.documents import answer
from mirror.errors import Code, Refused
from mirror.pull.explanation import Explanations

PATH = "/api/v1/explain"


def explain_routes(explanations: Explanations) -> list[web.RouteDef]:
    """Times in the answer are seconds from now."""

    async def explain(request: web.Request) -> web.Response:
        image = request.query.get("image")
        if not image:
            raise Refused("name the image: ?image=ghcr.io/owner/name:tag", code=Code.BAD_REQUEST)
        return answer(asdict(await explanations.explain(image)))

    return [web.get(PATH, explain)]
