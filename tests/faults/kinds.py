"""The seven kinds of request that a pull is made of, each with what a correct answer to it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from mirror.oci.digest import Digest
from tests.fakes.registry import Registry
from tests.support import content
from tests.support.checker import Got, got
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest

BLOB = Random(31).randbytes(200_000)
MIDDLE = len(BLOB) // 2
BLOB_DIGEST = Digest.of(BLOB)
CONFIG = content.config([BLOB])
MANIFEST = content.manifest(CONFIG, [BLOB])
MANIFEST_DIGEST = Digest.of(MANIFEST)
REPOSITORY, TAG = "a/b", "latest"
BY_TAG = f"/v2/{REPOSITORY}/manifests/{TAG}"
BY_DIGEST = f"/v2/{REPOSITORY}/manifests/{MANIFEST_DIGEST}"
BLOB_PATH = f"/v2/{REPOSITORY}/blobs/{BLOB_DIGEST}"
LIST_PATH = f"/v2/{REPOSITORY}/tags/list"


def filled(registry: Registry) -> Registry:
    """The one image that all of the table is about."""
    registry.push_image(REPOSITORY, TAG, [BLOB])
    return registry


def is_manifest(answer: Got) -> bool:
    return answer.body == MANIFEST and answer.headers["docker-content-digest"] == str(MANIFEST_DIGEST)


def is_head(answer: Got) -> bool:
    length = answer.headers["content-length"]
    return length == str(len(MANIFEST)) and answer.headers["docker-content-digest"] == str(MANIFEST_DIGEST)


def is_blob(answer: Got) -> bool:
    return answer.body == BLOB


def is_list(answer: Got) -> bool:
    return bool(json.loads(answer.body) == {"name": REPOSITORY, "tags": [TAG]})


def as_it_is(_registry: Registry) -> None:
    """Nothing but the fault."""


def broken_in_the_middle(registry: Registry) -> None:
    """The first answer breaks off, so that the fault meets the request that goes on with it."""
    registry.fail(Fault(cut_at=MIDDLE), "GET", "/blobs/")


def behind_tokens(registry: Registry) -> None:
    registry.require_bearer()


@dataclass(frozen=True, slots=True)
class Kind:
    """A client's `method` and `path`; the upstream's requests with `met` in their path are those that go wrong."""

    path: str
    met: str
    is_right: Callable[[Got], bool]
    method: str = "GET"
    set_up: Callable[[Registry], None] = as_it_is

    async def ask(self, mirror: MirrorUnderTest) -> Got:
        if self.method == "GET":
            return await got(mirror, self.path)
        answer = await mirror.head(self.path)
        return Got(answer.status, {name.lower(): value for name, value in answer.headers.items()}, b"", True)

    def heard(self, answer: Got) -> str:
        """In a word: a status, `whole`, `cut` (visibly), `as-told` (a HEAD for another body), or `WRONG`."""
        if answer.status != 200:
            return str(answer.status) if answer.complete else "an error, cut short"
        if not answer.complete:
            return "cut"
        if self.is_right(answer):
            return "whole"
        return "as-told" if self.method == "HEAD" else "WRONG"

    def heard_cached(self, answer: Got) -> str:
        """The same; `stale` is what is whole, and comes with a warning."""
        word = self.heard(answer)
        return "stale" if word == "whole" and "warning" in answer.headers else word


KINDS = {
    "tag": Kind(BY_TAG, "/manifests/", is_manifest),
    "digest": Kind(BY_DIGEST, "/manifests/", is_manifest),
    "head": Kind(BY_TAG, "/manifests/", is_head, "HEAD"),
    "blob": Kind(BLOB_PATH, "/blobs/", is_blob),
    "resume": Kind(BLOB_PATH, "/blobs/", is_blob, set_up=broken_in_the_middle),
    "tags": Kind(LIST_PATH, "/tags/", is_list),
    "token": Kind(BY_TAG, "/token", is_manifest, set_up=behind_tokens),
}
