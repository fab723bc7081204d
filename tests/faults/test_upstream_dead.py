"""Nobody is there, or nobody who can be believed: each kind of request hears so in time, and what is held is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from yarl import URL

from mirror.upstream.surroundings import Surroundings
from tests.fakes.addresses import dialled
from tests.fakes.registry import Registry
from tests.faults.kinds import KINDS, filled
from tests.support.authority import Authority
from tests.support.checker import Cache
from tests.support.listener import Listener
from tests.support.mirror import MirrorUnderTest
from tests.support.names import Names

DEADLINE = 5.0  # seconds
ASKED = ("tag", "digest", "head", "blob", "tags")
LIMITS = {"connect_timeout": "700ms", "first_byte_timeout": "700ms", "answer_timeout": "2s"}
POLICY = {"not_found_ttl": "0s", "tag_ttl": "0s", "stale_for": "1h"}
CACHED = {"tag": "stale", "digest": "whole", "head": "stale", "blob": "whole", "tags": "stale"}


Dying = Callable[[Authority], AbstractAsyncContextManager[URL]]


@asynccontextmanager
async def refused(_: Authority) -> AsyncIterator[URL]:
    async with Registry() as registry:
        url = URL(registry.url)
    yield url


@asynccontextmanager
async def unknown(_: Authority) -> AsyncIterator[URL]:
    yield URL("http://gone.test")


@asynccontextmanager
async def untrusted(stranger: Authority) -> AsyncIterator[URL]:
    async with filled(Registry(tls=stranger.server("127.0.0.1"))) as registry:
        yield URL(registry.url)
        assert registry.requests == []


async def _in_plain_text(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()


@asynccontextmanager
async def plain(_: Authority) -> AsyncIterator[URL]:
    async with Listener(_in_plain_text, "127.0.0.1") as listener:
        yield URL(f"https://127.0.0.1:{listener.port}")


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@asynccontextmanager
async def silent(_: Authority) -> AsyncIterator[URL]:
    """The handshake of TLS is begun, and nobody goes on with it."""
    async with Listener(_silent, "127.0.0.1") as listener:
        yield URL(f"https://127.0.0.1:{listener.port}")


DYING: Mapping[str, tuple[Dying, int]] = {  # with what a client hears of what is not cached
    "refused": (refused, 503),
    "a name that does not resolve": (unknown, 503),
    "a certificate of a stranger's": (untrusted, 503),
    "no TLS": (plain, 503),
    "silence in the handshake": (silent, 504),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(("dying", "status"), DYING.values(), ids=DYING)
async def test_a_registry_that_is_not_there_is_said_so_or_not_missed(
    tmp_path: Path, dying: Dying, status: int, name: str
) -> None:
    kind = KINDS[name]
    around = Surroundings(resolver=Names({}))
    settings = {"limits": LIMITS, "upstreams": {"docker.io": POLICY}}
    async with dying(Authority(tmp_path)) as dead:
        async with MirrorUnderTest(tmp_path / "empty", str(dead), settings, around) as mirror:
            with dialled() as addresses:
                async with asyncio.timeout(DEADLINE):
                    assert kind.heard(await kind.ask(mirror)) == str(status)
            assert Cache.of(mirror).under_way == []
        assert ((dead.host, dead.port) in addresses) is (dying is not unknown)
        async with filled(Registry()) as registry, MirrorUnderTest(tmp_path, registry.url, settings) as mirror:
            for one in ASKED:
                assert KINDS[one].heard(await KINDS[one].ask(mirror)) == "whole"
        async with MirrorUnderTest(tmp_path, str(dead), settings, around) as mirror:
            async with asyncio.timeout(DEADLINE):
                assert kind.heard_cached(await kind.ask(mirror)) == CACHED[name]
