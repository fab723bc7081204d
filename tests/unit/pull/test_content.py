"""What an answer consists of; and what a HEAD may say of a manifest that nobody here has seen."""

from __future__ import annotations

import pytest

from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_MANIFEST
from mirror.outcome import Outcome
from mirror.pull.content import Answer, Manifest
from mirror.upstream.answers import ManifestHead

DIGEST = Digest.of(b"manifest")


@pytest.mark.parametrize("digest", [DIGEST, None])
@pytest.mark.parametrize("media_type", [OCI_MANIFEST, "application/vnd.example.v1+json"])
def test_a_head_that_says_enough_can_be_passed_on(digest: Digest | None, media_type: str) -> None:
    head = ManifestHead(digest, media_type, 8)
    assert Manifest.told(DIGEST, head) == Manifest(DIGEST, media_type, 8, None)


@pytest.mark.parametrize(
    "head",
    [
        ManifestHead(Digest.of(b"another"), OCI_MANIFEST, 8),
        ManifestHead(Digest.of(b"manifest", "sha512"), OCI_MANIFEST, 8),
        ManifestHead(DIGEST, OCI_MANIFEST, None),
        ManifestHead(DIGEST, None, 8),
        ManifestHead(DIGEST, "text/html", 8),
        ManifestHead(DIGEST, "application/json", 8),
    ],
    ids=["another digest", "another algorithm", "no size", "no type", "a page", "no type in particular"],
)
def test_a_head_that_says_too_little_or_what_cannot_be_is_not_passed_on(head: ManifestHead) -> None:
    assert Manifest.told(DIGEST, head) is None


def test_an_answer_warns_of_nothing_unless_it_says_so() -> None:
    answer = Answer(Outcome.HIT)
    assert (answer.checked, answer.warning, answer.until) == (None, None, None)
