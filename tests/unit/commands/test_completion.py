"""`mirror completion`: what a shell is given to complete by."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mirror.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_it_needs(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell], prog_name="mirror")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"_MIRROR_COMPLETE={shell}_complete" in result.stdout


def test_another_shell_is_refused() -> None:
    assert CliRunner().invoke(main, ["completion", "tcsh"], prog_name="mirror").exit_code == 2


def test_commands_are_completed() -> None:
    environment = {"_MIRROR_COMPLETE": "bash_complete", "COMP_WORDS": "mirror unp", "COMP_CWORD": "1"}
    result = CliRunner().invoke(main, [], prog_name="mirror", env=environment)
    assert result.output.splitlines() == ["plain,unpin", "plain,unpin-tag"]
