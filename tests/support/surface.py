"""What the tests of the HTTP surface ask for, and what every answer has to say whatever was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mirror.oci.digest import Digest
from tests.support import content
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Answer

REPOSITORY = "team/app"
OTHER = "other.test"  # a second registry, at the same place
CLOSED = "closed/app"  # a repository of it that is not admitted
TAGS = ("v1", "v2", "v3")


def noise(name: str, size: int) -> bytes:
    """Bytes that are the same each time, and of which no two parts are alike."""
    blocks = (hashlib.sha256(f"{name}:{number}".encode()).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


SMALL, LARGE = noise("small", 1500), noise("large", 600_000)  # kept in memory; sent from a file
SMALL_DIGEST, LARGE_DIGEST = Digest.of(SMALL), Digest.of(LARGE)
CONFIG = content.config([SMALL, LARGE])
MANIFEST = content.manifest(CONFIG, [SMALL, LARGE])
MANIFEST_DIGEST = Digest.of(MANIFEST)
ABSENT_DIGEST = Digest.of(b"nobody has this")

TAG_PATH = f"/v2/{REPOSITORY}/manifests/v1"
DIGEST_PATH = f"/v2/{REPOSITORY}/manifests/{MANIFEST_DIGEST}"
SMALL_PATH = f"/v2/{REPOSITORY}/blobs/{SMALL_DIGEST}"
LARGE_PATH = f"/v2/{REPOSITORY}/blobs/{LARGE_DIGEST}"
LIST_PATH = f"/v2/{REPOSITORY}/tags/list"


def configuration(registry: str) -> Mapping[str, Any]:
    return {"upstreams": {OTHER: {"endpoints": registry, "deny": "closed/*"}}}


def stock(served: MirrorThread, *blobs: bytes) -> None:
    """Push the image with its first tag, and blobs that are no part of it; nothing is pulled."""

    def push() -> None:
        served.registry.push_image(REPOSITORY, TAGS[0], [SMALL, LARGE])
        for blob in blobs:
            served.registry.push_blob(REPOSITORY, blob)

    served.call(push)


def fill(served: MirrorThread) -> None:
    """Push the image, and pull it once, so that everything of it is a hit."""

    def push() -> None:
        image = served.registry.push_image(REPOSITORY, TAGS[0], [SMALL, LARGE])
        for tag in TAGS[1:]:
            served.registry.push_manifest(REPOSITORY, tag, image.manifest_body, image.media_type)

    served.call(push)
    for path in (TAG_PATH, DIGEST_PATH, SMALL_PATH, LARGE_PATH):
        assert served.ask("GET", path).status == 200
        assert served.ask("GET", f"{path}?ns={OTHER}").status == 200
    served.settle()


@dataclass(frozen=True, slots=True)
class Row:
    """A request, and its answer. A header that is None must not be there; a body that is None is not looked at."""

    name: str
    target: str
    status: int = 200
    method: str = "GET"
    ask: tuple[str, ...] = ()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    code: str | None = None  # of the OCI error


def check(row: Row, answer: Answer) -> None:
    """That the answer is the one of the row, and says what every answer says."""
    assert answer.status == row.status
    said_always(answer)
    for name, value in row.headers.items():
        assert answer.get(name) == value, name
    if row.code is not None and row.method != "HEAD":
        (error,) = json.loads(answer.body)["errors"]
        assert error["code"] == row.code
        assert answer["Content-Type"] == "application/json"
    if row.body is not None:
        assert answer.body == row.body


def said_always(answer: Answer) -> None:
    """What stands on each answer of the mirror, errors included."""
    assert answer["Server"] == "mirror"
    assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer["Cache-Status"].startswith("mirror; ")
    assert answer["X-Request-ID"]
    assert answer["Date"].endswith(" GMT")
    if "; hit" in answer["Cache-Status"] and answer.get("Docker-Content-Digest") is not None:
        assert int(answer["Age"]) >= 0
    if answer.status == 503:
        assert int(answer["Retry-After"]) > 0
