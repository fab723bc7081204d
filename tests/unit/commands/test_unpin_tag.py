"""`mirror unpin-tag`: the tag is its upstream's again."""

from __future__ import annotations

from pathlib import Path

from tests.support.tagged import IMAGE, tagged


def test_a_pin_is_taken_back_once(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=2) as it:
        one, two = it.digests
        it.commands.run("pin-tag", "--to", one, IMAGE)
        assert it.given() == one
        result = it.commands.run("unpin-tag", IMAGE)
        assert (result.exit_code, it.given()) == (0, two)
        assert f"clients are given {two}, where the upstream has it" in result.output
        result = it.commands.run("unpin-tag", IMAGE)
        assert (result.exit_code, result.output) == (1, "this tag is not pinned: see `mirror tags`\n")
