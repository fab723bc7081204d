"""Which addresses may be dialled for a host that an upstream's answer named. Decides at the socket, after any name.

A check of names or of URLs is not enough: a name may resolve to anything, twice to different things, and an address
has many spellings. What the kernel is about to connect to has one. Knows neither URLs nor who named the host.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import AddrInfoType

# `ipaddress` has no property that fits: of 100.64.0.1 `is_private` is False, of 192.0.0.8 `is_global` is True.
# https://www.iana.org/assignments/iana-ipv4-special-registry
_FORBIDDEN_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the host itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; some clouds keep their metadata there
        "127.0.0.0/8",
        "168.63.129.16/32",  # the metadata of a cloud that chose a public address
        "169.254.0.0/16",  # link-local, and metadata nearly everywhere
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")  # all that was ever given out; the rest is loopback, ULA, link-local, multicast, …
# https://www.iana.org/assignments/iana-ipv6-special-registry, as far as it lies within the above
_FORBIDDEN_6 = tuple(
    IPv6Network(network) for network in ("2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")


class AddressForbidden(OSError):
    """The address that a connection would go to is not one for a host that an answer named."""

    WORDS = "the address is private or reserved"

    def __init__(self) -> None:
        super().__init__(errno.EACCES, self.WORDS)


def forbidden(address: str) -> bool:
    """Whether this numeric address is none that a registry on the public internet has reason to name."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return True
    if isinstance(parsed, IPv6Address):
        carried = _carried(parsed)
        if carried:
            return any(_forbidden_4(inner) for inner in carried)
        return parsed not in _GLOBAL_6 or any(parsed in network for network in _FORBIDDEN_6)
    return _forbidden_4(parsed)


def forbidden_name(host: str) -> bool:
    """Whether the host as it is written is such an address, or one in a spelling that only some would read as one.

    All that can be checked when a proxy does the resolving; for everything else there is `guarded_socket`.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    last = name.rpartition(".")[2]
    return forbidden(name) if ":" in name or last.isdigit() or last.startswith("0x") else False


def guarded_socket(target: AddrInfoType) -> socket.socket:
    """A socket for this result of `getaddrinfo`; AddressForbidden if it must not be connected there."""
    family, kind, protocol, _, address = target
    if forbidden(str(address[0])):
        raise AddressForbidden
    return socket.socket(family, kind, protocol)


def _forbidden_4(address: IPv4Address) -> bool:
    return any(address in network for network in _FORBIDDEN_4)


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that packets to `address` may end up at, when it stands for another network."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64 or address in _TRANSLATED:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return ()
