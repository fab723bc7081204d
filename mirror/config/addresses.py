"""Addresses as operators write them: listening sockets, hosts, networks, base URLs. Resolves nothing, dials nothing.

Every function returns the canonical value or raises ValueError with a message that does not repeat the input,
because the input of some of them holds a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Network = IPv4Network | IPv6Network

_LOCALHOST = "127.0.0.1"  # among others, but this one wherever there is IPv4
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[^\[\]:/?#@\s]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[^\[\]:/?#@\s]{0,253}):(?P<port>[0-9]{1,5})", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens. An empty host means every interface, port 0 one that the kernel chooses."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(value: object) -> ListenAddress:
    """`127.0.0.1:5000`, `mirror.lan:5000`, `[::]:5000`, or `:5000` for every interface."""
    if isinstance(value, ListenAddress):
        return value
    found = _LISTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('not an address to listen on: write "host:port", "[::]:port" or ":port"')
    port = int(found["port"])
    if port > 65535:
        raise ValueError("the port of an address goes from 0 to 65535")
    return ListenAddress(_host(found["host"]).strip("[]") if found["host"] else "", port)


def collide(one: ListenAddress, other: ListenAddress) -> bool:
    """Whether a system lets only one of them be listened on.

    Names are not resolved, only `localhost` is known. `0.0.0.0` and `[::]` do not collide: IPv6 is listened on alone.
    """
    if one.port != other.port or one.port == 0:
        return False
    return _includes(one.host, other.host) or _includes(other.host, one.host)


def is_loopback(host: str) -> bool:
    """Whether a host means this machine to everyone. What names but `localhost` mean is not asked."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def parse_network(value: object) -> Network:
    """`10.0.0.0/8`, `fd00::/8`, or one address, which is a network of one."""
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    text = _text(value)
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("not an address or network such as 10.0.0.0/8") from None
    raise ValueError(f"has bits set beyond its prefix; the network is {wider}")


def parse_host(value: object) -> str:
    """A host name, IPv4 address or `[IPv6 address]`, with or without a port; lower case."""
    text = _text(value)
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise ValueError("not a host: write the name alone, or name:port, without scheme and path")
    host = _host(found["host"])
    if found["port"] is None:
        return host
    if not 1 <= int(found["port"]) <= 65535:
        raise ValueError("the port of a host goes from 1 to 65535")
    return f"{host}:{int(found['port'])}"


def parse_registry(value: object) -> str:
    """A registry's name by the rule of the Docker CLI, so that it can stand before a repository:
    it has a dot or a port, or is `localhost`; lower case.

    https://github.com/distribution/reference/blob/main/normalize.go (splitDockerDomain)
    """
    name = parse_host(value)
    if "." not in name and ":" not in name and name != "localhost":
        raise ValueError("not a registry's name: it needs a dot or a port, or to be localhost")
    return name


def parse_endpoint(value: object) -> str:
    """A registry's base URL, http or https, with a path prefix or none; without the slash at its end."""
    parts = _split(value)
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password: these go into username and password_file")
    if _PATH.fullmatch(parts.path) is None or re.search(r"/\.\.?(/|$)", parts.path):
        raise ValueError("has a path that is not plain words between slashes")
    path = parts.path.rstrip("/")
    if path.endswith("/v2"):
        raise ValueError("ends in /v2, which is added by itself: leave it out")
    return f"{parts.scheme}://{parse_host(parts.netloc)}{path}"


def parse_proxy(value: object) -> str:
    """The URL of an HTTP proxy; unlike other URLs it may hold `user:password@`, so treat the result as a secret."""
    parts = _split(value)
    if parts.path not in ("", "/"):
        raise ValueError("has a path; a proxy's URL has none")
    userinfo, at, authority = parts.netloc.rpartition("@")
    if re.search(r"[^!-~]|[\[\]@<>\"\\^`{|}]", userinfo):
        raise ValueError("has a user or password with characters that must be percent-encoded")
    return f"{parts.scheme}://{userinfo}{at}{parse_host(authority)}"


def _includes(wide: str, narrow: str) -> bool:
    wide, narrow = (_LOCALHOST if host == "localhost" else host for host in (wide, narrow))
    if wide in (narrow, ""):
        return True
    if wide == "::":
        return ":" in narrow
    return wide == "0.0.0.0" and narrow.rpartition(".")[2].isdigit()  # noqa: S104 - read, not bound


def _split(value: object) -> SplitResult:
    text = _text(value)
    if re.search(r"[^!-~]", text):
        raise ValueError("not a URL: it holds a space, a control character or a letter beyond ASCII")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("not a URL that begins with https:// or http://")
    if "?" in text or "#" in text:
        raise ValueError("has a query or a fragment, which has no meaning here")
    return parts


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return f"[{IPv6Address(text[1:-1])}]"
        except AddressValueError:
            raise ValueError("not an IPv6 address between its brackets") from None
    name = text.lower()
    if _DOMAIN.fullmatch(name) is None or len(name) > 253:
        raise ValueError("not a host name: labels of letters, digits and hyphens between dots")
    if name.rpartition(".")[2].isdigit():
        try:
            return str(IPv4Address(name))
        except AddressValueError:
            raise ValueError("not an IPv4 address: four numbers from 0 to 255 between dots") from None
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not text; write it in quotes")
    return value.strip()
