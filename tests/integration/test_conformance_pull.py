"""The pull side of the OCI distribution specification 1.1, requirement by requirement, cold and hot.

Asked of the mirror before a registry of Debian's and before one of our own. The numbers are those of the endpoints:
https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#endpoints
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from mirror.oci.digest import Digest
from tests.support import content
from tests.support.content import OCI_INDEX, OCI_MANIFEST
from tests.support.distribution import Distribution
from tests.support.measured import Row, note
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Answer
from tests.support.surface import noise

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ABSENT = Digest.of(b"nobody has this")
# The specification's codes that an answer to a pull may have.
CODES = {"BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "DIGEST_INVALID", "NAME_INVALID", "UNSUPPORTED"}


class Origin(Protocol):
    """A registry that is pushed to."""

    def push_blob(self, repository: str, data: bytes) -> Digest: ...

    def push_manifest(self, repository: str, reference: str | None, body: bytes, media_type: str) -> Digest: ...


class Fake:
    """The fake registry, which lives in the mirror's thread."""

    def __init__(self, served: MirrorThread) -> None:
        self._served = served

    def push_blob(self, repository: str, data: bytes) -> Digest:
        return self._served.call(lambda: self._served.registry.push_blob(repository, data))

    def push_manifest(self, repository: str, reference: str | None, body: bytes, media_type: str) -> Digest:
        return self._served.call(lambda: self._served.registry.push_manifest(repository, reference, body, media_type))


class Scene:
    """A mirror, what is behind it, and a repository there that nobody has asked for yet."""

    def __init__(self, served: MirrorThread, origin: Origin, repository: str) -> None:
        self.served = served
        self.origin = origin
        self.repository = repository

    def push(self, tag: str | None = "v1", layer: bytes = b"layer") -> tuple[Digest, bytes]:
        """An image; its manifest's digest and bytes."""
        config = content.config([layer])
        body = content.manifest(config, [layer])
        for blob in (config, layer):
            self.origin.push_blob(self.repository, blob)
        return self.origin.push_manifest(self.repository, tag, body, OCI_MANIFEST), body

    def path(self, kind: str, reference: object) -> str:
        return f"/v2/{self.repository}/{kind}/{reference}"

    def cold_and_hot(self, method: str, path: str, *headers: str) -> list[Answer]:
        """The answers before anybody has asked for it, and after."""
        answers = [self.served.ask(method, path, *headers)]
        self.served.settle()
        answers.append(self.served.ask(method, path, *headers))
        return answers


@pytest.fixture(scope="module", params=["distribution", "fake"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MirrorThread, Origin, list[str]]]:
    home: Path = tmp_path_factory.mktemp(request.param)
    asked: list[str] = []
    if request.param == "fake":
        with MirrorThread(home, lambda _: settings()) as served:
            yield served, Fake(served), asked
    else:
        with Distribution(home) as origin, MirrorThread(home, lambda _: settings(origin.url)) as served:
            yield served, origin, asked
    what = f"requirements of the specification's pull section, cold and hot, before {request.param}"
    note(Row("F28", what, "all", f"{len(asked)} asked, each held or its test has failed"))


def settings(url: str | None = None) -> Mapping[str, Any]:
    hub = {"not_found_ttl": "0s", **({} if url is None else {"endpoints": url})}
    return {"upstreams": {"docker.io": hub}}


@pytest.fixture
def scene(place: tuple[MirrorThread, Origin, list[str]]) -> Scene:
    served, origin, asked = place
    asked.append("")
    return Scene(served, origin, f"conformance/r{len(asked)}")


def refused(answer: Answer, *codes: str) -> None:
    """Error responses: a JSON document in the specification's form, with a code of its list."""
    document = json.loads(answer.body)
    assert answer["Content-Type"] == "application/json"
    assert set(document) == {"errors"}
    for error in document["errors"]:
        assert set(error) <= {"code", "message", "detail"}
        assert error["code"] in (codes or CODES)
        assert isinstance(error["message"], str)
    assert document["errors"]


def test_end_1_says_that_the_specification_is_implemented(scene: Scene) -> None:
    for answer in scene.cold_and_hot("GET", "/v2/"):
        assert answer.status == 200


def test_end_2_get_of_a_blob_is_its_bytes(scene: Scene) -> None:
    data = noise(scene.repository, 200_000)
    digest = scene.origin.push_blob(scene.repository, data)
    for answer in scene.cold_and_hot("GET", scene.path("blobs", digest)):
        assert (answer.status, answer.body) == (200, data)
        assert answer["Docker-Content-Digest"] == str(digest)


