"""A directory in the place of a mirror that does not answer: whose it is, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from mirror.commands.at_rest import at_rest, say_at_rest, see_that_it_is_ours
from mirror.errors import MirrorError, StoreBusy
from tests.support.commands import Commands
from tests.support.larder import BASE, Larder, filled

UNANSWERED = OSError("nobody listens")
NOTICE = "no mirror answers on the admin listener: this is of its cache directory"


@pytest.fixture
def command() -> click.Context:
    """Of a command that is being called."""
    return click.Context(click.Command("any"))


def test_it_is_said_once_a_command(tmp_path: Path, command: click.Context, capfd: pytest.CaptureFixture[str]) -> None:
    with command:
        with at_rest(tmp_path, UNANSWERED):
            pass
        say_at_rest(tmp_path)
    assert capfd.readouterr().err == f"{NOTICE}, {tmp_path}\n"


def test_what_went_wrong_is_one_line(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    nothing = commands.run("show", "team/app")
    assert (nothing.exit_code, len(nothing.output.splitlines())) == (1, 1)
    assert f"no mirror answers, and there is no cache in {tmp_path / 'cache'}: `mirror serve`" in nothing.stderr
    filled(tmp_path / "cache", lambda larder: larder.image("team/app", "v1", [BASE]))
    other = commands.run("show", "team/none")
    assert (other.exit_code, len(other.output.splitlines())) == (1, 1)
    assert "`mirror ls` tells what is" in other.stderr


def test_wherever_it_is_said_from_the_place_is_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    say_at_rest(Path("cache"))
    assert capfd.readouterr().err == f"{NOTICE}, {tmp_path / 'cache'}\n"


def test_of_several_names_it_is_said_once(tmp_path: Path) -> None:
    async def two(larder: Larder) -> None:
        await larder.image("team/app", "v1", [BASE])
        await larder.image("team/other", "v1", [BASE])

    filled(tmp_path / "cache", two)
    result = Commands(tmp_path).run("rm", "--yes", "team/app", "team/other")
    assert (result.exit_code, result.stderr) == (0, f"{NOTICE}, {tmp_path / 'cache'}\n")


def test_a_mirror_that_uses_it_and_does_not_answer_is_told_with_why(tmp_path: Path, command: click.Context) -> None:
    why = "its admin listener cannot be reached: nobody listens"
    with command, pytest.raises(MirrorError, match=why), at_rest(tmp_path, UNANSWERED):
        raise StoreBusy("in use")


def test_what_is_no_cache_or_another_user_s_is_not_touched(tmp_path: Path) -> None:
    with pytest.raises(MirrorError, match="is not a cache of this program"):
        see_that_it_is_ours(tmp_path, os.geteuid())
    (tmp_path / "version").touch()
    see_that_it_is_ours(tmp_path, os.geteuid())
    with pytest.raises(MirrorError, match="belongs to another user"):
        see_that_it_is_ours(tmp_path, os.geteuid() + 1)


def test_what_cannot_be_looked_into_is_told_with_the_setting_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MirrorError, match=r"is it the storage\.root that you mean"):
        see_that_it_is_ours(tmp_path / "file" / ("deep" * 100), os.geteuid())
