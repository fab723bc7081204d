"""Who vouches for a bundle's contents."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.bundles.seal import check, read_key, seal
from mirror.errors import MirrorError, Refused

CONTENTS, KEY = b"contents", b"0123456789abcdef"


def test_a_seal_is_of_its_contents() -> None:
    assert check(CONTENTS, seal(CONTENTS, None), None) is False
    with pytest.raises(Refused, match="not those that were sealed"):
        check(b"Contents", seal(CONTENTS, None), None)


def test_a_signature_is_by_its_key() -> None:
    assert check(CONTENTS, seal(CONTENTS, KEY), KEY) is True
    with pytest.raises(Refused, match="not signed with this key"):
        check(CONTENTS, seal(CONTENTS, KEY), b"another key 0123")


def test_a_key_demands_a_signature() -> None:
    with pytest.raises(Refused, match="is not signed"):
        check(CONTENTS, seal(CONTENTS, None), KEY)


def test_without_a_key_a_signature_is_not_looked_at() -> None:
    assert check(CONTENTS, seal(CONTENTS, KEY), None) is True


@pytest.mark.parametrize("sealed", [b"", b"sha256\n", b"md5 00\n", b"sha256 \xff\n", seal(CONTENTS, KEY)[:-1]])
def test_what_is_no_seal_is_refused(sealed: bytes) -> None:
    with pytest.raises(Refused):
        check(CONTENTS, sealed, None)


def test_no_bit_of_a_signed_seal_can_be_another() -> None:
    sealed = seal(CONTENTS, KEY)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(Refused):
            check(CONTENTS, bytes(changed), KEY)


def test_a_key_is_what_is_in_its_file_but_for_the_line_s_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY + b"\n")
    assert read_key(file) == KEY


@pytest.mark.parametrize("key", [b"", b"fifteen bytes!!\n", b"x" * 5000])
def test_a_key_that_is_too_short_or_too_long_is_refused_and_not_repeated(tmp_path: Path, key: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(key)
    with pytest.raises(MirrorError, match="does not hold a key") as refusal:
        read_key(file)
    assert "fifteen" not in str(refusal.value)
