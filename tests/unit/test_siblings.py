"""One process that is alone."""

from __future__ import annotations

from mirror.siblings import Alone, Siblings


def test_who_is_alone_begins_and_does_what_is_done_once_for_all() -> None:
    alone: Siblings = Alone()
    assert (alone.number, alone.count, alone.begins) == (0, 1, True)


def test_who_is_alone_hears_nothing_not_even_itself() -> None:
    heard: list[object] = []
    alone = Alone()
    alone.hear("grown", heard.append)
    alone.tell("grown", 1)
    assert heard == []
