"""What is allowed and probably not meant."""

from __future__ import annotations

from typing import Any

import pytest

from mirror.config.cautions import cautions
from mirror.config.settings import Settings

ACCOUNT = {"username": "alice", "password": "canary"}


def told(**upstream: Any) -> list[str]:
    return list(cautions(Settings.model_validate({"upstreams": {"a.example": upstream}})))


def test_an_account_that_is_never_sent_is_told_with_the_endpoint() -> None:
    endpoints = ["https://a.example", "http://b.example:5000"]
    (caution,) = told(**ACCOUNT, endpoints=endpoints)
    assert caution.startswith("upstreams.a.example.username: is never sent to http://b.example:5000,")
    assert "canary" not in caution


@pytest.mark.parametrize(
    "upstream",
    [
        {},
        ACCOUNT,
        {"endpoints": "http://b.example"},
        {**ACCOUNT, "endpoints": "https://b.example"},
        {**ACCOUNT, "endpoints": "http://b.example", "insecure": True},
    ],
)
def test_what_is_meant_is_not_told(upstream: dict[str, Any]) -> None:
    assert told(**upstream) == []