def test_end_2_head_of_a_blob_is_its_length(scene: Scene) -> None:
    data = noise(scene.repository, 3000)
    digest = scene.origin.push_blob(scene.repository, data)
    for answer in scene.cold_and_hot("HEAD", scene.path("blobs", digest)):
        assert (answer.status, answer.body) == (200, b"")
        assert answer["Content-Length"] == str(len(data))
        assert answer["Docker-Content-Digest"] == str(digest)


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("0-9", 0, 9), ("100000-", 100_000, 199_999), ("-7", 199_993, 199_999)]
)
def test_end_2_a_range_of_a_blob_is_that_part(scene: Scene, asked: str, first: int, last: int) -> None:
    data = noise(scene.repository, 200_000)
    digest = scene.origin.push_blob(scene.repository, data)
    for answer in scene.cold_and_hot("GET", scene.path("blobs", digest), f"Range: bytes={asked}"):
        assert (answer.status, answer.body) == (206, data[first : last + 1])
        assert answer["Content-Range"] == f"bytes {first}-{last}/{len(data)}"


def test_end_2_a_range_beyond_a_blob_is_refused(scene: Scene) -> None:
    digest = scene.origin.push_blob(scene.repository, b"x" * 10)
    for answer in scene.cold_and_hot("GET", scene.path("blobs", digest), "Range: bytes=10-"):
        assert answer.status == 416
        assert answer["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_end_2_a_blob_that_is_not_there_is_404(scene: Scene, method: str) -> None:
    scene.push()
    for answer in scene.cold_and_hot(method, scene.path("blobs", ABSENT)):
        assert answer.status == 404
        if method == "GET":
            refused(answer, "BLOB_UNKNOWN")


@pytest.mark.parametrize("by_tag", [True, False], ids=["tag", "digest"])
def test_end_3_get_of_a_manifest_is_its_bytes_under_its_type(scene: Scene, by_tag: bool) -> None:
    digest, body = scene.push()
    for answer in scene.cold_and_hot("GET", scene.path("manifests", "v1" if by_tag else digest)):
        assert (answer.status, answer.body) == (200, body)
        assert answer["Content-Type"] == OCI_MANIFEST
        assert answer["Docker-Content-Digest"] == str(digest)


@pytest.mark.parametrize("by_tag", [True, False], ids=["tag", "digest"])
def test_end_3_head_of_a_manifest_is_its_length_and_digest(scene: Scene, by_tag: bool) -> None:
    digest, body = scene.push()
    for answer in scene.cold_and_hot("HEAD", scene.path("manifests", "v1" if by_tag else digest)):
        assert (answer.status, answer.body) == (200, b"")
        assert answer["Content-Length"] == str(len(body))
        assert answer["Content-Type"] == OCI_MANIFEST
        assert answer["Docker-Content-Digest"] == str(digest)


def test_end_3_an_index_is_passed_on_as_it_was_pushed(scene: Scene) -> None:
    digest, body = scene.push(None)
    entry = {"mediaType": OCI_MANIFEST, "digest": str(digest), "size": len(body)}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}, indent=3).encode()
    scene.origin.push_manifest(scene.repository, "many", index, OCI_INDEX)
    accepted = f"Accept: {OCI_MANIFEST}, {OCI_INDEX}"
    for answer in scene.cold_and_hot("GET", scene.path("manifests", "many"), accepted):
        assert (answer.status, answer.body, answer["Content-Type"]) == (200, index, OCI_INDEX)


def test_end_3_a_type_that_is_not_of_the_specification_stays_what_it_is(scene: Scene) -> None:
    config, layer = b"{}", b"layer"
    for blob in (config, layer):
        scene.origin.push_blob(scene.repository, blob)
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": content.descriptor(DOCKER_CONFIG, config),
        "layers": [content.descriptor(DOCKER_LAYER, layer)],
    }
    body = json.dumps(document).encode()
    scene.origin.push_manifest(scene.repository, "v1", body, DOCKER_MANIFEST)
    for answer in scene.cold_and_hot("GET", scene.path("manifests", "v1"), f"Accept: {DOCKER_MANIFEST}"):
        assert (answer.status, answer.body, answer["Content-Type"]) == (200, body, DOCKER_MANIFEST)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reference", ["none", ABSENT], ids=["tag", "digest"])
