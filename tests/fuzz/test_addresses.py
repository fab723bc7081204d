"""However an address is written and whoever writes it: what is not for the public internet is not dialled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mirror.config.settings import Limits, Upstream
from mirror.errors import UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_MANIFEST
from mirror.upstream.registry import Registry as Client
from mirror.upstream.surroundings import Surroundings
from tests.fakes.addresses import NAMED, OURSELVES, SPELLINGS, Lenient, dialled
from tests.fakes.answers import challenged, redirected
from tests.fakes.registry import Registry
from tests.support.checker import got
from tests.support.faults import Fault
from tests.support.listener import Listener
from tests.support.measured import Share, note
from tests.support.mirror import MirrorUnderTest
from tests.support.upstreams import Setting, opened, pull

Vector = Callable[[Registry, str, int], None]
LAYER = b"a layer that lies elsewhere"
LIMITS = Limits(connect_timeout=3, first_byte_timeout=2, read_timeout=2, answer_timeout=4)  # seconds


class Trap:
    """Every address of this machine, on one port: whoever comes is counted."""

    def __init__(self) -> None:
        self._four = Listener(self._sprung, "0.0.0.0")
        self._six = Listener(self._sprung, "::")

    async def __aenter__(self) -> Trap:
        await self._four.start()
        self._six.port = self._four.port
        await self._six.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._four.aclose()
        await self._six.aclose()

    @property
    def port(self) -> int:
        return self._four.port

    @property
    def sprung(self) -> int:
        return self._four.connections + self._six.connections

    async def _sprung(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)


def realm(scheme: str) -> Vector:
    def set_up(home: Registry, host: str, port: int) -> None:
        value = f'Bearer realm="{scheme}://{host}:{port}/token",service="s"'
        home.fail(challenged(_on_the_wire(value)), path="/v2/", times=None)

    return set_up


def redirect(path: str) -> Vector:
    return lambda home, host, port: home.fail(
        redirected(_on_the_wire(f"http://{host}:{port}/v2/a/b{path}x")), path=path, times=None
    )


def redirect_without_a_scheme(home: Registry, host: str, port: int) -> None:
    home.fail(redirected(_on_the_wire(f"//{host}:{port}/x")), path="/manifests/", times=None)


def redirect_of_the_realm(home: Registry, host: str, port: int) -> None:
    home.require_bearer()
    home.realm = f"http://registry.test:{home.port}/token"
    home.fail(redirected(_on_the_wire(f"http://{host}:{port}/token")), path="/token", times=None)


def link(home: Registry, host: str, port: int) -> None:
    value = _on_the_wire(f'<http://{host}:{port}/v2/a/b/tags/list?cursor=1>; rel="next"')
    home.fail(Fault(headers={"Link": value}), path="/tags/", times=1)


def link_of_referrers(home: Registry, host: str, port: int) -> None:
    value = _on_the_wire(f'<http://{host}:{port}/v2/a/b/referrers/x?cursor=1>; rel="next"')
    home.referrers = True
    home.fail(Fault(headers={"Link": value}), path="/referrers/", times=1)


def _on_the_wire(text: str) -> str:
    """Headers are written in Latin-1: bytes of UTF-8 pass through it unharmed."""
    return text.encode().decode("latin-1")


VECTORS: Mapping[str, Vector] = {
    "realm": realm("https"),
    "realm in plain text": realm("http"),
    "redirect of a manifest": redirect("/manifests/"),
    "redirect of a blob": redirect("/blobs/"),
    "redirect of a list": redirect("/tags/"),
    "redirect without a scheme": redirect_without_a_scheme,
    "redirect of the realm": redirect_of_the_realm,
    "redirect of referrers": redirect("/referrers/"),
    "link": link,
    "link of referrers": link_of_referrers,
}


async def everything(client: Client, digest: Digest) -> None:
    """Ask all that a pull asks, and care for no answer."""
    with suppress(UpstreamError):
        await client.head_manifest("a/b", "v1")
    with suppress(UpstreamError):
        await client.manifest("a/b", "v1")
    with suppress(UpstreamError):
        await pull(client, "a/b", digest)
    with suppress(UpstreamError):
        await client.tags("a/b", 1)
    with suppress(UpstreamError):
        await client.referrers("a/b", digest)


@asynccontextmanager
async def home_and_trap() -> AsyncIterator[tuple[Registry, Trap, Digest]]:
    async with Registry() as home, Trap() as trap:
        home.push_image("a/b", "v1", [])
        yield home, trap, home.push_blob("a/b", LAYER)


async def tried(home: Registry, trap: Trap, digest: Digest, allowed: bool) -> set[tuple[str, int]]:
    """Where the client connected to, beside home."""
    endpoint = f"http://registry.test:{home.port}"
    upstream = Upstream(endpoints=(endpoint,), allow_private_addresses=allowed)
    with dialled() as addresses:
        async with opened(upstream, Setting(LIMITS, Lenient())) as client:
            await everything(client, digest)
    assert addresses, "nobody was asked at all"
    return addresses - {("127.0.0.1", home.port)}


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
async def test_no_answer_has_a_forbidden_address_dialled(vector: Vector) -> None:
    async with home_and_trap() as (home, trap, digest):
        gone: dict[str, set[tuple[str, int]]] = {}
        for host in SPELLINGS:
            vector(home, host, trap.port)
            if elsewhere := await tried(home, trap, digest, allowed=False):
                gone[host] = elsewhere
            home.heal()
            home.login = None
        note(Share("F10", "spellings of forbidden addresses by ways to name one: dialled", len(gone), len(SPELLINGS)))
        assert gone == {}
        assert trap.sprung == 0


async def test_the_trap_and_the_spellings_are_good() -> None:
    async with home_and_trap() as (home, trap, digest):
        reached = 0
        for host in OURSELVES:
            redirect("/manifests/")(home, host, trap.port)
            reached += any(port == trap.port for _, port in await tried(home, trap, digest, allowed=True))
            home.heal()
        assert reached >= 30
        for path in ("/manifests/", "/blobs/", "/tags/", "/referrers/"):
            assert home.count(path=path) >= len(OURSELVES)
        assert trap.sprung >= 30


def test_there_are_spellings_enough() -> None:
    assert len(SPELLINGS) >= 60


async def _status(address: tuple[str, int], target: str) -> int:
    """What is answered to this request line, as it is."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


