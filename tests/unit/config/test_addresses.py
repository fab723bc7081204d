"""Listening addresses, hosts, networks and URLs as operators write them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.addresses import (
    ListenAddress,
    collide,
    is_loopback,
    parse_endpoint,
    parse_host,
    parse_listen,
    parse_network,
    parse_proxy,
    parse_registry,
)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("127.0.0.1:5000", "127.0.0.1", 5000),
        ("[::]:5000", "::", 5000),
        ("[0:0::1]:80", "::1", 80),
        (":5000", "", 5000),
        ("localhost:0", "localhost", 0),
        (" Mirror.Lan:443 ", "mirror.lan", 443),
    ],
)
def test_a_listening_address_is_a_host_and_a_port(written: str, host: str, port: int) -> None:
    assert parse_listen(written) == ListenAddress(host, port)


def test_a_listening_address_reads_what_it_writes() -> None:
    for address in (ListenAddress("::1", 5000), ListenAddress("", 80), ListenAddress("127.0.0.1", 0)):
        assert parse_listen(str(address)) == address
        assert parse_listen(address) is address


@pytest.mark.parametrize(
    "written",
    ["", "5000", 5000, "::", "::1:5000", "127.0.0.1", "a b:5000", "x:65536", "x:-1", "x:99999", "[::1]", "[x]:1",
     "[1::2::3]:80", "256.0.0.1:80", "-x:80", "http://x:80", "x:80/", "u@x:80", None, True],
)  # fmt: skip
def test_what_is_no_listening_address_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"not an|from 0 to 65535|not a host"):
        parse_listen(written)


@pytest.mark.parametrize("written", ["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1"])
def test_a_network_is_an_address_with_or_without_a_prefix(written: str) -> None:
    network = parse_network(written)
    assert network == ip_network(written)
    assert parse_network(network) is network


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        (":1", "127.0.0.1:1", True),
        (":1", "[::1]:1", True),
        (":1", "mirror.lan:1", True),
        (":1", "0.0.0.0:1", True),
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("0.0.0.0:1", "localhost:1", True),
        ("0.0.0.0:1", "[::1]:1", False),
        ("0.0.0.0:1", "[::]:1", False),
        ("0.0.0.0:1", "mirror.lan:1", False),
        ("[::]:1", "[fd00::1]:1", True),
        ("[::]:1", "127.0.0.1:1", False),
        ("localhost:1", "127.0.0.1:1", True),
        ("127.0.0.2:1", "127.0.0.1:1", False),
        ("mirror.lan:1", "mirror.lan:1", True),
    ],
)
def test_addresses_collide_when_the_system_lets_only_one_be_listened_on(one: str, other: str, expected: bool) -> None:
    addresses = parse_listen(one), parse_listen(other)
    assert collide(*addresses) is expected
    assert collide(*reversed(addresses)) is expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")],
)
def test_the_system_agrees_about_collisions(one: str, other: str) -> None:
    with socket.create_server((one, 0)) as first:
        port = first.getsockname()[1]
        refused = False
        try:
            socket.create_server((other, port)).close()
        except OSError:
            refused = True
    assert collide(ListenAddress(one, port), ListenAddress(other, port)) is refused


def test_loopback_is_known_by_number_and_by_its_one_name() -> None:
    assert [host for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1") if not is_loopback(host)] == []
    assert [host for host in ("10.0.0.1", "127.example", "::", "") if is_loopback(host)] == []


def test_a_network_with_bits_beyond_its_prefix_is_told_the_right_one() -> None:
    with pytest.raises(ValueError, match=r"the network is 10\.0\.0\.0/8"):
        parse_network("10.1.2.3/8")


@pytest.mark.parametrize("written", ["", "ten", "10.0.0.0/33", 10, None, "010.0.0.1", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_network(written)


@pytest.mark.parametrize(
    ("written", "host"),
    [("Hub.Example.COM", "hub.example.com"), ("localhost:5000", "localhost:5000"), ("[::1]:80", "[::1]:80"),
     ("192.0.2.1", "192.0.2.1"), ("a:00080", "a:80")],
)  # fmt: skip
def test_a_host_is_a_name_or_address_with_or_without_a_port(written: str, host: str) -> None:
    assert parse_host(written) == host


@pytest.mark.parametrize(
    "written",
    ["", "https://x.example", "x/", "x:0", "x:65536", "x:", ":80", "a_b", "-a", "a-", "a..b", "a.", "x y", "u@x",
     "[::1", "1.2.3", "0x7f.1", "2130706433", "a" * 64, ".".join(["a" * 50] * 6), 5, None, "ä.example", "x\x00"],
)  # fmt: skip
def test_what_is_no_host_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"not |from 1 to 65535"):
        parse_host(written)


@pytest.mark.parametrize("written", ["docker.io", "localhost", "localhost:5000", "registry:5000", "[::1]:5000"])
def test_a_registry_has_a_dot_or_a_port_or_is_localhost(written: str) -> None:
    assert parse_registry(written) == written


@pytest.mark.parametrize("written", ["library", "docker", "", "docker.io/library"])
def test_what_could_be_the_first_part_of_a_repository_is_no_registry(written: str) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_registry(written)


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("https://registry-1.docker.io", "https://registry-1.docker.io"),
        ("HTTPS://Registry.Example/", "https://registry.example"),
        (" https://registry.example\n", "https://registry.example"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://[2001:db8::1]:8443/a/b-c/", "https://[2001:db8::1]:8443/a/b-c"),
    ],
)
def test_an_endpoint_is_a_base_url_without_the_slash_at_its_end(written: str, endpoint: str) -> None:
    assert parse_endpoint(written) == endpoint


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("registry.example", "begins with https"),
        ("ftp://registry.example", "begins with https"),
        ("https://", "begins with https"),
        ("https:/registry.example", "begins with https"),
        ("https://user:canary@registry.example", "user or password"),
        ("https://user@registry.example", "user or password"),
        ("https://registry.example?x=1", "query"),
        ("https://registry.example/?", "query"),
        ("https://registry.example#top", "fragment"),
        ("https://registry.example/v2/", "/v2"),
        ("https://registry.example/a/../b", "path"),
        ("https://registry.example/a%2fb", "path"),
        ("https://registry.example//a", "path"),
        ("https://registry.example:0", "port"),
        ("https://registry.example:99999", "port"),
        ("https://regis try.example", "space"),
        ("https://[::1", "not a URL"),
        ("https://-x", "host name"),
        (5, "not text"),
    ],
)
def test_what_is_no_endpoint_is_refused_without_being_repeated(written: object, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        parse_endpoint(written)
    assert "canary" not in str(refusal.value)


def test_a_proxy_may_hold_a_user_and_password() -> None:
    assert parse_proxy("http://u:p%40ss@Proxy.lan:3128/") == "http://u:p%40ss@proxy.lan:3128"
    assert parse_proxy("http://[::1]:3128") == "http://[::1]:3128"


@pytest.mark.parametrize(
    "written",
    ["proxy.lan:3128", "http://canary:p@ss@proxy.lan", "http://proxy.lan/canary", "http://canary@", "socks5://x"],
)
def test_what_is_no_proxy_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(ValueError, match=r"not |has a") as refusal:
        parse_proxy(written)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    "parse", [parse_listen, parse_network, parse_host, parse_registry, parse_endpoint, parse_proxy]
)
@given(st.one_of(st.text(), st.from_regex(r"https?://[a-z0-9:@/\[\].?#%-]{0,20}", fullmatch=True), st.integers()))
def test_anything_is_an_address_or_a_value_error(parse: Callable[[object], object], written: object) -> None:
    try:
        value = parse(written)
    except ValueError:
        return
    assert str(value).isprintable()
    assert parse(str(value)) == value