def test_end_3_a_manifest_that_is_not_there_is_404(scene: Scene, method: str, reference: object) -> None:
    scene.push()
    for answer in scene.cold_and_hot(method, scene.path("manifests", reference)):
        assert answer.status == 404
        if method == "GET":
            refused(answer, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("kind", ["manifests/v1", f"blobs/{ABSENT}", "tags/list"])
def test_a_repository_that_is_not_there_is_404(scene: Scene, kind: str) -> None:
    for answer in scene.cold_and_hot("GET", f"/v2/{scene.repository}/nowhere/{kind}"):
        assert answer.status == 404
        refused(answer, "NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN")


def test_end_8a_tags_are_listed_in_lexical_order(scene: Scene) -> None:
    for tag in ("v2", "V1", "latest", "v10"):
        scene.push(tag)
    for answer in scene.cold_and_hot("GET", scene.path("tags", "list")):
        assert answer.status == 200
        assert json.loads(answer.body) == {"name": scene.repository, "tags": ["V1", "latest", "v10", "v2"]}


def test_end_8b_n_tags_are_listed_and_the_link_leads_to_the_others(scene: Scene) -> None:
    tags = [f"t{number}" for number in range(5)]
    for tag in tags:
        scene.push(tag)
    for _ in ("cold", "hot"):
        path, found = scene.path("tags", "list?n=2"), []
        for _ in range(3):
            answer = scene.served.ask("GET", path)
            page = json.loads(answer.body)["tags"]
            assert len(page) <= 2
            found += page
            link = answer.get("Link")
            if link is None:
                break
            target, _, relation = link.partition(">; ")
            assert relation == 'rel="next"'
            path = target.removeprefix("<")
        assert found == tags


def test_end_8b_n_of_zero_lists_nothing_and_links_nowhere(scene: Scene) -> None:
    scene.push("v1")
    for answer in scene.cold_and_hot("GET", scene.path("tags", "list?n=0")):
        assert (answer.status, json.loads(answer.body)["tags"], answer.get("Link")) == (200, [], None)


def test_end_8b_last_leaves_out_the_tags_up_to_it(scene: Scene) -> None:
    for tag in ("a", "b", "c"):
        scene.push(tag)
    for answer in scene.cold_and_hot("GET", scene.path("tags", "list?n=5&last=a")):
        assert json.loads(answer.body)["tags"] == ["b", "c"]


def attach(scene: Scene, subject: Digest, artifact_types: list[str]) -> None:
    """Artifacts under the tag schema, by which a client finds them where a registry has no API for them."""
    listed = []
    for artifact_type in artifact_types:
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type}).encode()
        entry = {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(body)), "size": len(body)}
        listed.append({**entry, "artifactType": artifact_type})
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
    if isinstance(scene.origin, Distribution):  # which refuses an index of manifests that it lacks
        for artifact_type, entry in zip(artifact_types, listed, strict=True):
            digest, body = scene.push(None, artifact_type.encode())
            entry.update(digest=str(digest), size=len(body))
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
    scene.origin.push_manifest(scene.repository, f"{subject.algorithm}-{subject.encoded}", index, OCI_INDEX)


def test_end_12a_referrers_are_an_index(scene: Scene) -> None:
    subject, _ = scene.push()
    attach(scene, subject, ["a/one", "a/two"])
    for answer in scene.cold_and_hot("GET", scene.path("referrers", subject)):
        document = json.loads(answer.body)
        assert (answer.status, answer["Content-Type"]) == (200, OCI_INDEX)
        assert (document["schemaVersion"], document["mediaType"]) == (2, OCI_INDEX)
        assert [entry["artifactType"] for entry in document["manifests"]] == ["a/one", "a/two"]


def test_end_12a_no_referrers_are_an_empty_list_and_no_404(scene: Scene) -> None:
    subject, _ = scene.push()
    for answer in scene.cold_and_hot("GET", scene.path("referrers", subject)):
        assert (answer.status, answer["Content-Type"]) == (200, OCI_INDEX)
        assert json.loads(answer.body)["manifests"] == []


def test_end_12b_a_filter_that_was_applied_is_said_to_have_been(scene: Scene) -> None:
    subject, _ = scene.push()
    attach(scene, subject, ["a/one", "a/two"])
    for answer in scene.cold_and_hot("GET", scene.path("referrers", f"{subject}?artifactType=a/two")):
        assert answer["OCI-Filters-Applied"] == "artifactType"
        assert [entry["artifactType"] for entry in json.loads(answer.body)["manifests"]] == ["a/two"]


def test_end_12a_referrers_of_what_is_no_digest_are_400(scene: Scene) -> None:
    for answer in scene.cold_and_hot("GET", scene.path("referrers", "v1")):
        assert answer.status == 400
        refused(answer, "DIGEST_INVALID")


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_a_digest_that_is_none_is_an_error_of_the_clients(scene: Scene, kind: str) -> None:
    for answer in scene.cold_and_hot("GET", scene.path(kind, "sha256:1234")):
        assert answer.status in (400, 404)
        refused(answer)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "blobs/uploads/"), ("PUT", "manifests/v1"), ("DELETE", "manifests/v1"), ("DELETE", f"blobs/{ABSENT}")],
)
def test_what_would_write_is_refused_as_not_supported(scene: Scene, method: str, path: str) -> None:
    """The other workflows are optional: a registry without them answers 404 or 405."""
    answer = scene.served.ask(method, f"/v2/{scene.repository}/{path}")
    assert answer.status == 405
    refused(answer, "UNSUPPORTED")
