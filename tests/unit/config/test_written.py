"""Paths, patterns, names and secrets, word by word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mirror.config import written
from mirror.config.quantities import Share


def test_one_value_alone_stands_for_a_list_of_it() -> None:
    assert written.several("x") == ("x",)
    assert written.several(["x", "y"]) == ["x", "y"]
    assert written.several(("x",)) == ("x",)


def test_true_is_no_number() -> None:
    assert written.no_boolean(3) == 3
    with pytest.raises(ValueError, match="not a whole number"):
        written.no_boolean(True)


def test_names_that_differ_in_case_alone_are_one_name() -> None:
    names = {"docker.io": 1, "ghcr.io": 2}
    assert written.each_once(names) is names
    assert written.each_once(5) == 5
    with pytest.raises(ValueError, match="twice"):
        written.each_once({"docker.io": 1, "Docker.IO": 2})


def test_a_path_is_never_empty() -> None:
    assert written.path("./cache") == "./cache"
    assert written.path(Path("cache")) == Path("cache")


@pytest.mark.parametrize("value", ["", "a\x00b", "a\nb", 5, None, ["a"]])
def test_what_is_no_path_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a path"):
        written.path(value)


@pytest.mark.parametrize("pattern", ["*", "library/*", "a-b/c.d_e", "team-[abc]/*", "x?z", "[!a]*"])
def test_a_pattern_of_repositories_could_match_one(pattern: str) -> None:
    assert written.repository_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "Library/*", "a b", "a:b", "a\n", "*" * 256])
def test_a_pattern_that_matches_no_repository_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a pattern of repositories"):
        written.repository_pattern(pattern)


@pytest.mark.parametrize("pattern", ["v*", "V1.2.?", "sha-*", "latest"])
def test_a_pattern_of_tags_could_match_one(pattern: str) -> None:
    assert written.tag_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "a/b", "a b", "sha256:*", "*" * 129])
def test_a_pattern_that_matches_no_tag_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a pattern of tags"):
        written.tag_pattern(pattern)


@pytest.mark.parametrize("name", ["", "a:b", "a\nb"])
def test_a_user_name_survives_basic_authentication(name: str) -> None:
    assert written.user_name("alice@example") == "alice@example"
    with pytest.raises(ValueError, match="not a user name"):
        written.user_name(name)


@pytest.mark.parametrize("text", ["", "canary\n", "canary\x7f"])
def test_a_password_that_cannot_be_sent_is_refused_without_being_repeated(text: str) -> None:
    assert written.password("pass: word ü") == "pass: word ü"
    with pytest.raises(ValueError, match="not a password") as refusal:
        written.password(text)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "A B"])
def test_a_variable_has_a_name_that_shells_can_write(name: str) -> None:
    assert written.variable_name("HUB_password2") == "HUB_password2"
    with pytest.raises(ValueError, match="not the name"):
        written.variable_name(name)


def test_docker_hub_is_configured_under_one_name() -> None:
    assert written.no_alias("docker.io") == "docker.io"
    with pytest.raises(ValueError, match=r"another name of docker\.io"):
        written.no_alias("index.docker.io")


@pytest.mark.parametrize("nothing", [Share(size=0), Share(percent=0.0)])
def test_a_cache_has_some_size(nothing: Share) -> None:
    share = Share(percent=0.5)
    assert written.more_than_nothing(share) is share
    with pytest.raises(ValueError, match="more than nothing"):
        written.more_than_nothing(nothing)


def test_a_cache_is_left_some_room() -> None:
    for share in (Share(size=1 << 62), Share(percent=99.9), Share(size=0)):
        assert written.less_than_everything(share) is share
    with pytest.raises(ValueError, match="less than everything"):
        written.less_than_everything(Share(percent=100.0))


@pytest.mark.parametrize(
    ("value", "workers"), [(1, 1), (64, 64), ("2", 2), (" 4 ", 4), ("auto", "auto"), ("Auto", "auto")]
)
def test_workers_are_a_number_or_as_many_as_fit(value: object, workers: object) -> None:
    assert written.workers(value) == workers


@pytest.mark.parametrize("value", [0, 65, -1, 1.0, True, "0", "canary", "1e1", "", "٢", None, [2]])
def test_no_other_number_of_workers_is_taken(value: object) -> None:
    with pytest.raises(ValueError, match=r"^not a number of processes: 1 to 64, or auto$"):
        written.workers(value)


@pytest.mark.parametrize(
    "check",
    [written.repository_pattern, written.tag_pattern, written.user_name, written.variable_name],
)
def test_no_message_repeats_the_value(check: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match=r"^not ") as refusal:
        check("canary: \n")
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("words", [("aws-login",), ("/opt/bin/login", "--region", "eu west", ""), ()])
def test_a_command_is_a_program_and_its_arguments(words: tuple[str, ...]) -> None:
    assert written.command(words) == words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("aws ecr get-login-password",), "one word with spaces"),
        (("bin/login", "x"), "begins with no program"),
        (("./login",), "begins with no program"),
        (("~/login",), "begins with no program"),
        (("-x", "y"), "begins with no program"),
        (("", "y"), "begins with no program"),
        (("login", "a\0b"), "control characters"),
    ],
)
def test_a_command_that_would_depend_on_a_shell_or_a_directory_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        written.command(words)
    assert "aws" not in str(refusal.value)
