"""Client certificates: who is shown one, and that a new one is taken up."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Unreachable
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport
from tests.support.authority import Authority
from tests.support.names import Names
from tests.support.raw import RawUpstream, answer
from tests.support.upstreams import Setting, transport

OK = [answer("200 OK", ["Content-Length: 2", "Connection: close"], b"{}")]
NAMES = {"registry.test": ["127.0.0.1"], "auth.test": ["127.0.0.1"], "cdn.test": ["127.0.0.1"]}


async def _get(session: Transport, url: str) -> bytes:
    return await (await session.exchange(Request("manifest", "GET", URL(url), {}))).whole(100)


def _demanding(authority: Authority, *names: str) -> ssl.SSLContext:
    """A server's context that turns away who shows no certificate of this authority."""
    context = authority.server(*names)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # who is turned away hears of it in the handshake
    return context


def _upstream(authority: Authority, port: int, certificate: Path, key: Path) -> Upstream:
    return Upstream(
        endpoints=(f"https://registry.test:{port}",),
        realms=("auth.test",),
        ca_file=authority.ca_file,
        client_certificate=certificate,
        client_key=key,
        allow_private_addresses=True,
    )


async def test_a_client_certificate_is_shown_to_the_operators_own_hosts_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("client.test")
    async with RawUpstream(OK, tls=_demanding(authority, *NAMES)) as server:
        setting = Setting(resolver=Names(NAMES))
        async with transport(_upstream(authority, server.port, certificate, key), setting) as session:
            assert await _get(session, f"https://registry.test:{server.port}/") == b"{}"
            assert await _get(session, f"https://auth.test:{server.port}/") == b"{}"
            with pytest.raises(Unreachable):
                await _get(session, f"https://cdn.test:{server.port}/")
    assert len(server.requests) == 2


async def test_without_a_certificate_nobody_is_let_in(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with RawUpstream(OK, tls=_demanding(authority, "127.0.0.1")) as server:
        async with transport(Upstream(endpoints=(server.url,), ca_file=authority.ca_file)) as session:
            with pytest.raises(Unreachable):
                await _get(session, server.url)
        assert server.requests == []
