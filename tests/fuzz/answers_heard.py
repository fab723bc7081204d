"""What clients hear of a registry that lies: to the byte what an answer of ours may say, and whether it is true."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mirror.oci.digest import Digest
from tests.support.content import OCI_INDEX, Image
from tests.support.hostile_answers import CANARY

STATUSES = frozenset({200, 206, 403, 404, 502, 503, 504})  # that clients may hear here; 500 is not among them


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as far as it came; `headers` as they stood on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool

    def value(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) <= 1, name
        return values[0] if values else None


_DIGEST = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_words = r"[ !#-\[\]-~]*"
# All that an answer of ours may say, to the byte.
HEADERS = {
    name: re.compile(value, re.ASCII)
    for name, value in {
        "accept-ranges": "bytes",
        "age": r"\d{1,10}",
        "cache-status": r"mirror; [ -~]{1,100}",
        "connection": "close|keep-alive",
        "content-length": r"\d{1,19}",
        "content-range": r"bytes (?:\*|\d+-\d+)/\d+",
        "content-type": r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(?:; charset=utf-8)?",
        "date": r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
        "docker-content-digest": _DIGEST,
        "docker-distribution-api-version": "registry/2.0",
        "etag": f'"(?:{_DIGEST})"',
        "link": rf'</v2/[a-z0-9/]+/tags/list\?{_words}>; rel="?next"?',
        "retry-after": r"\d{1,6}",
        "server": "mirror",
        "transfer-encoding": "chunked",
        "warning": rf'299 - "{_words}"',
        "x-request-id": r"[0-9a-zA-Z-]{1,64}",
        "vary": "Accept",
    }.items()
}


def is_sane(heard: Heard) -> None:
    """Nothing of the upstream's head is in ours, and nothing of its errors."""
    assert heard.status in STATUSES
    for name, value in heard.headers:
        assert name.lower() in HEADERS, name
        assert HEADERS[name.lower()].fullmatch(value), (name, value)
        assert CANARY not in value or name.lower() == "link"
    assert heard.value("server") == "mirror"
    if heard.status >= 400 and heard.body:
        assert CANARY.encode() not in heard.body
        assert set(json.loads(heard.body)["errors"][0]) == {"code", "message", "detail"}


def is_content(heard: Heard, digest: Digest, content: bytes) -> None:
    """By digest: this, and nothing else."""
    assert heard.body == content
    assert heard.value("docker-content-digest") == str(digest)


def is_manifest(heard: Heard) -> None:
    """By tag: whatever the registry says, under its own digest."""
    assert heard.value("docker-content-digest") == str(Digest.of(heard.body))
    assert heard.value("content-type") is not None


def is_tags(heard: Heard) -> None:
    document = json.loads(heard.body)
    assert set(document) == {"name", "tags"}
    assert all(re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", tag) for tag in document["tags"])


def is_referrers(heard: Heard) -> None:
    document = json.loads(heard.body)
    assert heard.value("content-type") == document["mediaType"] == OCI_INDEX
    assert all(Digest.parse(entry["digest"]) for entry in document["manifests"])


def is_search(heard: Heard) -> None:
    assert set(json.loads(heard.body)) >= {"results"}


def is_true(heard: Heard, path: str, image: Image, layer: bytes) -> None:
    """A whole answer to a GET is what it says it is; of one that is cut short nothing is asked."""
    if heard.status != 200 or not heard.complete:
        return
    if "/blobs/" in path:
        is_content(heard, image.layer_digests[0], layer)
    elif path.endswith(f"/manifests/{image.digest}"):
        is_content(heard, image.digest, image.manifest_body)
    elif "/manifests/" in path:
        is_manifest(heard)
    elif "/tags/" in path:
        is_tags(heard)
    elif "/referrers/" in path:
        is_referrers(heard)
    else:
        is_search(heard)
