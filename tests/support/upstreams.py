"""The upstream ring, opened on fake servers with limits that suit tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver
from yarl import URL

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Interrupted
from mirror.oci.digest import Digest
from mirror.upstream.auth import Access, Keys
from mirror.upstream.credentials import Credentials
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.refusals import Refusals
from mirror.upstream.registry import Registry
from mirror.upstream.report import Exchange
from mirror.upstream.schemes import Door
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock

# Long enough for a busy machine, short enough for a peer that never answers.
LIMITS = Limits(connect_timeout=2, first_byte_timeout=1, read_timeout=1, answer_timeout=5)
QUESTION = Question("manifest", "GET", "a/b", "manifests/v1", Code.MANIFEST_UNKNOWN, {"n": "1"}, {"Accept": "text/x"})


@dataclass(slots=True)
class Setting:
    """What an upstream lives in; `exchanges` fills up as it is used."""

    limits: Limits = LIMITS
    resolver: AbstractResolver | None = None
    environment: dict[str, str] = field(default_factory=dict)
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
    around = Surroundings(setting.resolver, environment=setting.environment, clock=setting.clock, jitter=lambda: 0.5)
    return Transport("fake", upstream, setting.limits, setting.exchanges.append, around)


@asynccontextmanager
async def endpoint(upstream: Upstream, setting: Setting | None = None) -> AsyncIterator[Endpoint]:
    """The first endpoint of the upstream called `fake`."""
    setting = setting or Setting()
    async with transport(upstream, setting) as session:
        refusals = Refusals(setting.clock)
        tokens = Tokens(session, setting.limits, refusals, setting.clock)
        keys = Keys(Credentials("fake", upstream, clock=setting.clock), tokens, refusals, setting.clock)
        certified = upstream.client_certificate is not None
        door = Door("fake", URL(upstream.endpoints[0]), frozenset(upstream.realms), upstream.insecure, certified)
        yield Endpoint(door.endpoint, Access(door, keys), session, setting.limits.redirects)


async def ask(endpoint: Endpoint) -> bytes:
    """The whole answer to QUESTION."""
    return await (await endpoint.ask(QUESTION)).whole(1000)


async def pull(registry: Registry, repository: str, digest: Digest, resumes: int = 0) -> bytes:
    """A blob, gone on with where its body breaks off, at most so many times."""
    got = bytearray()
    for _ in range(resumes + 1):
        async with registry.blob(repository, digest, len(got)) as body:
            del got[body.offset :]
            try:
                while piece := await body.read():
                    got += piece
            except Interrupted:
                continue
            return bytes(got)
    raise Interrupted("resumed as often as was allowed")
