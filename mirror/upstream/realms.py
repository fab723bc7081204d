"""Which host may issue tokens for an endpoint, and so may be shown its credential. Pure: a rule and its words.

A registry names the realm in its challenge, so whoever can forge one answer could send a password anywhere
(CVE-2026-33540). The realm has to be the endpoint's own host, lie in its registrable domain, or be listed.
"""

from __future__ import annotations

import ipaddress
from functools import cache

from publicsuffixlist import PublicSuffixList
from yarl import URL

from mirror.upstream import origins


def refusal(realm: URL, endpoint: URL, listed: frozenset[str]) -> str | None:
    """Why `realm` may not issue tokens for `endpoint`, for the operator; None if it may.

    `listed` are the hosts of the configured `realms`, with or without a port. Reads the public suffix list when it is
    first needed, which takes a tenth of a second: call it in a thread.
    """
    place = origins.place(realm)
    if realm.scheme != "https" and not (endpoint.scheme == "http" and origins.host(realm) == origins.host(endpoint)):
        return f"it sends us for a token to {place} without https"
    if _own(realm, endpoint) or origins.listed(realm, listed):
        return None
    return f"it sends us for a token to {place}, which is not of its domain; if that is right, add it to `realms`"


def _own(realm: URL, endpoint: URL) -> bool:
    if (origins.host(realm), realm.port) == (origins.host(endpoint), endpoint.port):
        return True
    domain = registrable(origins.host(realm))
    return domain is not None and realm.scheme == "https" and domain == registrable(origins.host(endpoint))


def registrable(host: str) -> str | None:
    """The domain that somebody registered and `host` is a part of; None for addresses, `localhost` and lone words."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host.endswith(".localhost"):
            return None
        return _suffixes().privatesuffix(host)
    return None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
