"""What every command does alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.commands.invocation import fail, load, words
from mirror.errors import MirrorError, StoreFailed


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
