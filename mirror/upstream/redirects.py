"""Where a redirect leads, or why it is not followed. Knows the rules, not the requests.

Registries redirect blobs to storage elsewhere, and some redirect their whole API. What leads away from HTTPS, to
another scheme, or round in circles is not followed; that credentials stay home is seen to by who sends the request.
"""

from __future__ import annotations

from yarl import URL

from mirror.errors import Nonsense
from mirror.upstream import origins

STATUSES = frozenset({301, 302, 303, 307, 308})


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
