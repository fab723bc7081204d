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


def test_one_login_for_whoever_matches_a_pattern_is_told() -> None:
    def of_pattern(**upstream: Any) -> list[str]:
        return list(cautions(Settings.model_validate({"upstreams": {"*.azurecr.io": upstream}})))

    (caution,) = of_pattern(**ACCOUNT)
    assert caution.startswith("upstreams.*.azurecr.io.username: one login for every host that matches")
    (caution,) = of_pattern(credential_command="print-login")
    assert caution.startswith("upstreams.*.azurecr.io.credential_command: one login")
    assert of_pattern(credential_helper="acr-env") == of_pattern(docker_config="/config.json") == of_pattern() == []


def test_a_login_from_elsewhere_that_is_never_sent_is_told_too() -> None:
    (caution,) = told(credential_helper="canary", endpoints="http://b.example")
    assert caution.startswith("upstreams.a.example.credential_helper: is never sent to http://b.example,")


def test_a_catalogue_of_what_a_login_has_brought_is_told() -> None:
    def of_catalog(**upstream: Any) -> list[str]:
        values = {"catalog": True, "upstreams": {"a.example": upstream}}
        return list(cautions(Settings.model_validate(values)))

    (caution,) = of_catalog(**ACCOUNT)
    assert caution.startswith("catalog: whoever may ask learns the names of what is pulled from a.example")
    assert of_catalog() == []
    assert told(**ACCOUNT) == []


@pytest.mark.parametrize("listen", ["0.0.0.0:5001", "[::]:5001", ":5001", "192.0.2.1:5001", "mirror.lan:5001"])
def test_an_admin_listener_that_others_may_reach_is_told(listen: str) -> None:
    values = {"admin": {"listen": ["127.0.0.1:5002", listen]}}
    (caution,) = cautions(Settings.model_validate(values))
    assert caution.startswith(f"admin.listen: whoever reaches {listen} may remove")


@pytest.mark.parametrize("listen", ["127.0.0.1:5001", "[::1]:5001", "localhost:5001", "127.8.0.1:5001"])
def test_an_admin_listener_of_this_machine_is_not_told(listen: str) -> None:
    assert [*cautions(Settings.model_validate({"admin": {"listen": listen}, "server": {"listen": ":5000"}}))] == []
