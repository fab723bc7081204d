"""Requests by a proxy that the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import ConfigurationError, Nonsense, Unreachable
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport
from tests.support.authority import Authority
from tests.support.logins import basic
from tests.support.names import Names
from tests.support.raw import RawUpstream, answer
from tests.support.tunnel import TunnelProxy
from tests.support.upstreams import Setting, transport

OK = [answer("200 OK", ["Content-Length: 2"], b"{}")]


async def _get(session: Transport, url: str) -> bytes:
    return await (await session.exchange(Request("manifest", "GET", URL(url, encoded=True), {}))).whole(100)


async def test_a_proxy_of_the_environment_is_shown_its_own_login_and_the_registry_not() -> None:
    async with RawUpstream(OK) as proxy:
        setting = Setting(environment={"http_proxy": proxy.url.replace("//", "//user:canary@")})
        async with transport(Upstream(endpoints=("http://registry.test",)), setting) as session:
            assert await _get(session, "http://registry.test/a?b") == b"{}"
            assert await _get(session, "http://cdn.test/c") == b"{}"
    assert [seen.target for seen in proxy.requests] == ["http://registry.test/a?b", "http://cdn.test/c"]
    assert [seen.headers["proxy-authorization"] for seen in proxy.requests] == [basic("user", "canary")] * 2
    assert "canary" not in repr(setting.exchanges)


async def test_a_registry_over_tls_is_asked_for_through_a_tunnel() -> None:
    async with RawUpstream([answer("403 No", ["Content-Length: 0"])]) as proxy:
        setting = Setting(environment={"HTTPS_PROXY": proxy.url.replace("//", "//user:canary@")})
        async with transport(Upstream(endpoints=("https://registry.test",)), setting) as session:
            with pytest.raises(Unreachable, match="the configured proxy answered 403") as caught:
                await _get(session, "https://registry.test/")
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "registry.test:443")
    assert proxy.requests[0].headers["proxy-authorization"] == basic("user", "canary")
    assert "canary" not in str(caught.value)


async def test_through_a_tunnel_the_registrys_own_certificate_counts_and_the_proxy_sees_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server("registry.test")
    async with TunnelProxy() as proxy, RawUpstream(OK, tls=tls) as server:
        setting = Setting(environment={"HTTPS_PROXY": proxy.url})
        endpoint = f"https://registry.test:{server.port}"
        async with transport(Upstream(endpoints=(endpoint,), ca_file=authority.ca_file), setting) as session:
            request = Request("manifest", "GET", URL(f"{endpoint}/v2/"), {"Authorization": "Bearer canary"})
            assert await (await session.exchange(request)).whole(100) == b"{}"
            with pytest.raises(Unreachable, match="certificate that is not trusted"):
                await _get(session, f"https://another.test:{server.port}/")
    assert [seen.target.partition(":")[0] for seen in proxy.requests] == ["registry.test", "another.test"]
    assert [seen.headers["authorization"] for seen in server.requests] == ["Bearer canary"]
    assert b"canary" not in proxy.passed
    assert "canary" not in repr([seen.headers for seen in proxy.requests])


async def test_who_is_named_by_no_proxy_and_this_machine_are_dialled() -> None:
    names = Names({"registry.test": ["127.0.0.1"]})
    async with RawUpstream(OK) as proxy, RawUpstream(OK) as server:
        setting = Setting(resolver=names, environment={"http_proxy": proxy.url, "no_proxy": ".test,registry.test"})
        endpoints = (f"http://registry.test:{server.port}", server.url)
        async with transport(Upstream(endpoints=endpoints), setting) as session:
            for url in endpoints:
                assert await _get(session, f"{url}/x") == b"{}"
    assert proxy.requests == []
    assert [seen.target for seen in server.requests] == ["/x", "/x"]


async def test_who_an_answer_named_is_still_checked_when_no_proxy_lets_it_be_dialled() -> None:
    names = Names({"registry.test": ["127.0.0.1"], "cdn.internal": ["127.0.0.1"]})
    async with RawUpstream(OK) as proxy, RawUpstream(OK) as server:
        setting = Setting(resolver=names, environment={"http_proxy": proxy.url, "no_proxy": "internal"})
        async with transport(Upstream(endpoints=("http://registry.test",)), setting) as session:
            with pytest.raises(Nonsense, match="private"):
                await _get(session, f"http://cdn.internal:{server.port}/")
    assert server.connections == proxy.connections == 0


async def test_a_proxy_of_the_environment_is_not_asked_for_an_address_that_is_private_by_its_looks() -> None:
    async with RawUpstream(OK) as proxy:
        setting = Setting(environment={"http_proxy": proxy.url})
        async with transport(Upstream(endpoints=("http://10.0.0.1",)), setting) as session:
            assert await _get(session, "http://10.0.0.1/") == b"{}"  # the operator's own
            for host in ("10.0.0.2", "localhost", "[::1]", "2130706433", "0x7f000001", "169.254.169.254"):
                with pytest.raises(Nonsense, match="private"):
                    await _get(session, f"http://{host}/")
    assert len(proxy.requests) == 1


async def test_a_proxy_of_the_environment_that_cannot_be_used_is_the_operators_error() -> None:
    with pytest.raises(ConfigurationError, match=r"^the environment variable https_proxy: "):
        transport(Upstream(), Setting(environment={"https_proxy": "socks5://proxy.test"}))
