"""Schema 1: the digest is of what was signed, and nothing but what was signed is let through."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.schema1 import SIGNATURES, schema1_payload

# Two manifests as a registry (distribution 2.8) signed and announced them: one it wrote itself, one that was pushed.
WRITTEN_DIGEST = Digest.parse("sha256:53e7889190c6ffc6bfaa1777020f342cecc84d3f8c78670c421524bbcc87898b")
WRITTEN = rb"""{
   "schemaVersion": 1,
   "name": "a/b",
   "tag": "x",
   "architecture": "amd64",
   "fsLayers": [
      {
         "blobSum": "sha256:8e8c0d08a302e8ef8346d251780189d186a034f2ab0fc7ac6d1a9d70cacbf6a2"
      }
   ],
   "history": [
      {
         "v1Compatibility": "{\"architecture\":\"amd64\",\"config\":{},\"created\":\"2026-11-21T19:02:42.631090228Z\",\"id\":\"174dbe3d0c4efea7e48e15d382002304cf7be9c66a2751f73257021d5815b9ca\",\"os\":\"linux\"}"
      }
   ],
   "signatures": [
      {
         "header": {
            "jwk": {
               "crv": "P-256",
               "kid": "2PNY:6WLZ:GO6P:GQUP:LC7I:ZR7H:IIY3:VDFV:WYPV:EGFH:7S44:7TJW",
               "kty": "EC",
               "x": "OPf7C7ciELTWWwlt7DsPP1mgqviODpUDOWAusGLvrb8",
               "y": "TBnVKZHUBPuwzQEgOxTe9BFrHvxMGdxVaSJoLI8xusU"
            },
            "alg": "ES256"
         },
         "signature": "iowWKdvNLn0FNwJsaXvZTDAFKtsOChM-ie8lAO-gVQJUEj1uEwNpagWzxyEiGuSl6PWnEd_TtjrvP-FtBsWTfw",
         "protected": "eyJmb3JtYXRMZW5ndGgiOjQ2OCwiZm9ybWF0VGFpbCI6IkNuMCIsInRpbWUiOiIyMDI2LTExLTIxVDE5OjAyOjQ0WiJ9"
      }
   ]
}"""  # noqa: E501
PUSHED_DIGEST = Digest.parse("sha256:1b0c3e767b57e21e325fb75e5abb2280eaae9bac2b1d0be61c9ef39669e04479")
PUSHED = rb"""{"name":"a/b","tag":"s1","architecture":"amd64","fsLayers":[{"blobSum":"sha256:8e8c0d08a302e8ef8346d251780189d186a034f2ab0fc7ac6d1a9d70cacbf6a2"}],"history":[{"v1Compatibility":"{\"architecture\":\"amd64\",\"config\":{},\"created\":\"2026-11-21T19:02:42.631090228Z\",\"id\":\"174dbe3d0c4efea7e48e15d382002304cf7be9c66a2751f73257021d5815b9ca\",\"os\":\"linux\"}"}],"schemaVersion":1,"signatures":[{"header":{"jwk":{"crv":"P-256","kid":"2PNY:6WLZ:GO6P:GQUP:LC7I:ZR7H:IIY3:VDFV:WYPV:EGFH:7S44:7TJW","kty":"EC","x":"OPf7C7ciELTWWwlt7DsPP1mgqviODpUDOWAusGLvrb8","y":"TBnVKZHUBPuwzQEgOxTe9BFrHvxMGdxVaSJoLI8xusU"},"alg":"ES256"},"signature":"aoRY_z7FTQz3dM4sDmwGVsB-4qcmZ4aNsc5udFKkE8Pav1RzoIKKr8hZzX_m9Cgh2BzZivWgLZ1hdQ76B8pe5Q","protected":"eyJmb3JtYXRMZW5ndGgiOjM4MSwiZm9ybWF0VGFpbCI6ImZRIiwidGltZSI6IjIwMjYtMTEtMjFUMTk6MDI6NDRaIn0"}]}"""  # noqa: E501

UNSIGNED = b'{"schemaVersion":1,"fsLayers":[]}'


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(length: object, tail: object) -> dict[str, object]:
    header = json.dumps({"formatLength": length, "formatTail": tail, "time": "2015-01-01T00:00:00Z"})
    return {"header": {"alg": "ES256"}, "signature": "AAAA", "protected": unpadded(header.encode())}


def signed(payload: bytes, *signatures: object) -> bytes:
    """`payload` with signatures put in before its last brace, by default one that tells where."""
    length = payload.rindex(b"}")
    given = signatures or (signature(length, unpadded(payload[length:])),)
    return payload[:length] + b', "signatures": ' + json.dumps(given).encode() + payload[length:]


def refused(body: bytes) -> bool:
    with pytest.raises(Malformed) as refusal:
        schema1_payload(body)
    return refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize(("body", "digest"), [(WRITTEN, WRITTEN_DIGEST), (PUSHED, PUSHED_DIGEST)])
def test_the_digest_that_a_registry_announces_is_of_the_payload(body: bytes, digest: Digest) -> None:
    assert digest.verifies(schema1_payload(body))
    assert not digest.verifies(body)


def test_an_unsigned_manifest_is_its_own_payload() -> None:
    assert schema1_payload(UNSIGNED) == UNSIGNED


@pytest.mark.parametrize(
    "payload", [UNSIGNED, UNSIGNED + b"\n", b'{\n "a": "\\u20ac"\n} \n', '{"a":"\u20ac"}'.encode()]
)
def test_signatures_come_off_and_leave_every_other_byte(payload: bytes) -> None:
    assert schema1_payload(signed(payload)) == payload


def test_several_signatures_of_the_same_bytes_are_as_good_as_one() -> None:
    length = len(UNSIGNED) - 1
    one, other = signature(length, unpadded(b"}")), signature(length, unpadded(b"}"))
    assert schema1_payload(signed(UNSIGNED, one, other | {"signature": "BBBB"})) == UNSIGNED


def test_signatures_that_disagree_on_what_they_signed_are_refused() -> None:
    length = len(UNSIGNED) - 1
    assert refused(signed(UNSIGNED, signature(length, unpadded(b"}")), signature(length, unpadded(b"} "))))
    assert refused(signed(UNSIGNED, signature(length, unpadded(b"}")), signature(length - 1, unpadded(b"}"))))


@pytest.mark.parametrize(("body", "digest"), [(WRITTEN, WRITTEN_DIGEST), (PUSHED, PUSHED_DIGEST)])
def test_a_changed_byte_never_verifies(body: bytes, digest: Digest) -> None:
    signed_part = len(schema1_payload(body)) - 2
    for at in range(signed_part):
        changed = bytearray(body)
        changed[at] ^= 1
        with contextlib.suppress(Malformed):
            assert not digest.verifies(schema1_payload(bytes(changed)))


@pytest.mark.parametrize(
    "unsigned_member",
    [b', "fsLayers": [{"blobSum": "sha256:00"}]', b', "FSLAYERS": []', b', "x": {"y": 1}', b', "signatures": []'],
)
def test_a_member_that_nobody_signed_is_refused_wherever_it_stands(unsigned_member: bytes) -> None:
    length = len(UNSIGNED) - 1
    member = b', "signatures": ' + json.dumps([signature(length, unpadded(b"}"))]).encode()
    assert schema1_payload(UNSIGNED[:-1] + member + b"}") == UNSIGNED
    assert refused(UNSIGNED[:-1] + unsigned_member + member + b"}")
    assert refused(UNSIGNED[:-1] + member + unsigned_member + b"}")


def test_signatures_that_are_nested_where_the_signed_part_ends_are_refused() -> None:
    length = len(b'{"fsLayers":{"a":1')
    member = b', "signatures": ' + json.dumps([signature(length, unpadded(b"}"))]).encode()
    nested = b'{"fsLayers":{"a":1' + member + b"}" + member + b"}"
    json.loads(nested)
    assert refused(nested)


@pytest.mark.parametrize("signatures", [None, {}, "x", 5, [], [None], [5], ["x"], [[]], [{}], [{"protected": 5}]])
def test_signatures_of_the_wrong_shape_are_refused(signatures: object) -> None:
    assert refused(json.dumps({"schemaVersion": 1, "signatures": signatures}).encode())


def test_more_signatures_than_anybody_gives_are_refused() -> None:
    one = signature(len(UNSIGNED) - 1, unpadded(b"}"))
    assert schema1_payload(signed(UNSIGNED, *[one] * SIGNATURES)) == UNSIGNED
    assert refused(signed(UNSIGNED, *[one] * (SIGNATURES + 1)))


@pytest.mark.parametrize(
    "protected",
    [
        "",
        "A",
        "!!!!",
        "e30=",
        "\u00e4",
        "\ud800",
        unpadded(b"[]"),
        unpadded(b"\xff"),
        unpadded(b"[" * 100_000),
        unpadded(b'{"formatLength":1}'),
        unpadded(b'{"formatTail":"fQ"}'),
        unpadded(b'{"formatLength":1,"formatLength":2,"formatTail":"fQ"}'),
        unpadded(b'{"formatLength":1,"FormatLength":2,"formatTail":"fQ"}'),
    ],
)
def test_a_protected_header_that_cannot_be_read_is_refused(protected: str) -> None:
    assert refused(signed(UNSIGNED, {"protected": protected}))


@pytest.mark.parametrize("length", [None, -1, 0, 1, 31, 33, 10_000, 32.0, "32", True, 10**30])
def test_a_length_that_is_not_where_the_signatures_begin_is_refused(length: object) -> None:
    assert len(UNSIGNED) - 1 == 32
    assert refused(signed(UNSIGNED, signature(length, unpadded(b"}"))))


@pytest.mark.parametrize(
    "tail", [None, 5, "", "A", "=", unpadded(b""), unpadded(b"]"), unpadded(b',"x":1}'), unpadded(b"}}")]
)
def test_a_tail_that_is_not_the_end_of_an_object_is_refused(tail: object) -> None:
    assert refused(signed(UNSIGNED, signature(32, tail)))


def test_a_length_counts_from_the_beginning() -> None:
    def rest(length: int) -> bytes:
        return b', "signatures": ' + json.dumps([signature(length, unpadded(b"}"))]).encode() + b"}"

    backwards = -len(rest(-100))
    assert len(rest(backwards)) == -backwards
    assert schema1_payload(UNSIGNED[:-1] + rest(32)) == UNSIGNED
    assert refused(UNSIGNED[:-1] + rest(backwards))


def test_a_tail_is_base64url_and_nothing_else() -> None:
    assert schema1_payload(signed(UNSIGNED, signature(32, "fQ"))) == UNSIGNED
    assert refused(signed(UNSIGNED, signature(32, "!fQ==")))


def test_a_body_that_is_not_an_object_is_refused() -> None:
    assert refused(b"[]")
    assert refused(b'{"signatures":[],"signatures":[]}')
    assert refused(b'{"Signatures":[]}')
