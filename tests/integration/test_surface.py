"""The registry API as its clients see it, request by request, on both event loops."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mirror.oci.digest import Digest
from tests.support.content import OCI_INDEX, OCI_MANIFEST
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.surface import (
    ABSENT_DIGEST,
    CLOSED,
    DIGEST_PATH,
    LARGE,
    LARGE_DIGEST,
    LARGE_PATH,
    LIST_PATH,
    MANIFEST,
    MANIFEST_DIGEST,
    OTHER,
    REPOSITORY,
    SMALL,
    SMALL_DIGEST,
    SMALL_PATH,
    TAG_PATH,
    TAGS,
    Row,
    check,
    configuration,
    fill,
)

HIT = "mirror; hit"
OF_MANIFEST = {
    "Content-Type": OCI_MANIFEST,
    "Content-Length": str(len(MANIFEST)),
    "Docker-Content-Digest": str(MANIFEST_DIGEST),
    "ETag": f'"{MANIFEST_DIGEST}"',
    "Cache-Status": HIT,
}
BY_TAG = {**OF_MANIFEST, "Vary": "Accept"}
BY_DIGEST = {**OF_MANIFEST, "Vary": None}
OF_LARGE = {
    "Content-Type": "application/octet-stream",
    "Content-Length": str(len(LARGE)),
    "Docker-Content-Digest": str(LARGE_DIGEST),
    "ETag": f'"{LARGE_DIGEST}"',
    "Accept-Ranges": "bytes",
    "Cache-Status": HIT,
    "Content-Range": None,
}
OF_SMALL = {
    **OF_LARGE,
    "Content-Length": str(len(SMALL)),
    "Docker-Content-Digest": str(SMALL_DIGEST),
    "ETag": f'"{SMALL_DIGEST}"',
}
REFERRERS_PATH = f"/v2/{REPOSITORY}/referrers/{MANIFEST_DIGEST}"
NO_REFERRERS = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}'.encode()
OF_REFERRERS = {
    "Content-Type": OCI_INDEX,
    "Content-Length": str(len(NO_REFERRERS)),
    "ETag": f'"{Digest.of(NO_REFERRERS)}"',
}
FILTERED = {"OCI-Filters-Applied": "artifactType"}
FOUND = json.dumps(
    {
        "num_results": 2,
        "query": "app",
        "page": 1,
        "page_size": 10,
        "num_pages": 1,
        "results": [
            {"name": name, "description": "", "star_count": 0, "is_official": False, "is_automated": False}
            for name in (f"{OTHER}/{REPOSITORY}", REPOSITORY)
        ],
    },
    separators=(",", ":"),
).encode()
NOT_MODIFIED = {"ETag": f'"{MANIFEST_DIGEST}"', "Docker-Content-Digest": str(MANIFEST_DIGEST), "Content-Type": None}
CLOSES = {"Connection": "close", "Allow": "GET, HEAD"}
ECHO = {"OCI-Namespace": OTHER}
ONE_TAG = json.dumps({"name": REPOSITORY, "tags": ["v2"]}, separators=(",", ":")).encode()
ALL_TAGS = json.dumps({"name": REPOSITORY, "tags": list(TAGS)}, separators=(",", ":")).encode()
UNPROVEN = f"/v2/team/none/manifests/{MANIFEST_DIGEST}"

ROWS = [
    Row("ping", "/v2/", headers={"Content-Type": "application/json", "Cache-Status": "mirror; fwd=bypass"}, body=b"{}"),
    Row("ping without the slash", "/v2", body=b"{}"),
    Row("HEAD of ping", "/v2/", method="HEAD", headers={"Content-Length": "2"}),
    # manifests
    Row("manifest by tag", TAG_PATH, headers={**BY_TAG, "Warning": None}, body=MANIFEST),
    Row("manifest by digest", DIGEST_PATH, headers=BY_DIGEST, body=MANIFEST),
    Row("HEAD by tag", TAG_PATH, method="HEAD", headers=BY_TAG, body=b""),
    Row("HEAD by digest", DIGEST_PATH, method="HEAD", headers=BY_DIGEST, body=b""),
    Row("digest with an encoded colon", DIGEST_PATH.replace(":", "%3A"), headers=OF_MANIFEST, body=MANIFEST),
    Row("a Range of a manifest", TAG_PATH, ask=("Range: bytes=0-1",), headers=OF_MANIFEST, body=MANIFEST),
    Row(
        "manifest that the client has",
        TAG_PATH,
        304,
        ask=(f'If-None-Match: "{MANIFEST_DIGEST}"',),
        headers={**NOT_MODIFIED, "Vary": "Accept"},
    ),
    Row("… by a weak tag", DIGEST_PATH, 304, ask=(f'If-None-Match: "x", W/"{MANIFEST_DIGEST}"',), headers=NOT_MODIFIED),
    Row(
        "… in a line of its own",
        DIGEST_PATH,
        304,
        ask=('If-None-Match: "x"', f'If-None-Match: "{MANIFEST_DIGEST}"'),
        headers=NOT_MODIFIED,
    ),
    Row("… whatever it is", DIGEST_PATH, 304, "HEAD", ask=("If-None-Match: *",), headers=NOT_MODIFIED),
    Row("… or another one", DIGEST_PATH, ask=('If-None-Match: "x"',), headers=OF_MANIFEST, body=MANIFEST),
    Row("unknown tag", f"/v2/{REPOSITORY}/manifests/none", 404, code="MANIFEST_UNKNOWN"),
    Row("unknown tag, HEAD", f"/v2/{REPOSITORY}/manifests/none", 404, "HEAD"),
    Row("unknown digest", f"/v2/{REPOSITORY}/manifests/{ABSENT_DIGEST}", 404, code="MANIFEST_UNKNOWN"),
    Row("a manifest that another repository has", UNPROVEN, 404, code="MANIFEST_UNKNOWN"),
    Row("a reference that no manifest has", f"/v2/{REPOSITORY}/manifests/.dot", 404, code="MANIFEST_UNKNOWN"),
    # blobs
    Row("large blob", LARGE_PATH, headers=OF_LARGE, body=LARGE),
    Row("small blob", SMALL_PATH, headers=OF_SMALL, body=SMALL),
    Row("HEAD of a large blob", LARGE_PATH, method="HEAD", headers=OF_LARGE, body=b""),
    Row("HEAD of a small blob", SMALL_PATH, method="HEAD", headers=OF_SMALL, body=b""),
    Row("blob with an encoded colon", LARGE_PATH.replace(":", "%3a"), headers=OF_LARGE, body=LARGE),
    Row("blob that the client has", LARGE_PATH, 304, ask=(f'If-None-Match: "{LARGE_DIGEST}"',)),
    Row("unknown blob", f"/v2/{REPOSITORY}/blobs/{ABSENT_DIGEST}", 404, code="BLOB_UNKNOWN"),
    Row("unknown blob, HEAD", f"/v2/{REPOSITORY}/blobs/{ABSENT_DIGEST}", 404, "HEAD"),
    Row("blob that another repository has", f"/v2/team/none/blobs/{LARGE_DIGEST}", 404, code="BLOB_UNKNOWN"),
    Row("blob by another algorithm", f"/v2/{REPOSITORY}/blobs/md5:{'0' * 32}", 400, code="DIGEST_INVALID"),
    Row("blob by half a digest", f"/v2/{REPOSITORY}/blobs/sha256:{'0' * 63}", 400, code="DIGEST_INVALID"),
    # tags
    Row("tags", LIST_PATH, headers={"Content-Type": "application/json", "Link": None}, body=ALL_TAGS),
    Row("HEAD of tags", LIST_PATH, method="HEAD", headers={"Content-Length": str(len(ALL_TAGS))}),
    Row(
        "one tag after another",
        f"{LIST_PATH}?n=1&last=v1",
        headers={"Link": f'<{LIST_PATH}?n=1&last=v2>; rel="next"'},
        body=ONE_TAG,
    ),
    Row(
        "… in a namespace",
        f"{LIST_PATH}?n=1&last=v1&ns={OTHER}",
        headers={"Link": f'<{LIST_PATH}?n=1&last=v2&ns={OTHER}>; rel="next"', **ECHO},
        body=ONE_TAG,
    ),
    Row("more tags than there are", f"{LIST_PATH}?n=99999999999999999999", headers={"Link": None}, body=ALL_TAGS),
    Row("no tags", f"{LIST_PATH}?n=0", headers={"Link": None}, body=ALL_TAGS.replace(b'["v1","v2","v3"]', b"[]")),
    Row("tags up to no number", f"{LIST_PATH}?n=some", 400, code="PAGINATION_NUMBER_INVALID"),
    Row("tags of an unknown repository", "/v2/team/none/tags/list", 404, code="NAME_UNKNOWN"),
    # which registry
    Row("by ns", f"{TAG_PATH}?ns={OTHER}", headers=OF_MANIFEST | ECHO, body=MANIFEST),
    Row("blob by ns", f"{LARGE_PATH}?ns={OTHER}", headers=OF_LARGE | ECHO, body=LARGE),
    Row("small blob by ns", f"{SMALL_PATH}?ns={OTHER}", headers=OF_SMALL | ECHO, body=SMALL),
    Row("by path", TAG_PATH.replace("/v2/", f"/v2/{OTHER}/"), headers={"OCI-Namespace": None}, body=MANIFEST),
    Row("304 by ns", f"{TAG_PATH}?ns={OTHER}", 304, ask=("If-None-Match: *",), headers=ECHO),
    Row("206 by ns", f"{LARGE_PATH}?ns={OTHER}", 206, ask=("Range: bytes=0-0",), headers=ECHO, body=LARGE[:1]),
    Row("416 by ns", f"{LARGE_PATH}?ns={OTHER}", 416, ask=("Range: bytes=-0",), headers=ECHO, code="RANGE_INVALID"),
    Row("404 by ns", f"/v2/a/manifests/b?ns={OTHER}", 404, headers=ECHO, code="MANIFEST_UNKNOWN"),
    Row("403 by ns", f"/v2/{CLOSED}/manifests/b?ns={OTHER}", 403, headers=ECHO, code="DENIED"),
    Row("unknown ns", f"{TAG_PATH}?ns=elsewhere.test", 404, headers={"OCI-Namespace": None}, code="NAME_UNKNOWN"),
    Row("unknown registry", "/v2/elsewhere.test/a/manifests/b", 404, code="NAME_UNKNOWN"),
    # referrers
    Row("referrers", REFERRERS_PATH, headers=OF_REFERRERS | {"OCI-Filters-Applied": None}, body=NO_REFERRERS),
    Row("HEAD of referrers", REFERRERS_PATH, method="HEAD", headers=OF_REFERRERS, body=b""),
    Row(
        "referrers of a type", f"{REFERRERS_PATH}?artifactType=a/b", headers=OF_REFERRERS | FILTERED, body=NO_REFERRERS
    ),
    Row("referrers by ns", f"{REFERRERS_PATH}?ns={OTHER}", headers=OF_REFERRERS | ECHO, body=NO_REFERRERS),
    Row("304 of referrers", REFERRERS_PATH, 304, ask=(f"If-None-Match: {OF_REFERRERS['ETag']}",), body=b""),
    Row("referrers in an unknown repository", f"/v2/team/none/referrers/{ABSENT_DIGEST}", 404, code="NAME_UNKNOWN"),
    Row("referrers of a tag", f"/v2/{REPOSITORY}/referrers/v1", 400, code="DIGEST_INVALID"),
    # search
    Row("before a search", "/v1/_ping", headers={"X-Docker-Registry-Standalone": "true"}, body=b"true"),
    Row("search", "/v1/search?q=app&n=10", headers={"Content-Type": "application/json"}, body=FOUND),
    Row("search for nothing", "/v1/search?q=", 400, code="BAD_REQUEST"),
    Row("search by unknown ns", "/v1/search?q=app&ns=elsewhere.test", 404, code="NAME_UNKNOWN"),
    Row("search at an unknown registry", "/v1/search?q=elsewhere.test%2Fapp", 404, code="NAME_UNKNOWN"),
    # what is not served
    Row("catalog", "/v2/_catalog", 404, code="NOT_FOUND"),
    Row("root", "/", 404, code="NOT_FOUND"),
    *(Row(method, TAG_PATH, 405, method, headers=CLOSES, code="UNSUPPORTED") for method in ("PUT", "POST", "PATCH")),
    *(Row(method, LARGE_PATH, 405, method, headers=CLOSES, code="UNSUPPORTED") for method in ("DELETE", "OPTIONS")),
    # what makes no sense
    Row("a name in capitals", "/v2/Team/App/manifests/v1", 400, code="NAME_INVALID"),
    Row("an encoded slash", "/v2/team%2Fapp/manifests/v1", 400, headers={"Connection": "close"}, code="BAD_REQUEST"),
    Row("a dot segment", "/v2/team/../app/manifests/v1", 400, headers={"Connection": "close"}, code="BAD_REQUEST"),
    Row("two slashes", "/v2//app/manifests/v1", 400, headers={"Connection": "close"}, code="BAD_REQUEST"),
    Row("ns twice", f"{TAG_PATH}?ns={OTHER}&ns={OTHER}", 400, code="BAD_REQUEST"),
    Row("a whole URL", f"http://mirror.test{TAG_PATH}", 400, code="BAD_REQUEST"),
]


@pytest.fixture(scope="module", params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("surface"), configuration, request.param) as served:
        fill(served)
        yield served


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_request_has_its_answer(served: MirrorThread, row: Row) -> None:
    with served.client() as client:
        answer = client.ask(row.method, row.target, *row.ask)
        check(row, answer)
        if answer.get("Connection") == "close":
            assert client.is_over()
        else:
            assert client.ask("GET", "/v2/").status == 200  # the connection is good for more


@pytest.mark.parametrize("target", [TAG_PATH, DIGEST_PATH, SMALL_PATH, LARGE_PATH])
def test_what_comes_from_the_cache_has_an_age(served: MirrorThread, target: str) -> None:
    for _ in range(3):
        assert 0 <= int(served.ask("GET", target)["Age"]) < 300


def test_request_ids_differ(served: MirrorThread) -> None:
    targets = (TAG_PATH, TAG_PATH, LARGE_PATH, "/v2/", "/v2/", "/nowhere", "/%")
    ids = [served.ask("GET", target)["X-Request-ID"] for target in targets]
    assert len(set(ids)) == len(ids)
