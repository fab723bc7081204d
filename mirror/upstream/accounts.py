"""Which of an upstream's endpoints its account is for. Pure: names and domains, no secret.

Endpoints may belong to several parties: before Docker Hub one may put somebody's public mirror of it, who has no
business with a password for Docker Hub.
"""

from __future__ import annotations

from collections.abc import Sequence

from yarl import URL

from mirror.config.registries import endpoint_of
from mirror.upstream import origins, realms


def holders(name: str, endpoints: Sequence[URL]) -> frozenset[URL]:
    """The endpoints that may be shown the login of the upstream called `name`.

    Those on the registrable domain of its name, or of where a registry of this name answers when nothing is configured;
    if there is none (a name or addresses of a private network), those on the domain, or else the host, of the first.
    Reads the public suffix list if the endpoints are on several hosts.
    """
    if len({origins.host(url) for url in endpoints}) < 2:
        return frozenset(endpoints)
    own = (URL(f"https://{name}"), URL(endpoint_of(name)))
    at_home = [url for url in endpoints if any(_together(url, one) for one in own)]
    return frozenset(at_home or [url for url in endpoints if _together(url, endpoints[0])])


def _together(one: URL, other: URL) -> bool:
    if origins.host(one) == origins.host(other):
        return True
    domain = realms.registrable(origins.host(one))
    return domain is not None and domain == realms.registrable(origins.host(other))
