"""Lists as facts: read as they were noted, or not at all."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from mirror.store.listing import Listing

FACT: dict[str, Any] = {"text": "a\nb", "checked": 5.0, "failed": 0.0}


def test_a_listing_is_what_was_noted() -> None:
    assert Listing.of(FACT) == Listing("a\nb", 5.0)
    assert Listing.of(asdict(Listing("", 1.0, 2.0))) == Listing("", 1.0, 2.0)


@pytest.mark.parametrize(
    "forged", [{}, FACT | {"text": None}, FACT | {"text": ["a"]}, FACT | {"checked": "5"}, FACT | {"failed": None}]
)
def test_a_forged_listing_is_none(forged: dict[str, Any]) -> None:
    assert Listing.of(forged) is None
