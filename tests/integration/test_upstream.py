"""The upstream ring against registries as they are found: with realms, storage elsewhere, TLS, and trouble."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import pytest
import structlog
import uvloop
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Nonsense, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from tests.support.authority import Authority
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.logins import basic
from tests.support.names import Names
from tests.support.raw import RawUpstream, answer
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, opened, pull

LAYER = bytes(range(256)) * 4096  # 1 MiB
SECRET = "canary-password"
PLACES = Names({name: ["127.0.0.1"] for name in ("registry.hub.test", "auth.hub.test", "storage.test")})


async def test_a_private_image_is_pulled_through_realm_and_storage_on_other_hosts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server("registry.hub.test", "auth.hub.test", "storage.test")
    async with FakeRegistry(tls=tls) as server:
        image = server.push_image("team/app", "v1", [LAYER])
        login = server.require_bearer("alice", SECRET)
        server.redirects = True
        server.cdn_name = "storage.test"
        server.realm = server.named("auth.hub.test") + "/token"
        upstream = Upstream(
            endpoints=(server.named("registry.hub.test"),),
            username="alice",
            password=SecretStr(SECRET),
            ca_file=authority.ca_file,
            allow_private_addresses=True,
        )
        setting = Setting(resolver=PLACES)
        async with opened(upstream, setting) as registry:
            manifest = await registry.manifest("team/app", "v1")
            assert image.digest.verifies(manifest.body)
            for digest in (image.config_digest, *image.layer_digests):
                assert digest.verifies(await pull(registry, "team/app", digest))
    assert login.issued == 1
    shown = {(seen.headers["host"].partition(":")[0], seen.headers.get("authorization")) for seen in server.requests}
    assert shown == {
        ("registry.hub.test", None),
        ("registry.hub.test", "Bearer token-1"),
        ("auth.hub.test", basic("alice", SECRET)),
        ("storage.test", None),
    }
    assert SECRET not in str(setting.exchanges)
    assert "canary-1" not in str(setting.exchanges)  # the storage's signature


async def test_a_realm_of_the_same_domain_on_a_private_address_has_to_be_listed() -> None:
    async with FakeRegistry() as server:
        server.push_image("a/b", "v1", [])
        server.require_bearer()
        realm = server.named("auth.hub.test")
        server.realm = realm.replace("http:", "https:") + "/token"
        endpoint = server.named("registry.hub.test")
        async with opened(Upstream(endpoints=(endpoint,)), Setting(resolver=PLACES)) as registry:
            with pytest.raises(Nonsense, match="list the host in `realms`"):
                await registry.manifest("a/b", "v1")
        listed = Upstream(endpoints=(endpoint,), realms=("auth.hub.test",))
        async with opened(listed, Setting(resolver=PLACES)) as registry:
            with pytest.raises(Unreachable, match=r"auth\.hub\.test:[0-9]+ did not"):  # dialled, but it speaks no TLS
                await registry.manifest("a/b", "v1")


async def test_storage_is_verified_with_the_upstreams_own_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other").server("127.0.0.1")
    async with RawUpstream([answer("200 OK", ["Content-Length: 4"], b"blob")], tls=stranger) as storage:
        script = [answer("307 X", [f"Location: {storage.url}/x", "Content-Length: 0"])]
        async with (
            RawUpstream(script, tls=authority.server("127.0.0.1")) as server,
            opened(Upstream(endpoints=(server.url,), ca_file=authority.ca_file)) as registry,
        ):
            with pytest.raises(Unreachable, match="certificate that is not trusted"):
                await pull(registry, "a/b", Digest.of(b"blob"))
        assert storage.requests == []


async def test_one_token_is_fetched_for_a_herd() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_image("a/b", "v1", [])
        login = server.require_bearer()
        await asyncio.gather(*(registry.manifest("a/b", "v1") for _ in range(50)))
        assert login.issued == 1


async def test_an_upstream_that_comes_back_is_used_again() -> None:
    clock = Clock()
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as registry:
        server.push_image("a/b", "v1", [])
        await registry.manifest("a/b", "v1")
        await server.stop()
        for _ in range(3):
            with pytest.raises(Unreachable, match="connection refused"):
                await registry.manifest("a/b", "v1")
        await server.start()
        clock.advance(10)
        assert (await registry.manifest("a/b", "v1")).body


async def test_no_secret_is_logged_or_raised_when_all_goes_wrong(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET)
    file.chmod(0o644)
    faults = [
        Fault(status=401),
        Fault(status=403),
        Fault(status=500),
        Fault(drop=True),
        Fault(headers={"WWW-Authenticate": f'Bearer realm="https://{SECRET}.evil.test/{SECRET}"'}, status=401),
        Fault(status=307, headers={"Location": f"ftp://alice:{SECRET}@evil.test/{SECRET}"}),
        Fault(body=SECRET.encode() * 10, headers={"Content-Encoding": SECRET}),
        Fault(length=1, body=SECRET.encode()),
    ]
    said: list[str] = []
    setting = Setting()
    with structlog.testing.capture_logs() as logs:
        async with FakeRegistry() as server:
            server.push_image("a/b", "v1", [])
            server.require_bearer("alice", SECRET)
            upstream = Upstream(endpoints=(server.url,), username="alice", password_file=file, insecure=True)
            async with opened(upstream, setting) as registry:
                for path in ("/manifests/", "/token"):
                    for fault in faults:
                        server.fail(fault, path=path, times=None)
                        try:
                            said.append(repr(await registry.head_manifest("a/b", "v1")))
                            said.append(repr(await registry.manifest("a/b", "v1")))
                        except UpstreamError as error:
                            said += [str(error), repr(error), *traceback.format_exception(error)]
                        server.heal()
                said.append(repr(vars(registry)))
    assert len(said) > 40
    hosts = f"{SECRET}.evil.test"  # the host of a refused realm is told to the operator, nothing else of it
    assert not [text for text in said if SECRET in text.replace(hosts, "")]
    assert SECRET not in str(logs)
    assert SECRET not in str(setting.exchanges)
    assert basic("alice", SECRET).removeprefix("Basic ") not in str(said)


async def _on_this_loop() -> None:
    names = Names({"storage.test": ["127.0.0.1"]})
    async with FakeRegistry(cdn_host="127.0.0.2") as server:
        image = server.push_image("a/b", "v1", [LAYER])
        server.require_bearer()
        async with opened(Upstream(endpoints=(server.url,)), Setting(LIMITS, names)) as registry:
            assert image.digest.verifies((await registry.manifest("a/b", "v1")).body)
            assert image.layer_digests[0].verifies(await pull(registry, "a/b", image.layer_digests[0]))
            server.fail(Fault(cut_at=1000), "GET", "/blobs/")
            assert image.layer_digests[0].verifies(await pull(registry, "a/b", image.layer_digests[0], resumes=1))
            server.redirects = True
            with pytest.raises(Nonsense, match="private"):
                await pull(registry, "a/b", image.layer_digests[0])
            server.cdn_name = "storage.test"
            with pytest.raises(Nonsense, match="private"):
                await pull(registry, "a/b", image.layer_digests[0])
            assert server.count(path="/objects/") == 0


def test_the_ring_works_on_both_event_loops() -> None:
    for new_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_on_this_loop())
