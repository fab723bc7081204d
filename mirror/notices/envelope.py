"""A move of a tag in the shape of distribution's notifications, which many receivers read already. Pure.

https://github.com/distribution/distribution/blob/main/notifications/event.go

The actions are two of theirs. `push`: there is new content under the tag, and that is what receivers act upon; that
somebody pushed it elsewhere makes no difference to them. `delete`: the upstream no longer has the tag. What theirs has
no word for, the digest that the tag had before, is `previousDigest` of the target.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mirror.store.journal import Move

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"
SIGNATURE = "X-Hub-Signature-256"  # as GitHub signs, so that what verifies its web hooks verifies these


@dataclass(frozen=True, slots=True)
class Source:
    """`base`: the URL at which the registry of this mirror is asked. `address`: host and port. `instance`: this run."""

    base: str
    address: str
    instance: str


def envelope(move: Move, source: Source, identity: str) -> bytes:
    """The body that tells of one move. `identity` is the event's own: the same whenever it is told again."""
    return json.dumps({"events": [_event(move, source, identity)]}, separators=(",", ":")).encode()


def signature(secret: bytes, body: bytes) -> str:
    """The value of the header that shows who has sent this body (RFC 2104, with SHA-256)."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def _event(move: Move, source: Source, identity: str) -> dict[str, Any]:
    name = f"{move.upstream}/{move.repository}"  # the path under which this mirror serves it to anybody
    digest = move.new or move.old
    target: dict[str, Any] = {
        "mediaType": move.media_type,
        "digest": digest,
        "size": move.size,
        "length": move.size,
        "repository": name,
        "url": f"{source.base}/v2/{name}/manifests/{digest}",
        "tag": move.tag,
        "previousDigest": move.old,
    }
    return {
        "id": identity,
        "timestamp": datetime.fromtimestamp(move.seen, UTC).isoformat(),
        "action": "push" if move.new is not None else "delete",
        "target": {key: value for key, value in target.items() if value is not None},
        "request": {"id": "", "addr": move.client, "method": "", "useragent": ""},
        "actor": {},
        "source": {"addr": source.address, "instanceID": source.instance},
    }
