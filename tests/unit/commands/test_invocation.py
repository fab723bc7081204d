"""What every command does alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from mirror.commands.invocation import answer_of, fail, load, tell, words
from mirror.errors import ConfigurationError, MirrorError, Refused, StoreFailed


def test_a_wrong_configuration_ends_with_2_and_every_problem_on_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mirror.yml"
    file.write_text("lg: {}\nlog: {level: 5}\n")
    with pytest.raises(SystemExit) as end:
        load(file)
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:1: lg: unknown key; did you mean `log`?",
        f"{file}:2: log.level: must be debug, info, warning or error",
    ]


def test_the_settings_of_the_file_that_is_named_are_loaded(tmp_path: Path) -> None:
    file = tmp_path / "mirror.yml"
    file.write_text("catalog: true\n")
    assert load(file).catalog


def test_a_failure_is_one_line_on_standard_error_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        fail("it did not work")
    assert end.value.code == 1
    assert capsys.readouterr() == ("", "it did not work\n")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(2, "No such file or directory", "/x"), "/x: No such file or directory"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (StoreFailed("a\nb"), "a b"),
        (ValueError(), "ValueError"),
        (MirrorError(), "internal error"),
    ],
)
def test_an_error_is_told_in_one_line_without_numbers(error: Exception, text: str) -> None:
    assert words(error) == text


def raising(error: Exception) -> Callable[[], NoReturn]:
    def ask() -> NoReturn:
        raise error

    return ask


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigurationError(["a: wrong", "b: wrong, too"]), 2, "a: wrong\nb: wrong, too\n"),
        (Refused("it says no"), 1, "it says no\n"),
        (ConnectionRefusedError(111, "Connection refused"), 1, "Connection refused\n"),
        (ValueError("not an answer"), 1, "not an answer\n"),
    ],
)
def test_a_question_that_cannot_be_answered_ends_the_command_and_says_why(
    error: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        answer_of(raising(error))
    assert (end.value.code, capsys.readouterr()) == (code, ("", said))


def test_a_fault_of_ours_is_not_taken_for_an_answer() -> None:
    assert answer_of(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        answer_of(raising(ZeroDivisionError()))


def test_an_answer_is_told_in_lines_that_no_terminal_acts_on(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"a": 1}, ["one\x1b[2J", "two\n"], as_json=False)
    assert capsys.readouterr() == ("one[2J\ntwo\n", "")


def test_a_program_is_told_all_of_an_answer_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"a": ["\x1b[2J"]}, ["not this"], as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": ["\x1b[2J"]}
