"""Paths of the registry API: what each endpoint's looks like, and what is wrong with a name, a digest or a tag."""

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
    ReferrersEndpoint,
    SearchEndpoint,
    SearchPing,
    TagsEndpoint,
    parse,
)

HEX = "0123456789abcdef" * 4
DIGEST = Digest("sha256", HEX)
LONG = Digest("sha512", HEX * 2)

ENDPOINTS: list[tuple[str, Endpoint]] = [
    ("/v2", Ping()),
    ("/v2/", Ping()),
    ("/v2/_catalog", CatalogEndpoint()),
    ("/v1/_ping", SearchPing()),
    ("/v1/search", SearchEndpoint()),
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
