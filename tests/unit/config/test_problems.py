"""Mistakes in a configuration, with their place and the key that was meant."""

from __future__ import annotations

import pytest

from mirror.config.problems import Problem, dotted, is_echo, nearest, nearest_key, section_at, setting_at, without
from mirror.config.settings import TLS, Settings, Upstream


def test_a_conflict_that_follows_from_a_misspelt_key_is_an_echo() -> None:
    conflict = Problem(("server", "tls", "key"), "is missing", involved=(("server", "tls", "key"),))
    assert is_echo(conflict, [Problem(("server", "tls", "keyy"), "unknown key", hint="key")])
    assert is_echo(conflict, [Problem(("server", "tls", "key"), "not a path")])
    assert is_echo(conflict, [Problem(("server", "tls", "key", "0"), "not a path")])
    assert not is_echo(conflict, [Problem(("server", "listen"), "not an address")])
    assert not is_echo(conflict, [])


def test_what_is_wrong_can_be_taken_out() -> None:
    values = {"a": {"b": [1], "c": 2}, "d": 3, "e": {"f": {"g": 1}}}
    assert without(values, [("a", "b", "0"), ("d",), ("e", "f", "g"), ("x", "y"), ()]) == {
        "a": {"c": 2},
        "e": {"f": {}},
    }
    assert values["d"] == 3


def test_a_section_is_found_by_its_place() -> None:
    assert section_at(()) is Settings
    assert section_at(("server", "tls")) is TLS
    assert section_at(("upstreams", "docker.io")) is Upstream
    for place in (("upstreams",), ("server", "listen"), ("nothing",), ("upstreams", "docker.io", "tag_ttl")):
        assert section_at(place) is None


def test_a_place_is_written_with_dots_and_its_items_in_brackets() -> None:
    assert dotted(("server", "listen", "1")) == "server.listen[1]"
    assert dotted(("5",)) == "5"
    assert setting_at(("server", "listen", "1")) == ("server", "listen")
    assert setting_at(("server", "listen")) == ("server", "listen")


def test_the_hint_stands_behind_the_message() -> None:
    assert Problem(("a",), "unknown key", hint="b").text() == "unknown key; did you mean `b`?"
    assert Problem(("a",), "unknown key").text() == "unknown key"


def test_only_a_word_that_is_near_is_meant() -> None:
    assert nearest("tag_tll", ["tag_ttl", "realms"]) == "tag_ttl"
    assert nearest("zzz", ["tag_ttl", "realms"]) is None


def test_a_conflict_without_involved_settings_is_never_an_echo() -> None:
    assert not is_echo(Problem((), "odd"), [Problem((), "anything")])


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("servr",), "server"),
        (("server", "Trusted-Proxies"), "trusted_proxies"),
        (("upstreams", "docker.io", "tag_tll"), "tag_ttl"),
        (("max_size",), "storage.max_size"),
        (("tag_ttl",), "upstreams.<name>.tag_ttl"),
        (("zzz",), None),
        (("nowhere", "listen"), None),
    ],
)
def test_the_key_that_was_meant_is_near_or_in_another_section(place: tuple[str, ...], key: str | None) -> None:
    assert nearest_key(place) == key
