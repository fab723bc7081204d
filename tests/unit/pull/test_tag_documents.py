"""Tags and moves as programs read them, and what they may say of former digests."""

from __future__ import annotations

from typing import Any

import pytest

from mirror.errors import Code, Refused
from mirror.pull.tag_documents import chosen, move_document, tag_document
from mirror.pull.tag_keeping import KnownTag
from mirror.store.journal import Move

HISTORY = [Move("u", "r", "t", "a", "b", 1_800_000_000.0, ""), Move("u", "r", "t", None, "a", 1_700_000_000.0, "")]


def test_times_are_moments() -> None:
    tag = tag_document(KnownTag("u", "r", "t", "b", 1_800_000_000.0, "a", True, "why", 1.0, None))
    assert (tag["checked"], tag["since"], tag["until"]) == (
        "2027-01-15T08:00:00+00:00",
        "1970-01-01T00:00:01+00:00",
        None,
    )
    move = move_document(HISTORY[0])
    assert (move["seen"], move["old"], move["new"]) == ("2027-01-15T08:00:00+00:00", "a", "b")
    assert move_document(Move("u", "r", "t", None, "a", 1e300, ""))["seen"] is None


@pytest.mark.parametrize(
    ("document", "digest"),
    [
        ({}, "a"),
        ({"to": "a"}, "a"),
        ({"before": "2027-01-15T08:00:00Z"}, "a"),
        ({"before": "2027-01-15T09:00:00.5+00:30"}, "b"),
    ],
)
def test_a_former_digest_is_chosen(document: dict[str, Any], digest: str) -> None:
    assert chosen(document)(HISTORY, "b") == digest


@pytest.mark.parametrize(
    "document",
    [
        {"to": 1},
        {"to": "a", "before": "2027-01-15T08:00:00Z"},
        {"before": "yesterday"},
        {"before": "2027-01-15T08:00:00"},
        {"before": 5},
        {"before": "0001-01-01T00:00:00+23:59"},
        {"what": "a"},
    ],
)
def test_what_cannot_be_understood_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        chosen(document)(HISTORY, "b")
    assert refusal.value.code in (Code.BAD_REQUEST, Code.MANIFEST_UNKNOWN)
