"""Paths that are none of the registry API's: mistaken ones are not found, hostile ones are bad requests."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.endpoint import parse

HEX = "0123456789abcdef" * 4
DIGEST = Digest("sha256", HEX)

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
    "/v1/",
    "/v1/_ping/",
    "/v1/search/",
    "/v1/repositories/a/tags",
    "/v2/search",
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


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_target_is_a_bad_request(target: str) -> None:
    assert refusal(target) is Code.BAD_REQUEST


@pytest.mark.parametrize("target", UNKNOWN)
def test_any_other_shape_is_not_found(target: str) -> None:
    assert refusal(target) is Code.NOT_FOUND


def test_a_refusal_does_not_repeat_what_was_refused() -> None:
    for target in [*HOSTILE, *UNKNOWN]:
        with pytest.raises(Malformed) as refusal:
            parse(target)
        assert len(target) < 4 or target not in str(refusal.value)
