"""Which proxy a request goes by: that of the upstream's configuration, else what the environment says. Dials nothing.

The variables as curl and Go read them: `https_proxy`, `http_proxy`, `no_proxy`, each in lower case before upper case.
`all_proxy` is not read, as no other program that pulls images does. No message repeats a proxy's URL, which may hold a
password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

from mirror.config.addresses import parse_proxy
from mirror.errors import ConfigurationError
from mirror.upstream import origins

Address = IPv4Address | IPv6Address
Exempts = Callable[[URL], bool]

_separators = re.compile(r"[,\s]+").split
_with_port = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?", re.ASCII).fullmatch


class Proxies:
    """`configured` is the `proxy` of the upstream, by which all its requests go.

    Raises ConfigurationError, which names the variable, for a proxy of the environment that cannot be used.
    """

    def __init__(self, configured: str | None, environment: Mapping[str, str]) -> None:
        self._configured = None if configured is None else URL(configured)
        self._by_scheme: dict[str, URL] = {}
        self._exempt: tuple[Exempts, ...] = ()
        if configured is None:
            self._by_scheme = dict(_by_scheme(environment))
            _, exemptions = _variable(environment, "no_proxy")
            self._exempt = tuple(_exempts(entry.lower()) for entry in _separators(exemptions) if entry)

    def of(self, url: URL) -> URL | None:
        """The proxy for a request to `url`; None if it is to be dialled itself. This machine is never behind one."""
        if self._configured is not None:
            return self._configured
        proxy = self._by_scheme.get(url.scheme)
        if proxy is None or _is_this_machine(url) or any(exempts(url) for exempts in self._exempt):
            return None
        return proxy


def _by_scheme(environment: Mapping[str, str]) -> list[tuple[str, URL]]:
    found = []
    for scheme in ("https", "http"):
        name, value = _variable(environment, f"{scheme}_proxy")
        if value:
            found.append((scheme, _proxy(name, value)))
    return found


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name in the case in which it is set, and its value; an empty one where it is not.

    Under CGI, `HTTP_PROXY` is a header that a client sent (CVE-2016-5385).
    """
    value = environment.get(name, "").strip()
    if value or (name == "http_proxy" and "REQUEST_METHOD" in environment):
        return name, value
    return name.upper(), environment.get(name.upper(), "").strip()


def _proxy(name: str, value: str) -> URL:
    try:
        return URL(parse_proxy(value if "://" in value else f"http://{value}"))
    except ValueError as error:
        raise ConfigurationError([f"the environment variable {name}: {error}"]) from None


def _is_this_machine(url: URL) -> bool:
    host, address = origins.host(url), _address(origins.host(url))
    return host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback)


def _exempts(entry: str) -> Exempts:
    """What one entry of `no_proxy` covers: everything, a network, an address, or a domain; with a port, that alone."""
    if entry == "*":
        return lambda _: True
    try:
        network = ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        return lambda url: (address := _address(origins.host(url))) is not None and address in network
    found = _with_port(entry)
    if found is None:
        return lambda _: False
    covers = _covers(found["host"].strip("[]").removeprefix("*").rstrip("."))
    port = None if found["port"] is None else int(found["port"])
    return lambda url: port in (None, url.port) and covers(origins.host(url))


def _covers(name: str) -> Callable[[str], bool]:
    """`example.com` is the domain and all within; `.example.com` only what lies within, as in Go."""
    address = _address(name)
    if address is not None:
        return lambda host: _address(host) == address
    if name.startswith("."):
        return lambda host: host.endswith(name)
    return lambda host: bool(name) and (host == name or host.endswith(f".{name}"))


def _address(host: str) -> Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
