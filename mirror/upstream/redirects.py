"""Where a redirect leads, or why it is not followed. Knows the rules, not the requests.

Registries redirect blobs to storage elsewhere, and some redirect their whole API. What leads away from HTTPS, to
another scheme, or round in circles is not followed; that credentials stay home is seen to by who sends the request.
"""

from __future__ import annotations

import re

from yarl import URL

from mirror.errors import Malformed, Nonsense
from mirror.oci.reference import parse_repository
from mirror.upstream import origins

STATUSES = frozenset({301, 302, 303, 307, 308})

_api = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/[^/]+", re.ASCII).fullmatch


def follow(name: str, current: URL, location: str | None) -> URL:
    """The URL that an answer of upstream `name` from `current` sends us to; Nonsense if it must not be asked."""
    sender = f"{name}: {origins.place(current)} sent a redirect"
    if location is None:
        raise Nonsense(f"{sender} without an address that can be read")
    try:
        target = origins.read(location, current)
    except ValueError as error:
        raise Nonsense(f"{sender} to an address that {error}") from None
    if current.scheme == "https" and target.scheme != "https":
        raise Nonsense(f"{sender} from https to http, which is not followed")
    return target


def repository(url: URL) -> str | None:
    """The repository that the URL of a registry's API is about, which may have another name there; else None."""
    found = _api(url.raw_path)
    try:
        return None if found is None else parse_repository(found[1])
    except Malformed:
        return None
