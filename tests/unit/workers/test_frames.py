"""Frames on the line between a worker and the supervisor."""

from __future__ import annotations

import pytest

from mirror.siblings import Word
from mirror.workers.frames import LARGEST, READY, heard, is_told, told


def test_what_is_told_is_heard_word_by_word() -> None:
    words: list[Word] = ["sha256:ab", 12, 1.5, True, None, "ü\n"]
    assert heard(told("grown", words)) == ("grown", words)
    assert heard(told("thaw")) == ("thaw", [])


def test_a_frame_for_others_is_known_without_being_read() -> None:
    assert is_told(told("x"))
    assert not is_told(READY)
    assert not is_told(b"")


def test_more_than_a_frame_holds_is_not_told() -> None:
    assert len(told("x", ["y" * (LARGEST - 9)])) <= LARGEST
    with pytest.raises(ValueError, match="more is told"):
        told("x", ["y" * LARGEST])


def test_what_json_cannot_hold_is_not_told() -> None:
    with pytest.raises(ValueError, match="not one that can be told"):
        told("x", [1 << 70])
    with pytest.raises(ValueError, match="not one that can be told"):
        told("x", ["\ud800"])


@pytest.mark.parametrize("frame", [b"", READY, b"T", b"T{}", b"T[]", b"T[1]", b"T[", b'X["x"]', b"T\xff"])
def test_anything_else_is_no_frame(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        heard(frame)
