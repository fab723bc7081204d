"""What a pull may ask of the origin, as assertions over what the proxy before it has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.support.gallery import Published
from tests.support.images import Content
from tests.support.tap import Asked


def assert_each_byte_crossed_once(asked: Sequence[Asked], published: Published) -> None:
    """A cold pull: each blob that the image needs, whole and once; each manifest once; at most one HEAD of the root."""
    said = "\n".join(str(one) for one in asked)
    assert not any(one.authorization for one in asked), "a credential reached the origin"
    blobs = [one for one in asked if "/blobs/" in one.path]
    expected = {blob_path(published, blob): len(blob.data) for image in published.images for blob in image.blobs}
    needed = {blob_path(published, blob) for blob in published.chosen.blobs}
    assert all((one.method, one.range) == ("GET", None) for one in blobs), said
    assert Counter(one.path for one in blobs) == Counter({one.path for one in blobs}), said
    assert needed <= {one.path for one in blobs}, said
    assert all(one.sent == expected[one.path] for one in blobs), said
    manifests = [one for one in asked if "/manifests/" in one.path]
    _assert_manifests_once(manifests, published, said)
    assert len(blobs) + len(manifests) == len(asked), said


def assert_only_the_tag_was_checked(asked: Sequence[Asked], published: Published) -> None:
    """A pull of what is held, when the tag is due: one HEAD, and no body at all."""
    assert [(one.method, one.path) for one in asked] == [("HEAD", tag_path(published))]


def assert_nothing_was_asked(asked: Sequence[Asked]) -> None:
    assert [str(one) for one in asked] == []


def blob_path(published: Published, blob: Content) -> str:
    return f"/v2/{published.repository}/blobs/{blob.digest}"


def tag_path(published: Published) -> str:
    return f"/v2/{published.repository}/manifests/{published.tag}"


def _assert_manifests_once(asked: Sequence[Asked], published: Published, said: str) -> None:
    heads = [one.path for one in asked if one.method == "HEAD"]
    assert len(heads) <= 1, said
    assert {_digest(path, published) for path in heads} <= {published.root.digest}, said
    read = Counter(_digest(one.path, published) for one in asked if one.method == "GET")
    assert read == Counter(set(read)), said
    assert {manifest.digest for manifest in published.manifests} <= set(read), said


def _digest(path: str, published: Published) -> str:
    reference = path.rpartition("/")[2]
    return published.root.digest if reference == published.tag else reference
