"""How somebody may write an address that he has no business with, and who hears of it when it is dialled.

A host is written as it stands in a URL; names lead where `Lenient` says. Everything is private, reserved or our own.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiohttp.abc import AbstractResolver, ResolveResult

# All of these are this machine, for one reader or another.
OURSELVES = (
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "127.0.0.1.", "127.1."),
    *("2130706433", "2130706433.", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1", "0x7f.0x0.0x0.0x1"),
    *("0177.0.0.1", "0177.1", "017700000001", "0177.0x0.0.1", "127.000.000.001", "0000127.0.0.1"),
    *("0.0.0.0", "0", "0x0", "00", "0.0", "0.0.0.0."),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[0::0]", "[::0.0.0.1]"),
    *("[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0.0.0.0]"),
    *("[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]"),
    *("[::1%25lo]", "[::1%lo]", "[::1%251]", "[::ffff:127.0.0.1%25lo]"),
    *("localhost", "LocalHost", "localhost.", "me.localhost", "localhost.localdomain", "ip6-localhost"),
)
METADATA = (
    *("169.254.169.254", "169.254.169.254.", "169.254.43518", "169.16689662", "2852039166", "0xa9fea9fe"),
    *("0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "025177524776", "169.254.170.2", "168.63.129.16"),
    *("100.100.100.200", "192.0.0.192", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::a9fe:a9fe]"),
    *("[64:ff9b::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]"),
    *("[2001:0:a9fe:a9fe::]", "[fe80::a9fe:a9fe%25lo]"),
)
RESERVED = (
    *("10.0.0.1", "10.1", "0xa000001", "012.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.1"),
    *("100.64.0.1", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[ff02::1]", "[2001:db8::1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:c0a8:1::]"),
    *("[fec0::1]", "[100::1]", "[2001:0:7f00:1::]"),
)
# What hides another host, or is none: `registry.test` is the one that is configured.
DISGUISED = (
    *("registry.test@127.0.0.1", "registry.test:80@127.0.0.1", "registry.test%40127.0.0.1", "x@[::1]"),
    *("127.0.0.1#@registry.test", "127.0.0.1?@registry.test", "127.0.0.1\\@registry.test", "127.0.0.1;registry.test"),
    *("127.0.0.1%00.registry.test", "127.0.0.1%2f.registry.test", "127.0.0.1%20", "127.0.0.1%0d%0a", "\t127.0.0.1"),
    *("%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127。0。0。1", "127．0．0．1", "１２７.0.0.1", "①②⑦.⓪.⓪.①"),  # noqa: RUF001
    *("١٢٧.0.0.1", "loc\u00adalhost", "localho\u017ft", "[127.0.0.1]", "::1", "[::1", "[::1]x", "[v1.127.0.0.1]"),
    *("127.0.0.1:80:80", "127..0.0.1", "127.0.0.1..", ".127.0.0.1", "-", "a" * 300),
)
NAMES: Mapping[str, str] = {
    "registry.test": "127.0.0.1",
    **dict.fromkeys(("localhost", "me.localhost", "localhost.localdomain"), "127.0.0.1"),
    "ip6-localhost": "::1",
    "plain.other.test": "127.0.0.1",
    "auth.registry.test": "127.0.0.2",
    "six.registry.test": "::1",
    "mapped.registry.test": "::ffff:127.0.0.1",
    "any.registry.test": "0.0.0.0",
    "metadata.registry.test": "169.254.169.254",
    "translated.registry.test": "64:ff9b::a9fe:a9fe",
    "private.registry.test": "10.0.0.1",
    "metadata.google.internal": "169.254.169.254",
}
NAMED = tuple(name for name in NAMES if name != "registry.test")
SPELLINGS = tuple(dict.fromkeys((*OURSELVES, *METADATA, *RESERVED, *DISGUISED, *NAMED)))


class Lenient(AbstractResolver):
    """Resolves NAMES, and as the C library does every form of a number; asks nobody."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        address = NAMES.get(host.lower().rstrip("."), host)
        found = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [
            ResolveResult(hostname=host, host=str(place[0]), port=port, family=kind, proto=protocol, flags=0)
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        pass


_listening: list[set[tuple[str, int]]] = []


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _listening:
        address = arguments[1]
        if isinstance(address, tuple):
            for dialled in _listening:
                dialled.add((str(address[0]), int(address[1])))


sys.addaudithook(_heard)  # for good: the interpreter lets nobody take one away (PEP 578)


@contextmanager
def dialled() -> Iterator[set[tuple[str, int]]]:
    """Every address and port that this process connects to meanwhile, whoever does it and whatever comes of it."""
    addresses: set[tuple[str, int]] = set()
    _listening.append(addresses)
    try:
        yield addresses
    finally:
        _listening[:] = [one for one in _listening if one is not addresses]
