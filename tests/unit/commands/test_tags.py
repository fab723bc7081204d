"""`mirror tags`: where tags point and have pointed, from the mirror that runs, or from its directory."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import Commands
from tests.support.tagged import IMAGE, tagged


def test_tags_and_their_moves_are_shown_while_it_runs_and_after(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=2) as it:
        one, two = it.digests
        for arguments in (("tags", IMAGE), ("tags", "team/app")):
            result = it.commands.run(*arguments)
            assert (result.exit_code, result.output.split()[:2]) == (0, ["prod", f"{two},"])
        lines = it.commands.run("tags", "--history", IMAGE).output.splitlines()
        assert f"{one} -> {two}  asked by 127.0.0.1" in lines[0]
        assert f"(nothing) -> {one}" in lines[1]
        running = json.loads(it.commands.run("tags", "--history", "--json", IMAGE).output)
    resting = Commands(tmp_path).run(
        "tags", "--history", "--json", IMAGE, environment={"MIRROR_UPSTREAMS__DOCKER_IO__TAG_TTL": "0s"}
    )
    assert resting.exit_code == 0
    assert json.loads(resting.stdout) == running
    assert "no mirror answers" in resting.stderr


def test_so_many_moves_are_shown_and_that_there_are_more(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=3) as it:
        shown = it.commands.run("tags", "--history", "--limit", "2", IMAGE).output.splitlines()
        assert (len(shown), shown[-1]) == (3, "and older ones: --limit 20 shows more")
        document = json.loads(it.commands.run("tags", "--history", "--limit", "2", "--json", IMAGE).output)
        assert (len(document["moves"]), document["more"]) == (2, True)
        result = it.commands.run("tags", "--limit", "2", IMAGE)
        assert (result.exit_code, "goes with --history" in result.output) == (2, True)


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=1) as it:
        assert it.commands.run("tags", "team/other").output == "no tag of it is known: nobody has pulled one\n"
        assert it.commands.run("tags", "--history", "team/other").output == "no move of it is known\n"
        result = it.commands.run("tags", "nowhere.test/a")
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1)


def test_without_a_mirror_and_a_cache_the_next_step_is_named(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("tags", IMAGE)
    assert result.exit_code == 1
    assert "`mirror serve` starts a mirror, --url names another" in result.output
    assert not (tmp_path / "cache").exists()
