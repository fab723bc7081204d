"""`mirror rollback`: to the digest before, to one that is named, or to that of a moment; also while nothing runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread
from tests.support.tagged import IMAGE, tagged, without_ttl


def test_clients_are_given_the_former_digest_at_once_and_told_why(tmp_path: Path) -> None:
    with tagged(tmp_path) as it:
        one, two, three = it.digests
        assert it.given() == three
        result = it.commands.run("rollback", IMAGE)
        assert (result.exit_code, it.given()) == (0, two)
        assert f"{IMAGE}: clients are given {two}: the operator has rolled this tag back" in result.output
        answer = it.served.ask("GET", "/v2/team/app/manifests/prod")
        assert answer["Warning"] == '299 - "the operator has rolled this tag back to a former digest"'
        assert "rolled this tag back" in it.commands.run("explain", IMAGE).output
        assert f"clients are given {two}" in it.commands.run("tags", IMAGE).output
        assert it.commands.run("rollback", "--to", one, IMAGE).exit_code == 0
        assert it.given() == one
        document = json.loads(it.commands.run("rollback", "--before", "2100-01-01", "--json", IMAGE).output)
        assert (document["given"], it.given()) == (three, three)


def test_a_mirror_that_does_not_run_has_rolled_back_when_it_starts(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=2) as it:
        digests = it.digests
    result = Commands(tmp_path).run("rollback", IMAGE)
    assert (result.exit_code, digests[0] in result.output) == (0, True)
    with MirrorThread(tmp_path, without_ttl) as served:
        answer = served.ask("HEAD", "/v2/team/app/manifests/prod")
        assert answer["Docker-Content-Digest"] == digests[0]
        result = Commands(tmp_path).run("rollback", IMAGE)  # whose admin listener is elsewhere
        assert (result.exit_code, "its admin listener cannot be reached" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--to", "sha256:" + "0" * 64), 1),
        (("--before", "2001-01-01"), 1),
        (("--before", "yesterday"), 2),
        (("--to", "x", "--before", "2001-01-01"), 2),
    ],
)
def test_what_leads_nowhere_changes_nothing(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    with tagged(tmp_path, moves=1) as it:
        assert it.commands.run("rollback", *arguments, IMAGE).exit_code == code
        assert it.given() == it.digests[0]
