"""Several sources as one set of settings, or as everything that is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mirror.config.problems import Problem, dotted
from mirror.config.settings import Settings
from mirror.config.validation import laid_over, password_variables, problems_of, validate


def told(values: dict[str, Any]) -> dict[str, str]:
    _, problems = validate(values)
    assert problems
    return {dotted(problem.place): problem.message for problem in problems}


def test_the_upper_source_wins_key_by_key() -> None:
    upper = {"server": {"listen": ":1"}, "upstreams": {"a.b": {"tag_ttl": "1m"}}, "log": {"level": "debug"}}
    lower = {
        "server": {"listen": [":2", ":3"], "workers": 1},
        "upstreams": {"a.b": {"realms": []}, "c.d": {}},
        "log": None,
    }
    assert laid_over(upper, lower) == {
        "server": {"listen": ":1", "workers": 1},
        "upstreams": {"a.b": {"tag_ttl": "1m", "realms": []}, "c.d": {}},
        "log": {"level": "debug"},
    }


def test_no_key_is_lost_whatever_it_is_called() -> None:
    odd = {"self": 1, "_env_file": 2, "model_config": 3, "__class__": 4, "cls": 5, "_secrets_dir": 6}
    assert laid_over({}, odd) == odd
    assert laid_over(odd, {}) == odd
    assert laid_over({}, {}) == {}


def test_right_values_are_settings() -> None:
    assert validate({"builtin_upstreams": True}) == (Settings(builtin_upstreams=True), [])


def test_mistakes_behind_other_mistakes_are_told_too() -> None:
    values = {
        "server": {"workers": 65},
        "default_upstream": "nowhere.example",
        "upstreams": {
            "a.example": {"tag_ttl": "soon", "username": "alice", "hosts": "m.lan"},
            "b.example": {"hosts": "m.lan"},
        },
    }
    assert told(values).keys() == {
        "server.workers",
        "upstreams.a.example.tag_ttl",
        "upstreams.a.example.username",
        "default_upstream",
        "upstreams.b.example.hosts",
    }


def test_what_is_right_by_itself_is_still_there_to_be_looked_at() -> None:
    settings, problems = validate({"log": {"level": 5, "format": "json"}, "storage": {"root": "/c"}})
    assert (len(problems), settings and settings.log.format, settings and settings.storage.root) == (
        1,
        "json",
        Path("/c"),
    )
    assert validate({"builtin_upstreams": "x", "default_upstream": "a.b", "upstreams": {"nodot": {}}})[1] != []


def test_a_mistake_has_no_echo() -> None:
    assert told({"upstreams": {"a.example": {"username": "alice", "pasword": "x"}}}).keys() == {
        "upstreams.a.example.pasword"
    }
    assert told({"server": {"tls": {"certificate": "c", "key": 5}}}).keys() == {"server.tls.key"}
    assert told({"default_upstream": "x.example", "upstream": {"x.example": {}}}).keys() == {"upstream"}


def test_a_conflict_that_cannot_be_taken_out_is_told_once() -> None:
    names = {"A.example": {"hosts": "m.lan"}, "B.example": {"hosts": "m.lan"}}
    assert told({"upstreams": names}) == {"upstreams.b.example.hosts": "m.lan means a.example already"}
    assert told({"builtin_upstreams": False}) == {"default_upstream": "docker.io is neither configured nor built in"}


def test_variables_that_hold_passwords_are_found_in_any_upstream() -> None:
    values = {"upstreams": {"a.b": {"password_env": "HUB"}, "c.d": {"password_env": 5}, "e.f": None, "g.h": {}}}
    assert dict(password_variables(values)) == {("upstreams", "a.b", "password_env"): "HUB"}
    assert dict(password_variables({"upstreams": [1]})) == {}
    assert dict(password_variables({})) == {}


def problems(values: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate(values)
    return list(problems_of(refusal.value))


@pytest.mark.parametrize(
    ("values", "place", "hint"),
    [
        ({"servr": {}}, "servr", "server"),
        ({"server": {"Listen-": 1}}, "server.Listen-", "listen"),
        ({"server": {"trusted-proxies": []}}, "server.trusted-proxies", "trusted_proxies"),
        ({"upstreams": {"docker.io": {"tag_tll": "5m"}}}, "upstreams.docker.io.tag_tll", "tag_ttl"),
        ({"server": {"tls": {"cert": "x"}}}, "server.tls.cert", "certificate"),
        ({"max_size": "5GiB"}, "max_size", "storage.max_size"),
        ({"storage": {"listen": ":5000"}}, "storage.listen", "server.listen"),
        ({"tag_ttl": "5m"}, "tag_ttl", "upstreams.<name>.tag_ttl"),
        ({"zzz": 1}, "zzz", None),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_right_one(
    values: dict[str, Any], place: str, hint: str | None
) -> None:
    (problem,) = problems(values)
    assert (dotted(problem.place), problem.message, problem.hint) == (place, "unknown key", hint)


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ({"server": 5}, "server", "must be a section, with keys below it"),
        ({"upstreams": []}, "upstreams", "must be a section, with keys below it"),
        ({"upstreams": {"nodot": {}}}, "upstreams.nodot", "not a registry's name: it needs a dot or a port"),
        ({"server": {"listen": [":1", "x"]}}, "server.listen[1]", "not an address to listen on"),
        ({"admin": {"listen": []}}, "admin.listen", "must not be empty"),
        ({"limits": {"connections": "many"}}, "limits.connections", "not a whole number"),
        ({"limits": {"connections": "9" * 5000}}, "limits.connections", "not a whole number"),
        ({"limits": {"connections": 0}}, "limits.connections", "must be greater than or equal to 1"),
        ({"limits": {"resumes": 1.5}}, "limits.resumes", "not a whole number"),
        ({"limits": {"keepalive": "0s"}}, "limits.keepalive", "must be greater than 0"),
        ({"builtin_upstreams": "perhaps"}, "builtin_upstreams", "neither true nor false"),
        ({"log": {"level": "loud"}}, "log.level", "must be debug, info, warning or error"),
        ({"upstreams": {"a.b": {"username": 5}}}, "upstreams.a.b.username", "not text; write it in quotes"),
        ({"upstreams": {"a.b": {"password": 5}}}, "upstreams.a.b.password", "not text; write it in quotes"),
        ({"server": {"tls": {"key": "k"}}}, "server.tls.certificate", "is missing: certificate and key go together"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(values: dict[str, Any], place: str, message: str) -> None:
    (problem,) = problems(values)
    assert dotted(problem.place) == place
    assert problem.message.startswith(message)


def test_all_mistakes_are_told_at_once() -> None:
    found = problems({"server": {"workers": 0, "lisen": 1}, "log": {"level": 3}, "upstreams": {"a.b": {"realms": "/"}}})
    assert {dotted(problem.place) for problem in found} == {
        "server.workers",
        "server.lisen",
        "log.level",
        "upstreams.a.b.realms[0]",
    }


def test_each_conflict_of_a_section_is_a_problem_of_its_own() -> None:
    (missing,) = problems({"server": {"tls": {"certificate": "c"}}})
    assert missing.involved == (
        ("server", "tls", "certificate"),
        ("server", "tls", "key"),
        ("server", "tls", "client_ca"),
    )
    both = problems(
        {
            "default_upstream": "x.y",
            "upstreams": {"a.b": {"hosts": "m.lan"}, "c.d": {"hosts": "m.lan"}},
        }
    )
    assert [(dotted(problem.place), problem.message) for problem in both] == [
        ("default_upstream", "x.y is neither configured nor built in"),
        ("upstreams.c.d.hosts", "m.lan means a.b already"),
    ]
