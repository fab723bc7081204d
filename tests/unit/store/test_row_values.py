"""What can have been written to a database, and what cannot."""

from __future__ import annotations

import pytest

from mirror.store.row_values import is_digest, is_media_type

DIGEST = f"sha256:{0:064}"


@pytest.mark.parametrize("value", ["application/vnd.oci.image.index.v1+json", "", "a; b=c", "a" * 255])
def test_printable_ascii_may_be_a_media_type(value: object) -> None:
    assert is_media_type(value)


@pytest.mark.parametrize("value", ["a" * 256, "é", "a\r\nb", "\0", "\x7f", b"type", 5, 1.0, None])
def test_nothing_else_may(value: object) -> None:
    assert not is_media_type(value)


@pytest.mark.parametrize("value", ["", "content", DIGEST + "0", DIGEST.upper(), DIGEST.encode(), 5, None])
def test_what_no_digest_is_spelt_like_is_none(value: object) -> None:
    assert is_digest(DIGEST)
    assert not is_digest(value)
