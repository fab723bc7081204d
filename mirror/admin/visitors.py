"""Who may use the operator's API: the operator's programs, and no page that a browser happens to show.

A page can make a browser send requests to any address, and its own name can be made to lead to ours (DNS rebinding).
But it cannot lie about where it comes from (`Origin`) or what host it believes to ask (`Host`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address

from multidict import CIMultiDictProxy

from mirror.errors import Code, Refused

_OURS = frozenset({"localhost"})
_host = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII).fullmatch


def admit(headers: CIMultiDictProxy[str], names: Collection[str]) -> None:
    """Raises Refused unless a request with these asks us by an address or a name of ours, and comes from no other page.

    `names` are the operator's own for us, in lower case.
    """
    hosts = headers.getall("Host", ())
    if len(hosts) != 1 or not _ours(_name(hosts[0]), names):
        raise Refused("ask by the address of the admin listener, or by a name in admin.listen", code=Code.DENIED)
    origins = headers.getall("Origin", ())
    if any(origin.lower() != f"http://{hosts[0]}".lower() for origin in origins):
        raise Refused("a page of another origin may not ask this", code=Code.DENIED)


def _ours(name: str, names: Collection[str]) -> bool:
    if name in _OURS or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _name(host: str) -> str:
    """The host without its port (RFC 3986, section 3.2.2), empty for what is none."""
    found = _host(host.lower())
    return "" if found is None else found[1] or found[2]
