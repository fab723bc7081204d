"""Settings of different sections that are wrong together are told, at the one that was written."""

from __future__ import annotations

from typing import Any

import pytest

from mirror.config.problems import dotted
from mirror.config.settings import Settings
from mirror.config.validation import validate


def told(values: dict[str, Any]) -> dict[str, str]:
    _, problems = validate(values)
    assert len({problem.place for problem in problems}) == len(problems)
    return {dotted(problem.place): problem.message for problem in problems}


def test_the_default_upstream_is_one_that_is_served() -> None:
    assert told({"default_upstream": "a.example"}) == {
        "default_upstream": "a.example is neither configured nor built in"
    }
    assert told({"default_upstream": "a.example", "upstreams": {"a.example": {}}}) == {}


def test_a_host_means_one_upstream() -> None:
    upstreams = {"a.example": {"hosts": "m.lan"}, "b.example": {"hosts": ["m.lan", "n.lan"]}}
    assert told({"upstreams": upstreams}) == {"upstreams.b.example.hosts": "m.lan means a.example already"}


@pytest.mark.parametrize(
    ("server", "admin", "place"),
    [
        (":5001", None, "server.listen"),
        (None, "127.0.0.1:5000", "admin.listen"),
        (":7000", "[::1]:7000", "admin.listen"),
        (["127.0.0.1:7000", ":7000"], None, "server.listen"),
        (":7000", [":7001", ":7001"], "admin.listen"),
    ],
)
def test_an_address_is_listened_on_once(server: object, admin: object, place: str) -> None:
    problems = told({"server": {"listen": server}, "admin": {"listen": admin}})
    assert list(problems) == [place]
    assert problems[place].endswith(" cannot both be listened on")


def test_an_address_of_both_listeners_is_told_with_both_settings() -> None:
    words = told({"server": {"listen": "127.0.0.1:5001"}})["server.listen"]
    assert words == "127.0.0.1:5001 of server.listen and 127.0.0.1:5001 of admin.listen cannot both be listened on"
    words = told({"server": {"listen": ["127.0.0.1:7000", ":7000"]}})["server.listen"]
    assert words == "127.0.0.1:7000 and :7000 cannot both be listened on"


def test_a_port_that_the_kernel_chooses_is_free() -> None:
    assert told({"server": {"listen": [":0", ":0"]}, "admin": {"listen": ":0"}}) == {}


def test_an_address_that_is_there_three_times_is_told_once() -> None:
    assert list(told({"server": {"listen": [":7000"] * 3}})) == ["server.listen"]


@pytest.mark.parametrize(
    ("listen", "endpoint"),
    [
        (":5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/prefix"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("mirror.lan:443", "https://mirror.lan"),
        (":80", "http://127.0.0.1"),
    ],
)
def test_the_mirror_is_not_its_own_upstream(listen: str, endpoint: str) -> None:
    values = {"server": {"listen": listen}, "upstreams": {"a.example": {"endpoints": endpoint}}}
    assert list(told(values)) == ["upstreams.a.example.endpoints"]


@pytest.mark.parametrize("endpoint", ["http://localhost:5002", "http://a.example:5000", "https://127.0.0.1"])
def test_another_registry_on_this_machine_is_one(endpoint: str) -> None:
    assert told({"server": {"listen": ":5000"}, "upstreams": {"a.example": {"endpoints": endpoint}}}) == {}


@pytest.mark.parametrize(
    ("limits", "place"),
    [
        ({"answer_timeout": "9s"}, "limits.answer_timeout"),
        ({"first_byte_timeout": "20s"}, "limits.first_byte_timeout"),
        ({"connect_timeout": "15s"}, "limits.connect_timeout"),
        ({"connect_timeout": "3s", "first_byte_timeout": "1s", "answer_timeout": "2s"}, "limits.answer_timeout"),
    ],
)
def test_the_time_for_an_answer_includes_its_parts(limits: dict[str, str], place: str) -> None:
    assert list(told({"limits": limits})) == [place]


def test_the_time_for_an_answer_may_be_that_of_its_longest_part() -> None:
    assert told({"limits": {"connect_timeout": "2s", "first_byte_timeout": "3s", "answer_timeout": "3s"}}) == {}
    assert Settings().limits.answer_timeout > Settings().limits.first_byte_timeout


def test_a_cache_has_room_for_a_manifest() -> None:
    assert list(told({"storage": {"max_size": "3MiB"}})) == ["storage.max_size"]
    assert told({"storage": {"max_size": "4MiB"}}) == {}
    assert told({"storage": {"max_size": "1MiB"}, "limits": {"manifest_size": "1MiB"}}) == {}


def test_a_setting_that_is_wrong_by_itself_disagrees_with_nothing() -> None:
    assert list(told({"limits": {"answer_timeout": "soon", "first_byte_timeout": "20s"}})) == ["limits.answer_timeout"]
    assert list(told({"server": {"listen": ":5001"}, "admin": {"listen": "x"}})) == ["admin.listen[0]"]
