"""The commands that change a tag say what they did, or in one line why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.tagged import IMAGE, tagged

COMMANDS = ("pin-tag", "unpin-tag", "rollback")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_suffices(tmp_path: Path, name: str) -> None:
    text = Commands(tmp_path).run(name, "--help").output
    assert f"Example: mirror {name}" in " ".join(text.split())
    assert all(option in text for option in ("--url", "--json", "--config"))


@pytest.mark.parametrize("name", COMMANDS)
def test_where_nobody_answers_and_nothing_lies_it_is_said(tmp_path: Path, name: str) -> None:
    for arguments in ((), ("--url", "http://127.0.0.1:1")):
        result = Commands(tmp_path).run(name, *arguments, IMAGE)
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1)


def test_programs_read_the_answer_as_it_is(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=1) as it:
        document = json.loads(it.commands.run("pin-tag", "--json", IMAGE).output)
        assert (document["given"], document["pinned"]) == (it.digests[0], True)
