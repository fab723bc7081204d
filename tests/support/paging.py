"""A registry's list of tags, in pages as the distribution specification has them."""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import parse_qs, urlencode

from tests.support.wire import Reply, Seen, oci_error


def tag_page(seen: Seen, repository: str, tags: Collection[str] | None) -> Reply:
    """The page that `n` and `last` in the request ask for; `tags` is None when there is no such repository."""
    if tags is None:
        return oci_error(404, "NAME_UNKNOWN")
    asked = parse_qs(seen.query)
    last = asked.get("last", [""])[0]
    names = sorted(name for name in tags if name > last)
    headers = {"Content-Type": "application/json"}
    if "n" in asked and int(asked["n"][0]) < len(names):
        names = names[: int(asked["n"][0])]
        following = urlencode({"n": asked["n"][0], "last": names[-1] if names else last})
        headers["Link"] = f'<{seen.path}?{following}>; rel="next"'
    return Reply(200, headers, json.dumps({"name": repository, "tags": names}).encode())
