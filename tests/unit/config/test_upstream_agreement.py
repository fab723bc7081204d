"""Which keys of one upstream go together."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mirror.config.settings import Upstream
from mirror.config.upstream_agreement import disagreements_within, login_key, meaningless_for_a_pattern

USER = {"username": "alice"}
PASSWORD = {**USER, "password": "canary"}
CONFIG = {"docker_config": "/config.json"}
HELPER = {"credential_helper": "ecr-login"}
COMMAND = {"credential_command": ["print-login"]}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({}, None),
        (PASSWORD, "username"),
        ({**USER, "password_file": "/secret"}, "username"),
        ({**USER, "password_env": "HUB"}, "username"),
        (CONFIG, "docker_config"),
        (HELPER, "credential_helper"),
        (COMMAND, "credential_command"),
        ({**COMMAND, **USER}, "credential_command"),
    ],
)
def test_there_is_one_source_of_a_login_or_none(values: dict[str, Any], key: str | None) -> None:
    upstream = Upstream.model_validate(values)
    assert login_key(upstream) == key


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        (USER, "username", "comes with no password: give one of password, password_file, password_env"),
        ({"password_env": "HUB"}, "password_env", "has no meaning without username"),
        (
            {**PASSWORD, "password_env": "HUB"},
            "username",
            "comes with several passwords: give one of password, password_file, password_env",
        ),
        (
            {**PASSWORD, **CONFIG},
            "docker_config",
            "is one source of a login too many: keep one of password, docker_config",
        ),
        (
            {**HELPER, **COMMAND},
            "credential_command",
            "is one source of a login too many: keep one of credential_helper, credential_command",
        ),
        (
            {**USER, **COMMAND, "password_env": "HUB"},
            "credential_command",
            "is one source of a login too many: keep one of password_env, credential_command",
        ),
        ({**USER, **HELPER}, "username", "has no meaning with credential_helper, which names the user itself"),
        (
            {"credential_lifetime": "5m"},
            "credential_lifetime",
            "has no meaning without one of docker_config, credential_helper, credential_command",
        ),
        (
            {"client_certificate": "/c"},
            "client_key",
            "is missing: client_certificate and client_key go together",
        ),
        (
            {"client_key": "/k"},
            "client_certificate",
            "is missing: client_certificate and client_key go together",
        ),
        ({"search": "http://search.example"}, "search", "is not https: that takes `insecure: true`"),
    ],
)
def test_what_does_not_go_together_is_told_at_one_key(values: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Upstream.model_validate(values)
    (error,) = refusal.value.errors()
    (conflict,) = error["ctx"]["error"].conflicts
    assert (conflict.place, conflict.message) == ((place,), message)
    assert (place,) in conflict.involved
    assert "canary" not in str(refusal.value)


def test_what_goes_together_is_no_conflict() -> None:
    for values in (
        {**HELPER, "credential_lifetime": "5m"},
        {"client_certificate": "/c", "client_key": "/k"},
        {"search": "https://search.example"},
        {"search": "http://search.example", "insecure": True},
    ):
        assert list(disagreements_within(Upstream.model_validate(values))) == []


def test_a_pattern_has_no_address_of_its_own() -> None:
    keys = {"endpoints": "https://a.example", "hosts": "m.lan", "search": "https://s.example", "tag_ttl": "1m"}
    assert list(meaningless_for_a_pattern(Upstream.model_validate(keys))) == ["endpoints", "hosts", "search"]
    assert list(meaningless_for_a_pattern(Upstream())) == []
