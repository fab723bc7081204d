from __future__ import annotations

import errno
import socket

import aiohttp
import pytest

from mirror.upstream import egress
from tests.support.names import Names
from tests.support.raw import RawUpstream, answer

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",  # a cloud's metadata
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # a cloud's metadata
    "169.254.169.254",  # nearly every cloud's metadata
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",  # a cloud's metadata
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",  # IPv4-compatible, obsolete
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.2",
    "::ffff:a9fe:a9fe",
    "::ffff:0:7f00:1",  # IPv4-translated
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo of server 0.0.0.0
    "2001:0:4136:e378:8000:63bf:5601:5601",  # Teredo of client 169.254.169.254
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # a cloud's metadata
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:0:4136:e378:8000:63bf:f7f7:f7f7",  # Teredo of client 8.8.8.8
    "2001:4860:4860::8888",
    "2002:808:808::1",
    "2606:4700:4700::1111",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_reserved_and_metadata_addresses_are_forbidden(address: str) -> None:
    assert egress.forbidden(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert not egress.forbidden(address)


@pytest.mark.parametrize("text", ["", "localhost", "2130706433", "0x7f000001", "127.1", "1.2.3.4.5", "::1::"])
def test_what_is_no_address_is_forbidden(text: str) -> None:
    assert egress.forbidden(text)


@pytest.mark.parametrize(
    "host",
    [
        *(address for address in PRIVATE if "%" not in address),
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.0.0.0x1",
        "127.0.0.1.",
        "1.2.3.4.5",
    ],
)
def test_forbidden_addresses_are_told_by_any_spelling(host: str) -> None:
    assert egress.forbidden_name(host)


@pytest.mark.parametrize(
    "host", [*PUBLIC, "registry.test", "3.registry.test", "localhost.test", "localhostX", "0x7f.test", "cafe"]
)
def test_names_and_public_addresses_may_be_dialled_by_their_looks(host: str) -> None:
    assert not egress.forbidden_name(host)


def test_a_socket_is_made_for_a_public_address_only() -> None:
    target = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("8.8.8.8", 443))
    with egress.guarded_socket(target) as made:
        assert (made.family, made.type, made.proto) == target[:3]
    with pytest.raises(egress.AddressForbidden, match="the address is private or reserved") as caught:
        egress.guarded_socket((socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::ffff:127.0.0.1", 443, 0, 0)))
    assert caught.value.errno == errno.EACCES


async def test_a_name_that_turns_to_a_private_address_is_stopped_at_the_socket() -> None:
    async with RawUpstream([answer("200 OK", ["Content-Length: 0"])]) as honeypot:
        names = Names({"rebinding.test": ["127.0.0.1"]})
        connector = aiohttp.TCPConnector(resolver=names, socket_factory=egress.guarded_socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(f"http://rebinding.test:{honeypot.port}/")
        assert isinstance(caught.value.os_error, egress.AddressForbidden)
        assert names.asked == ["rebinding.test"]
        assert honeypot.connections == 0


async def test_a_literal_address_does_not_get_past_the_socket() -> None:
    async with RawUpstream([answer("200 OK", ["Content-Length: 0"])]) as honeypot:
        connector = aiohttp.TCPConnector(socket_factory=egress.guarded_socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://[::ffff:127.0.0.1]:{honeypot.port}/")
        assert honeypot.connections == 0
