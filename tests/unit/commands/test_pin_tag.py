"""`mirror pin-tag`: one digest for a tag, whatever its upstream says."""

from __future__ import annotations

from pathlib import Path

from tests.support.tagged import IMAGE, tagged


def test_a_tag_is_pinned_to_what_it_is_or_to_a_digest(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=2) as it:
        one, two = it.digests
        result = it.commands.run("pin-tag", IMAGE)
        assert (result.exit_code, it.given()) == (0, two)
        assert f"clients are given {two}: the operator has pinned this tag (since 20" in result.output
        assert "`mirror unpin-tag` takes it back" in result.output
        assert it.commands.run("pin-tag", "--to", one, IMAGE).exit_code == 0
        assert it.given() == one


def test_what_cannot_be_had_is_not_pinned(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=1) as it:
        for arguments in (("--to", "sha256:" + "0" * 64, IMAGE), ("--to", "latest", IMAGE), ("team/app",)):
            assert it.commands.run("pin-tag", *arguments).exit_code == 1
        assert it.served.ask("HEAD", "/v2/team/app/manifests/prod").get("Warning") is None
