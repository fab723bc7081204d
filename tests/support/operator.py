"""An operator at the admin listener: one with routes of a test's, or that of a whole mirror."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from mirror.admin.app import admin_app
from mirror.config.addresses import ListenAddress
from mirror.metrics import Metrics
from mirror.server.footing import OwnFigures
from mirror.server.operating import listen_admin


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `document` is what it holds, None where that is no JSON."""

    status: int
    headers: Mapping[str, str]
    document: Any


class Operator:
    """Asks at `url`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str, **headers: str) -> Said:
        return await self.ask("GET", path, None, headers)

    async def post(self, path: str, document: object = None, **headers: str) -> Said:
        """Header names are written with underscores."""
        body = None if document is None else json.dumps(document).encode()
        return await self.ask("POST", path, body, {"Content_Type": "application/json", **headers})

    async def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Said:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(method, self.url + path, data=body, headers=named) as response:
            text = await response.read()
        document = json.loads(text) if response.content_type == "application/json" else None
        return Said(response.status, response.headers, document)


@asynccontextmanager
async def operator(address: tuple[str, int]) -> AsyncIterator[Operator]:
    """For the admin listener there."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Operator(f"http://{ListenAddress(*address)}", session)


@asynccontextmanager
async def operating(api: Sequence[web.RouteDef], names: Collection[str] = ()) -> AsyncIterator[Operator]:
    """For a listener with these routes."""
    app = admin_app(OwnFigures(Metrics("1.2.3")).render, lambda: None, api, names)
    runner = await listen_admin(app, [ListenAddress("127.0.0.1", 0)])
    try:
        async with operator(runner.addresses[0][:2]) as asking:
            yield asking
    finally:
        await runner.cleanup()