async def test_no_client_has_anything_dialled_that_is_not_configured(tmp_path: Path) -> None:
    patterns: Mapping[str, Any] = {"upstreams": {"*.pkg.dev": {}, "*.dkr.ecr.*.amazonaws.com": {}}}
    async with home_and_trap() as (home, trap, _), MirrorUnderTest(tmp_path, home.url, patterns) as mirror:
        own = mirror.mirror.listeners.bound[0]
        heard: dict[str, int] = {}
        with dialled() as addresses:
            for host in SPELLINGS:
                for spelt in (host, f"{host}:{trap.port}"):
                    heard[spelt] = await _status((own.host, own.port), f"/v2/a/b/manifests/v1?ns={spelt}")
            assert home.requests == []
            for host in SPELLINGS:
                await _status((own.host, own.port), f"/v2/{host}:{trap.port}/a/b/manifests/v1")
                await _status((own.host, own.port), f"http://{host}:{trap.port}/v2/a/b/manifests/v1")
        assert set(heard.values()) <= {400, 404}
        assert addresses <= {(own.host, own.port), ("127.0.0.1", home.port)}
        assert trap.sprung == 0


async def test_no_url_in_a_manifest_is_dialled(tmp_path: Path) -> None:
    async with home_and_trap() as (home, trap, _), MirrorUnderTest(tmp_path, home.url) as mirror:
        away = Digest.of(b"not here")
        layer = {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": str(away), "size": 8}
        urls = [f"http://{host}:{trap.port}/layer" for host in SPELLINGS]
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": str(away), "size": 8}
        document = {"schemaVersion": 2, "config": config, "layers": [{**layer, "urls": urls}]}
        body = json.dumps(document).encode()
        home.push_manifest("a/b", "foreign", body, OCI_MANIFEST)
        with dialled() as addresses:
            assert (await got(mirror, "/v2/a/b/manifests/foreign")).body == body
            assert (await got(mirror, f"/v2/a/b/blobs/{away}")).status == 404
        own = mirror.mirror.listeners.bound[0]
        assert addresses <= {(own.host, own.port), ("127.0.0.1", home.port)}
        assert ("127.0.0.1", home.port) in addresses
        assert trap.sprung == 0


async def test_a_host_that_a_client_chooses_within_a_pattern_is_not_dialled_there(tmp_path: Path) -> None:
    async with home_and_trap() as (home, trap, _):
        pattern = f"*.registry.test:{trap.port}"
        around = Surroundings(resolver=Lenient())
        inside = [name for name in NAMED if name.endswith(".registry.test")]
        assert len(inside) >= 7
        async with MirrorUnderTest(tmp_path, home.url, {"upstreams": {pattern: {}}}, around) as mirror:
            own = mirror.mirror.listeners.bound[0]
            with dialled() as addresses:
                for host in inside:
                    assert await _status((own.host, own.port), f"/v2/a/b/manifests/v1?ns={host}:{trap.port}") == 502
                    assert await _status((own.host, own.port), f"/v2/{host}:{trap.port}/a/b/manifests/v1") == 502
            assert addresses == {(own.host, own.port)}
        assert trap.sprung == 0
