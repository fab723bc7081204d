"""The upstream ring, opened on fake servers with limits that suit tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver

from mirror.settings import Limits, Upstream
from mirror.upstream.exchange import Exchange
from mirror.upstream.registry import Registry
from mirror.upstream.transport import Transport
from tests.support.clock import Clock

# Long enough for a busy machine, short enough for a peer that never answers.
LIMITS = Limits(connect_timeout=2, first_byte_timeout=0.3, read_timeout=0.3, answer_timeout=5)


@dataclass(slots=True)
class Setting:
    """What an upstream lives in; `exchanges` fills up as it is used."""

    limits: Limits = LIMITS
    resolver: AbstractResolver | None = None
    clock: Callable[[], float] = field(default_factory=Clock)
    exchanges: list[Exchange] = field(default_factory=list)


@asynccontextmanager
async def opened(upstream: Upstream, setting: Setting | None = None) -> AsyncIterator[Registry]:
    """The upstream called `fake`, closed at the end."""
    setting = setting or Setting()
    async with transport(upstream, setting) as session:
        registry = Registry("fake", upstream, setting.limits, session, setting.clock)
        try:
            yield registry
        finally:
            await registry.aclose()


def transport(upstream: Upstream, setting: Setting | None = None) -> Transport:
    """The connections of the upstream called `fake`, to be used with `async with`."""
    setting = setting or Setting()
    return Transport("fake", upstream, setting.limits, setting.exchanges.append, setting.resolver)
