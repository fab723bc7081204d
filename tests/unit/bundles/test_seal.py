"""Who vouches for a bundle's contents."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from mirror.bundles.seal import check, read_key, seal
from mirror.errors import Code, MirrorError, Refused

CONTENTS, KEY = b"contents", b"0123456789abcdef"


def refused(words: str, contents: bytes, sealed: bytes, key: bytes | None) -> None:
    """As what who sent it has done wrong, in words that name no key."""
    with pytest.raises(Refused, match=f"the bundle {words}") as refusal:
        check(contents, sealed, key)
    assert refusal.value.code is Code.BAD_REQUEST


def test_a_seal_is_written_as_every_version_reads_it() -> None:
    hashed = f"sha256 {hashlib.sha256(CONTENTS).hexdigest()}\n".encode()
    assert seal(CONTENTS, None) == hashed
    keyed = hmac.new(KEY, b"mirror bundle\n" + CONTENTS, "sha256").hexdigest()
    assert seal(CONTENTS, KEY) == hashed + f"hmac-sha256 {keyed}\n".encode()


def test_a_seal_is_of_its_contents() -> None:
    assert check(CONTENTS, seal(CONTENTS, None), None) is False
    with pytest.raises(Refused, match="the contents of the bundle are not those that were sealed") as refusal:
        check(b"Contents", seal(CONTENTS, None), None)
    assert refusal.value.code is Code.BAD_REQUEST


def test_a_signature_is_by_its_key() -> None:
    assert check(CONTENTS, seal(CONTENTS, KEY), KEY) is True
    refused("is not signed with this key", CONTENTS, seal(CONTENTS, KEY), b"another key 0123")


def test_a_key_demands_a_signature() -> None:
    refused("is not signed, and --verify-key demands it", CONTENTS, seal(CONTENTS, None), KEY)


def test_without_a_key_a_signature_is_not_looked_at() -> None:
    assert check(CONTENTS, seal(CONTENTS, KEY), None) is True


@pytest.mark.parametrize("sealed", [b"", b"sha256\n", b"md5 00\n", b"sha256 \xff\n", seal(CONTENTS, KEY)[:-1]])
def test_what_is_no_seal_is_refused(sealed: bytes) -> None:
    with pytest.raises(Refused, match="the seal of the bundle cannot be read") as refusal:
        check(CONTENTS, sealed, None)
    assert refusal.value.code is Code.BAD_REQUEST


def test_no_bit_of_a_signed_seal_can_be_another() -> None:
    sealed = seal(CONTENTS, KEY)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(Refused):
            check(CONTENTS, bytes(changed), KEY)


@pytest.mark.parametrize("key", [KEY, b"with white space in it", b"x" * 4096])
def test_a_key_is_what_is_in_its_file_but_for_the_line_s_end(tmp_path: Path, key: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(key)
    assert read_key(file) == key
    file.write_bytes(key[:4095] + b"\n")
    assert read_key(file) == key[:4095]


@pytest.mark.parametrize("key", [b"", b"fifteen bytes!!\n", b"x" * 4097])
def test_a_key_that_is_too_short_or_too_long_is_refused_and_not_repeated(tmp_path: Path, key: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(key)
    with pytest.raises(
        MirrorError, match=f"^{file} does not hold a key of 16 to 4096 bytes: `.*` makes one$"
    ) as refusal:
        read_key(file)
    assert "fifteen" not in str(refusal.value)
