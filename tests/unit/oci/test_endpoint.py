"""Paths and queries, read raw: what each endpoint's looks like, and some hundred that are refused."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.endpoint import (
    BlobEndpoint,
    CatalogEndpoint,
    Endpoint,
    ManifestEndpoint,
    Ping,
    Query,
    ReferrersEndpoint,
    TagsEndpoint,
    parse,
    parse_query,
)

HEX = "0123456789abcdef" * 4
DIGEST = Digest("sha256", HEX)
LONG = Digest("sha512", HEX * 2)

ENDPOINTS: list[tuple[str, Endpoint]] = [
    ("/v2", Ping()),
    ("/v2/", Ping()),
    ("/v2/_catalog", CatalogEndpoint()),
    ("/v2/alpine/manifests/latest", ManifestEndpoint("alpine", "latest")),
    ("/v2/library/alpine/manifests/3.20_x-Y", ManifestEndpoint("library/alpine", "3.20_x-Y")),
    (f"/v2/a/b/c/manifests/{DIGEST}", ManifestEndpoint("a/b/c", DIGEST)),
    (f"/v2/a/manifests/sha256%3A{HEX}", ManifestEndpoint("a", DIGEST)),
    (f"/v2/a/manifests/sha256%3a{HEX}", ManifestEndpoint("a", DIGEST)),
    (f"/v2/a/manifests/sha256-{HEX}.sig", ManifestEndpoint("a", f"sha256-{HEX}.sig")),
    (f"/v2/a/blobs/{DIGEST}", BlobEndpoint("a", DIGEST)),
    (f"/v2/a/blobs/{LONG}", BlobEndpoint("a", LONG)),
    (f"/v2/a/blobs/sha512%3A{HEX}{HEX}", BlobEndpoint("a", LONG)),
    ("/v2/a/tags/list", TagsEndpoint("a")),
    (f"/v2/a/referrers/{DIGEST}", ReferrersEndpoint("a", DIGEST)),
    ("/v2/a/manifests/b/manifests/latest", ManifestEndpoint("a/manifests/b", "latest")),
    (f"/v2/a/manifests/blobs/{DIGEST}", BlobEndpoint("a/manifests", DIGEST)),
    ("/v2/a/blobs/manifests/x", ManifestEndpoint("a/blobs", "x")),
    ("/v2/a/tags/tags/list", TagsEndpoint("a/tags")),
    ("/v2/a/manifests/tags/list", TagsEndpoint("a/manifests")),
    ("/v2/manifests/manifests/manifests", ManifestEndpoint("manifests", "manifests")),
    ("/v2/tags/list/tags/list", TagsEndpoint("tags/list")),
    ("/v2/v2/tags/list", TagsEndpoint("v2")),
    (f"/v2/ghcr.io/owner/name/blobs/{DIGEST}", BlobEndpoint("owner/name", DIGEST, host="ghcr.io")),
    ("/v2/localhost/x/tags/list", TagsEndpoint("x", host="localhost")),
    ("/v2/localhost:5000/x/tags/list", TagsEndpoint("x", host="localhost:5000")),
    ("/v2/registry:1/x/tags/list", TagsEndpoint("x", host="registry:1")),
    ("/v2/127.0.0.1:65535/x/tags/list", TagsEndpoint("x", host="127.0.0.1:65535")),
    ("/v2/[::1]:5000/x/tags/list", TagsEndpoint("x", host="[::1]:5000")),
    ("/v2/[2001:db8::1]/x/tags/list", TagsEndpoint("x", host="[2001:db8::1]")),
    ("/v2/xn--bcher-kva.example/x/tags/list", TagsEndpoint("x", host="xn--bcher-kva.example")),
    (f"/v2/a.b/c.d/referrers/{DIGEST}", ReferrersEndpoint("c.d", DIGEST, host="a.b")),
    ("/v2/ghcr.io/tags/list", TagsEndpoint("ghcr.io")),
    ("/v2/localhost/manifests/latest", ManifestEndpoint("localhost", "latest")),
    (f"/v2/{'a' * 255}/tags/list", TagsEndpoint("a" * 255)),
    (f"/v2/ghcr.io/{'a' * 255}/tags/list", TagsEndpoint("a" * 255, host="ghcr.io")),
    (f"/v2/a/manifests/{'t' * 128}", ManifestEndpoint("a", "t" * 128)),
]

INVALID_NAMES = [
    "A",
    "library/Alpine",
    "a..b",
    "-a",
    "a-",
    "a_",
    "a___b",
    "a:1",
    "a@b",
    "a+b",
    "a~",
    "a*",
    "a" * 256,
    "ghcr.io/" + "a" * 256,
    "GHCR.io/x",
    "ghcr.io./x",
    ".ghcr.io/x",
    "-ghcr.io/x",
    "ghcr-.io/x",
    "ghcr..io/x",
    "ghcr_x.io/x",
    "ghcr.io:/x",
    "ghcr.io:0/x",
    "ghcr.io:05000/x",
    "ghcr.io:65536/x",
    "ghcr.io:99999/x",
    "ghcr.io:123456/x",
    "ghcr.io:+1/x",
    "ghcr.io:1:2/x",
    "user@ghcr.io/x",
    "user:pw@ghcr.io/x",
    ":5000/x",
    "[/x",
    "[]/x",
    "[::1/x",
    "::1/x",
    "[::1]x/y",
    "[::G]/x",
    "[fe80::1%25eth0]/x",
    f"{'a' * 64}.io/x",
    ".".join(["a" * 60] * 5) + "/x",
    "ghcr.io/localhost:5000/x",
    "ghcr.io/X",
]

HOSTILE = [
    "/v2/../etc/passwd",
    "/v2/./a/tags/list",
    "/v2/a/../b/tags/list",
    "/v2/a/..",
    "/v2/..",
    "/v2/.",
    "/v2/a/./manifests/x",
    "/v2/a/manifests/..",
    "/v2/a/manifests/.",
    "/v2/a/manifests/../../../../etc/passwd",
    "/v2/..%2f..%2fetc/passwd",
    "/v2/%2e%2e/a/tags/list",
    "/v2/a%2fb/manifests/latest",
    "/v2/a%2Fb/tags/list",
    "/v2/a%252fb/tags/list",
    "/v2/%61/tags/list",
    "/v2/a/manifests/%6catest",
    "/v2/a/manifests/latest%00",
    "/v2/a/manifests/latest%0d%0aX:y",
    f"/v2/a/blobs/sha256%3A{HEX}%00",
    f"/v2/a/blobs/sha256%3A%3A{HEX[1:]}",
    f"/v2/a/blobs/sha256%3A%3a{HEX[1:]}",
    f"/v2/a/blobs/%73ha256:{HEX}",
    f"/v2/localhost%3A5000/a/blobs/{DIGEST}",
    f"/v2/a/blobs%2f{DIGEST}",
    "/v2/a/tags%2flist",
    "/v2/%5fcatalog",
    "/%762/",
    "/v2/%",
    "/v2/a/tags/list%",
    "/v2/a/tags/list%zz",
    "//",
    "//v2/a/tags/list",
    "//evil.example/v2/a/tags/list",
    "/v2//",
    "/v2//a/tags/list",
    "/v2/a//b/tags/list",
    "/v2/a/tags//list",
    "/v2/a/manifests//latest",
    "/v2//manifests/latest",
    "/v2/a/tags/list//",
    "http://evil.example/v2/a/tags/list",
    "https://evil.example:443/v2/",
    "/v2/a/tags/list?n=1",
    "/v2/?",
    "/v2/a/tags/list#x",
    "/v2/a\\b/tags/list",
    "\\v2\\a\\tags\\list",
    "/v2/a/..\\..\\x",
    "/v2/a b/tags/list",
    "/v2/a/tags/list ",
    " /v2/",
    "/v2/a\x00/tags/list",
    "/v2/a/manifests/x\n",
    "/v2/\n",
    "/v2/\r\nHost: x",
    "/v2/a\x7f/tags/list",
    "/v2/\x1b[31m/tags/list",
    "/v2/\u00e4/tags/list",
    "/v2/a\u2215b/tags/list",
    "/v2/a\uff0fb/tags/list",
    "/v2/a/manifests/\N{FULLWIDTH DIGIT ONE}",
    f"/v2/a/blobs/sha256:{HEX[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
    "/v2/\ud800/tags/list",
    "/v2/" + "a/" * 5000 + "tags/list",
    "/" + "a" * 9000,
    f"/v2/a/blobs/sha256:{'0' * 9000}",
]

UNKNOWN = [
    "",
    "*",
    "/",
    "v2/",
    "/v1",
    "/v1/",
    "/v1/_ping",
    "/V2/",
    "/v22/",
    "/v2x",
    "/v2/a",
    "/v2/a/",
    "/v2/a/tags",
    "/v2/a/tags/",
    "/v2/a/tags/lists",
    "/v2/a/tags/List",
    "/v2/a/tags/list/",
    "/v2/a/tags/list/x",
    "/v2/a/Manifests/x",
    "/v2/a/manifest/x",
    "/v2/a/blobs/uploads/",
    f"/v2/a/blobs/uploads/{HEX}",
    "/v2/_catalog/",
    "/v2/ghcr.io/_catalog",
    "/v2/manifests/latest",
    "/v2/tags/list",
    f"/v2/blobs/{DIGEST}",
    "/v3/a/tags/list",
    "/prefix/v2/a/tags/list",
    "/etc/passwd",
    "/favicon.ico",
    "evil.example:443",
]


def refusal(target: str) -> Code:
    with pytest.raises(Malformed) as refusal:
        parse(target)
    return refusal.value.code


@pytest.mark.parametrize(("target", "endpoint"), ENDPOINTS)
def test_a_target_is_the_endpoint_that_it_names(target: str, endpoint: Endpoint) -> None:
    assert parse(target) == endpoint


@pytest.mark.parametrize("name", INVALID_NAMES)
@pytest.mark.parametrize("rest", ["tags/list", "manifests/latest", f"blobs/{DIGEST}", f"referrers/{DIGEST}"])
def test_a_name_that_is_not_one_is_refused(name: str, rest: str) -> None:
    assert refusal(f"/v2/{name}/{rest}") in ({Code.BAD_REQUEST} if "%" in name else {Code.NAME_INVALID})


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_target_is_a_bad_request(target: str) -> None:
    assert refusal(target) is Code.BAD_REQUEST


@pytest.mark.parametrize("target", UNKNOWN)
def test_any_other_shape_is_not_found(target: str) -> None:
    assert refusal(target) is Code.NOT_FOUND


@pytest.mark.parametrize("kind", ["manifests", "blobs", "referrers"])
@pytest.mark.parametrize(
    "text",
    ["sha256:", "sha256:00", f"sha384:{HEX}", f"SHA256:{HEX}", f"sha256:{HEX.upper()}", f"sha512:{HEX}", "x:y", ":"],
)
def test_a_digest_that_is_not_one_is_refused(kind: str, text: str) -> None:
    assert refusal(f"/v2/a/{kind}/{text}") is Code.DIGEST_INVALID


@pytest.mark.parametrize("kind", ["blobs", "referrers"])
@pytest.mark.parametrize("text", ["", "latest", HEX, f"sha256-{HEX}"])
def test_blobs_and_referrers_have_no_tags(kind: str, text: str) -> None:
    assert refusal(f"/v2/a/{kind}/{text}") is Code.DIGEST_INVALID


@pytest.mark.parametrize("tag", ["", ".INVALID_MANIFEST_NAME", "-x", "...", "a" * 129, "a@b", "a+b", "a~b"])
def test_a_tag_that_no_manifest_can_have_is_an_unknown_manifest(tag: str) -> None:
    assert refusal(f"/v2/a/manifests/{tag}") is Code.MANIFEST_UNKNOWN


def test_the_name_is_checked_before_the_reference() -> None:
    assert refusal("/v2/A/manifests/.x") is Code.NAME_INVALID
    assert refusal("/v2/A/blobs/x") is Code.NAME_INVALID


def test_a_refusal_does_not_repeat_what_was_refused() -> None:
    for target in [*HOSTILE, *UNKNOWN, *(f"/v2/{name}/tags/list" for name in INVALID_NAMES)]:
        with pytest.raises(Malformed) as refusal:
            parse(target)
        assert len(target) < 4 or target not in str(refusal.value)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/v2/a/b/tags/list", "a/b"),
        ("/v2/ghcr.io/a/b/tags/list", "ghcr.io/a/b"),
        ("/v2/localhost:5000/a/tags/list", "localhost:5000/a"),
    ],
)
def test_the_whole_name_is_what_stood_in_the_path(target: str, name: str) -> None:
    endpoint = parse(target)
    assert isinstance(endpoint, TagsEndpoint)
    assert endpoint.name == name


QUERIES = [
    ("", Query()),
    ("ns=docker.io", Query(ns="docker.io")),
    ("ns=quay.io%3A443", Query(ns="quay.io:443")),
    ("ns=quay.io%3a443&n=5", Query(ns="quay.io:443", n=5)),
    ("n=0", Query(n=0)),
    ("n=007", Query(n=7)),
    (f"n={'9' * 200}", Query(n=10**19)),
    ("last=v1.2&n=10", Query(n=10, last="v1.2")),
    ("last=", Query()),
    ("ns=", Query()),
    ("ns", Query()),
    ("artifactType=application/vnd.example+json", Query(artifact_type="application/vnd.example+json")),
    ("artifactType=application%2Fvnd.example%2Bjson", Query(artifact_type="application/vnd.example+json")),
    ("&&ns=a&&", Query(ns="a")),
    ("NS=a&N=x&x&y=%zz&=&%6es=b", Query()),
    ("x=1&x=2&ns=a", Query(ns="a")),
    ("last=a=b", Query(last="a=b")),
    ("&".join(["x=1"] * 64), Query()),
]


@pytest.mark.parametrize(("raw", "query"), QUERIES)
def test_a_query_is_the_parameters_that_are_known(raw: str, query: Query) -> None:
    assert parse_query(raw) == query


@pytest.mark.parametrize(
    "raw",
    [
        "ns=a&ns=b",
        "ns=a&ns=a",
        "ns=a&ns=",
        "ns&ns=a",
        "n=1&n=1",
        "last=a&last=a",
        "artifactType=a&artifactType=b",
        "ns=%",
        "ns=%3",
        "ns=%zz",
        "ns=%u0041",
        "ns=%00",
        "ns=a%0d%0ab",
        "ns=a%7f",
        "ns=%ff",
        "ns=%c3%a4",
        "ns=\u00e4",
        "ns=\x00",
        "ns=\ud800",
        "last=%1b[31m",
        f"ns={'a' * 513}",
        "x" * 8193,
        "&".join(["x=1"] * 65),
    ],
)
def test_a_query_that_can_be_read_in_two_ways_or_none_is_refused(raw: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_query(raw)
    assert refusal.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("n", ["", "-1", "+1", "1.0", "1e3", "0x1", "one", "%31 ", "1_0", "9" * 257])
def test_a_page_size_that_is_no_number_is_refused(n: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_query(f"n={n}")
    assert refusal.value.code is Code.PAGINATION_NUMBER_INVALID
