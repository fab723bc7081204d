"""A receiver of web hooks, as a real server on a loopback port, that answers as it is told to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.sealed import Sealed
from tests.support.sealed_loop import SealedLoop


@dataclass(frozen=True, slots=True)
class Posted:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        (event,) = json.loads(self.body)["events"]
        found: dict[str, Any] = event
        return found

    def is_signed_with(self, secret: bytes) -> bool:
        """Whether its header has what this secret makes of its body, in the way of GitHub's web hooks."""
        expected = hmac.new(secret, self.body, hashlib.sha256).hexdigest()
        return self.headers.get("X-Hub-Signature-256") == f"sha256={expected}"


@dataclass(slots=True)
class Hook:
    """`answers` are the statuses of the next requests; then it is 204. `held`: set, so that requests are answered."""

    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.Response:
        self.posted.append(Posted(request.path_qs, dict(request.headers), await request.read()))
        self.news.set()
        await self.held.wait()
        status = self.answers.pop(0) if self.answers else 204
        headers = {"Location": f"{self.url}/elsewhere"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers)

    async def came(self, count: int) -> list[Posted]:
        """What has come, once it is so many; TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            while len(self.posted) < count:
                self.news.clear()
                await self.news.wait()
        return self.posted


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    """One that answers at once."""
    hook = Hook()
    hook.held.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hook.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        hook.url = f"http://{host}:{port}"
        yield hook
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class SealedHook:
    """A hook inside a sealed network, as a test outside of it sees it."""

    hook: Hook
    loop: SealedLoop

    @property
    def url(self) -> str:
        return self.hook.url

    def came(self, count: int) -> list[Posted]:
        return self.loop.do(self.hook.came(count))


@contextmanager
def hooked_inside(sealed: Sealed) -> Iterator[SealedHook]:
    """One that answers at once, for the daemons inside."""
    with SealedLoop(sealed, "hook") as loop:
        leave = AsyncExitStack()
        hook = loop.do(leave.enter_async_context(hooked()))
        try:
            yield SealedHook(hook, loop)
        finally:
            loop.do(leave.aclose())
