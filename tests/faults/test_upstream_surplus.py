"""What an upstream says beyond an answer is nobody's: not the next tag's on that connection, nor another repository's.

How a connection tells what is beyond is in `tests/unit/upstream/test_one_answer.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.fakes.registry import Registry
from tests.support.checker import Cache, got
from tests.support.content import OCI_MANIFEST
from tests.support.documents import IMAGE, body
from tests.support.mirror import MirrorUnderTest
from tests.support.raw import Script, answer

BLOB = b"layer" * 50_000
EVIL = body(IMAGE, annotations={"x": "forged"})
FORGED = answer(
    "200 OK",
    [f"Content-Type: {OCI_MANIFEST}", f"Docker-Content-Digest: {Digest.of(EVIL)}", f"Content-Length: {len(EVIL)}"],
    EVIL,
)
REFUSAL = answer("503 Service Unavailable", ["Content-Length: 0"])


@dataclass(frozen=True, slots=True)
class Before:
    """What is asked of the repository `evil/repo`, and how it is answered if nothing follows."""

    path: str
    data: bytes
    status: int = 200


TAGS = json.dumps({"name": "evil/repo", "tags": ["v1"]}).encode()
BEFORE = {
    "a blob": Before(f"blobs/{Digest.of(BLOB)}", answer("200 OK", [f"Content-Length: {len(BLOB)}"], BLOB)),
    "a chunked blob": Before(
        f"blobs/{Digest.of(BLOB)}",
        answer("200 OK", ["Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (len(BLOB), BLOB)),
    ),
    "a list of tags": Before("tags/list", answer("200 OK", [f"Content-Length: {len(TAGS)}"], TAGS)),
    "nothing": Before("manifests/none", answer("404 Not Found", ["Content-Length: 2"], b"{}"), 404),
}


@pytest.mark.parametrize("surplus", [FORGED, REFUSAL], ids=["a forged manifest", "a refusal"])
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
async def test_what_follows_an_answer_is_never_a_tags(tmp_path: Path, before: Before, surplus: bytes) -> None:
    overrides = {"upstreams": {"docker.io": {"tag_ttl": "0s"}}}
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        registry.push_blob("evil/repo", BLOB)
        image = registry.push_image("good/repo", "v1", [b"layer"])
        script: Script = [before.data + surplus]
        registry.play(script, "GET", f"/v2/evil/repo/{before.path}")
        first = await got(mirror, f"/v2/evil/repo/{before.path}")
        assert (first.status, first.complete) == (before.status, True)
        for _ in range(2):  # from the upstream, and what is kept
            answered = await got(mirror, "/v2/good/repo/manifests/v1")
            assert (answered.status, answered.body) == (200, image.manifest_body)
            assert answered.headers["docker-content-digest"] == str(image.digest)
        assert not Cache.of(mirror).holds(Digest.of(EVIL))
    assert Cache.of(mirror).wrong == []
