"""Tags and moves in lines for people."""

from __future__ import annotations

from typing import Any

from mirror.commands.tag_words import move_lines, standing, tag_lines

TAG: dict[str, Any] = {
    "upstream": "docker.io", "repository": "team/app", "tag": "prod", "digest": "sha256:b", "checked": "then",
    "given": "sha256:b", "pinned": False, "why": "", "since": None, "until": None,
}  # fmt: skip
PINNED = {**TAG, "given": "sha256:a", "pinned": True, "why": "a reason", "since": "now"}
HELD = {**TAG, "given": "sha256:a", "why": "held back"}


def test_a_tag_is_a_line_and_what_is_given_instead_another() -> None:
    assert [*tag_lines([TAG])] == ["prod  sha256:b, checked then"]
    _, instead = tag_lines([PINNED])
    assert instead.strip() == "clients are given sha256:a: a reason (since now; `mirror unpin-tag` takes it back)"
    _, instead = tag_lines([HELD])
    assert instead.strip() == "clients are given sha256:a: held back"
    assert [*tag_lines([{**TAG, "digest": None, "checked": None, "given": None}])] == ["prod  not known"]


def test_tags_of_any_length_stand_in_columns() -> None:
    first, second, instead = tag_lines([{**TAG, "tag": "v1.27.3-alpine3.20-perl"}, PINNED])
    assert first.index("sha256:b") == second.index("sha256:b") == instead.index("clients")


def test_a_move_is_a_line() -> None:
    move = {"seen": "then", "tag": "prod", "old": None, "new": "b", "client": ""}
    gone = {**move, "old": "b", "new": None, "client": "192.0.2.7"}
    assert [*move_lines({"moves": [gone, move], "more": False})] == [
        "then  prod  b -> (gone)     asked by 192.0.2.7",
        "then  prod  (nothing) -> b  asked by the mirror itself",
    ]


def test_that_there_are_older_moves_is_said_with_how_to_see_them() -> None:
    move = {"seen": "then", "tag": "prod", "old": None, "new": "b", "client": ""}
    assert [*move_lines({"moves": [move] * 3, "more": True})][3:] == ["and older ones: --limit 30 shows more"]
    assert [*move_lines({"moves": [], "more": False})] == ["no move of it is known"]


def test_how_a_tag_stands_is_one_line() -> None:
    name = "docker.io/team/app:prod"
    assert standing(TAG) == f"{name}: clients are given sha256:b, where the upstream has it"
    assert standing(HELD) == f"{name}: clients are given sha256:a: held back"
    assert standing({**TAG, "digest": None, "given": None}) == f"{name}: the upstream is asked when a client pulls it"
