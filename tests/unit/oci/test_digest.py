"""Digests: two algorithms, one spelling each, and no way to hold an invalid one."""

from __future__ import annotations

import hashlib

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest

HEX256 = "0123456789abcdef" * 4
HEX512 = HEX256 * 2

NOT_DIGESTS = [
    "",
    ":",
    "sha256",
    "sha256:",
    f":{HEX256}",
    HEX256,
    f"sha256:{HEX256[:-1]}",
    f"sha256:{HEX256}0",
    f"sha256:{HEX512}",
    f"sha512:{HEX256}",
    f"sha512:{HEX512}00",
    f"sha256:{HEX256.upper()}",
    f"sha256:{HEX256[:-1]}A",
    f"sha256:{HEX256[:-1]}g",
    f"sha256:{HEX256[:-1]} ",
    f"sha256:{HEX256}\n",
    f"sha256:{HEX256[:-1]}\n",
    f" sha256:{HEX256}",
    f"sha256: {HEX256[1:]}",
    f"sha256::{HEX256}",
    f"sha256:sha256:{HEX256}",
    f"SHA256:{HEX256}",
    f"Sha256:{HEX256}",
    f"sha-256:{HEX256}",
    f"sha256-{HEX256}",
    f"sha256@{HEX256}",
    f"sha256%3A{HEX256}",
    f"sha256+b64:{HEX256}",
    f"sha256+b64u:{HEX256}",
    f"multihash+base58:{HEX256}",
    f"sha256.{HEX256}",
    f"sha384:{HEX256}{HEX256[:32]}",
    f"sha3-256:{HEX256}",
    f"sha1:{HEX256[:40]}",
    f"md5:{HEX256[:32]}",
    f"blake3:{HEX256}",
    f"sm3:{HEX256}",
    f"tarsum.v1+sha256:{HEX256}",
    f"sha256:{HEX256[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
    f"sha256:{HEX256[:-1]}\N{FULLWIDTH DIGIT ONE}",
    f"sha256:{HEX256[:-1]}\N{CYRILLIC SMALL LETTER A}",
    f"\N{LATIN SMALL LETTER LONG S}ha256:{HEX256}",
    f"sha256:{HEX256[:-2]}..",
    "sha256:../../../../etc/passwd",
    f"sha256:/{HEX256[1:]}",
    f"sha256:{HEX256}/..",
    f"sha256:\x00{HEX256[1:]}",
    f"sha256\x00:{HEX256}",
    f"sha256:\ud800{HEX256[1:]}",
    f"sha256:{'-' * 64}",
    f"sha256:{'0x' * 32}",
    f"sha256:{HEX256},sha512:{HEX512}",
]


@pytest.mark.parametrize("text", [f"sha256:{HEX256}", f"sha512:{HEX512}"])
def test_both_algorithms_parse_and_print_as_they_were_written(text: str) -> None:
    digest = Digest.parse(text)
    assert str(digest) == text
    assert digest == Digest(digest.algorithm, digest.encoded)
    assert len({digest, Digest.parse(text)}) == 1


@pytest.mark.parametrize("text", NOT_DIGESTS)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        Digest.parse(text)
    assert refusal.value.code is Code.DIGEST_INVALID


def test_a_refusal_does_not_repeat_what_was_refused() -> None:
    messages = set()
    for text in NOT_DIGESTS:
        with pytest.raises(Malformed) as refusal:
            Digest.parse(text)
        messages.add(str(refusal.value))
    assert len(messages) == 1
    assert "sha256 or sha512 digest in lower-case hexadecimal" in messages.pop()  # but says what would be taken


def test_an_invalid_digest_cannot_be_constructed_either() -> None:
    with pytest.raises(Malformed):
        Digest("sha256", "../../etc/passwd")
    with pytest.raises(Malformed):
        Digest("sha512", HEX256)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_of_bytes_is_their_hash_and_verifies_them_alone(algorithm: str) -> None:
    digest = Digest.of(b"layer", algorithm)
    assert str(digest) == f"{algorithm}:{hashlib.new(algorithm, b'layer').hexdigest()}"
    assert digest.verifies(b"layer")
    assert not digest.verifies(b"Layer")
    assert not digest.verifies(b"")


def test_a_digest_of_an_unserved_algorithm_cannot_be_made() -> None:
    with pytest.raises(Malformed) as refusal:
        Digest.of(b"layer", "md5")
    assert refusal.value.code is Code.DIGEST_INVALID


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_hasher_fed_in_pieces_matches_when_all_bytes_came(algorithm: str) -> None:
    digest = Digest.of(b"one and two", algorithm)
    hasher = digest.hasher()
    hasher.update(b"one ")
    assert not digest.matches(hasher)
    hasher.update(b"and two")
    assert digest.matches(hasher)


def test_a_hasher_of_another_algorithm_never_matches() -> None:
    assert not Digest.of(b"layer").matches(hashlib.sha512(b"layer"))
