"""Where requests may go, and whose certificates are believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import ConfigurationError, Nonsense, Unreachable
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport
from tests.support.authority import Authority
from tests.support.names import Names
from tests.support.raw import RawUpstream, answer
from tests.support.upstreams import Setting, transport

OK = [answer("200 OK", ["Content-Length: 2"], b"{}")]


async def _get(session: Transport, url: str, **headers: str) -> bytes:
    return await (await session.exchange(Request("manifest", "GET", URL(url, encoded=True), headers))).whole(100)


NAMES = {name: ["127.0.0.1"] for name in ("registry.test", "other.test", "auth.test", "sub.registry.test")}


async def test_the_operators_own_hosts_may_lie_on_private_addresses() -> None:
    setting = Setting(resolver=Names(NAMES))
    async with RawUpstream(OK) as server:
        upstream = Upstream(
            endpoints=(f"http://registry.test:{server.port}",), realms=(f"auth.test:{server.port}", "127.0.0.1")
        )
        async with transport(upstream, setting) as session:
            for host in ("registry.test", "REGISTRY.test", "auth.test", "127.0.0.1"):
                assert await _get(session, f"http://{host}:{server.port}/") == b"{}"


@pytest.mark.parametrize(
    "host", ["other.test", "sub.registry.test", "127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f.1"]
)
async def test_other_hosts_on_private_addresses_are_refused(host: str) -> None:
    setting = Setting(resolver=Names(NAMES))
    async with RawUpstream(OK) as server:
        async with transport(Upstream(endpoints=(f"http://registry.test:{server.port}",)), setting) as session:
            with pytest.raises(Nonsense, match="allow_private_addresses"):
                await _get(session, f"http://{host}:{server.port}/")
        assert server.connections == 0
    assert [one.failure for one in setting.exchanges] == ["nonsense"]


async def test_a_listed_port_does_not_open_the_others_of_its_host() -> None:
    setting = Setting(resolver=Names(NAMES))
    async with RawUpstream(OK) as server:
        upstream = Upstream(endpoints=("http://registry.test",), realms=("auth.test:1",))
        async with transport(upstream, setting) as session:
            with pytest.raises(Nonsense):
                await _get(session, f"http://auth.test:{server.port}/")
        assert server.connections == 0


async def test_a_connection_of_a_trusted_name_is_not_lent_to_another_name() -> None:
    setting = Setting(resolver=Names(NAMES))
    async with RawUpstream(OK) as server:
        async with transport(Upstream(endpoints=(f"http://registry.test:{server.port}",)), setting) as session:
            await _get(session, f"http://registry.test:{server.port}/")
            with pytest.raises(Nonsense):
                await _get(session, f"http://other.test:{server.port}/")
        assert server.connections == 1


async def test_private_addresses_may_be_allowed_altogether() -> None:
    setting = Setting(resolver=Names(NAMES))
    async with RawUpstream(OK) as server:
        upstream = Upstream(endpoints=("http://registry.test",), allow_private_addresses=True)
        async with transport(upstream, setting) as session:
            assert await _get(session, f"http://other.test:{server.port}/") == b"{}"


# --- TLS


async def test_a_certificate_of_an_added_authority_is_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with RawUpstream(OK, tls=authority.server("127.0.0.1")) as server:
        upstream = Upstream(endpoints=(server.url,), ca_file=authority.ca_file)
        async with transport(upstream) as session:
            assert await _get(session, server.url) == b"{}"


async def test_a_certificate_of_an_unknown_authority_is_not_trusted_even_if_insecure(tmp_path: Path) -> None:
    async with RawUpstream(OK, tls=Authority(tmp_path).server("127.0.0.1")) as server:
        async with transport(Upstream(endpoints=(server.url,), insecure=True)) as session:
            with pytest.raises(Unreachable, match="certificate that is not trusted"):
                await _get(session, server.url)
        assert server.requests == []


async def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with RawUpstream(OK, tls=authority.server("other.test")) as server:
        async with transport(Upstream(endpoints=(server.url,), ca_file=authority.ca_file)) as session:
            with pytest.raises(Unreachable, match="certificate that is not trusted"):
                await _get(session, server.url)
        assert server.requests == []


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_the_operators_error(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"^upstreams\.fake\.ca_file: "):
        transport(Upstream(ca_file=file))


# --- proxy


async def test_everything_goes_through_a_configured_proxy() -> None:
    async with RawUpstream(OK) as proxy:
        url = SecretStr(proxy.url.replace("//", "//user:canary@"))
        async with transport(Upstream(endpoints=("http://registry.test",), proxy=url)) as session:
            assert await _get(session, "http://registry.test/a?b") == b"{}"
            assert await _get(session, "http://cdn.test/c") == b"{}"
    assert [request.target for request in proxy.requests] == ["http://registry.test/a?b", "http://cdn.test/c"]
    assert all("proxy-authorization" in request.headers for request in proxy.requests)


async def test_a_proxy_is_asked_for_a_tunnel_and_its_refusal_explained() -> None:
    async with RawUpstream([answer("407 No", ["Content-Length: 0"])]) as proxy:
        url = SecretStr(proxy.url.replace("//", "//user:canary@"))
        async with transport(Upstream(endpoints=("https://registry.test",), proxy=url)) as session:
            with pytest.raises(Unreachable, match="the configured proxy answered 407") as caught:
                await _get(session, "https://registry.test/")
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "registry.test:443")
    assert "canary" not in str(caught.value)


async def test_a_proxy_that_wants_another_login_is_not_taken_for_the_registry() -> None:
    setting = Setting()
    async with RawUpstream([answer("407 No", ["Content-Length: 0"])]) as proxy:
        upstream = Upstream(endpoints=("http://registry.test",), proxy=SecretStr(proxy.url))
        async with transport(upstream, setting) as session:
            with pytest.raises(Unreachable, match=r"the configured proxy answered 407 for registry\.test"):
                await _get(session, "http://registry.test/")
    assert [(one.status, one.failure) for one in setting.exchanges] == [(407, "unreachable")]


async def test_without_a_proxy_a_407_is_the_registrys_own() -> None:
    script = [answer("407 No", ["Content-Length: 0"])]
    async with RawUpstream(script) as server, transport(Upstream(endpoints=(server.url,))) as session:
        response = await session.exchange(Request("manifest", "GET", URL(server.url)))
        response.close()
    assert response.status == 407


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_cannot_be_found_is_named(scheme: str) -> None:
    upstream = Upstream(endpoints=(f"{scheme}://registry.test",), proxy=SecretStr("http://u:canary@proxy.test:3128"))
    async with transport(upstream, Setting(resolver=Names({}))) as session:
        with pytest.raises(Unreachable, match="the configured proxy cannot be found") as caught:
            await _get(session, f"{scheme}://registry.test/")
    assert "canary" not in str(caught.value)


async def test_a_proxy_is_not_asked_for_an_address_that_is_private_by_its_looks() -> None:
    async with RawUpstream(OK) as proxy:
        upstream = Upstream(endpoints=("http://10.0.0.1",), proxy=SecretStr(proxy.url))
        async with transport(upstream) as session:
            assert await _get(session, "http://10.0.0.1/") == b"{}"  # the operator's own
            for host in ("10.0.0.2", "localhost", "[::1]", "2130706433", "0x7f000001", "169.254.169.254"):
                with pytest.raises(Nonsense, match="private"):
                    await _get(session, f"http://{host}/")
    assert len(proxy.requests) == 1
