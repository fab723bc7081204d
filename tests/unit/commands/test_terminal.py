"""Lines that are drawn over, as a terminal shows them."""

from __future__ import annotations

import io

from mirror.commands.terminal import Live
from tests.support.screen import shown


def test_what_was_drawn_is_drawn_over_and_what_is_said_stays() -> None:
    stream = io.StringIO()
    live = Live(stream, lambda: (80, 24))
    live.draw(["one 10%", "two 20%"])
    assert shown(stream.getvalue()) == ["one 10%", "two 20%"]
    live.draw(["one 30%", "two", "three"])
    assert shown(stream.getvalue()) == ["one 30%", "two", "three"]
    live.say("a remark", ["one 40%"])
    live.draw(["one 50%"])
    assert shown(stream.getvalue()) == ["a remark", "one 50%"]
    live.clear()
    live.say("over", [])
    assert shown(stream.getvalue()) == ["a remark", "over"]


def test_it_keeps_within_the_terminal_however_small_that_is() -> None:
    sizes = [(80, 24), (1, 1)]
    live = Live(io.StringIO(), lambda: sizes[0])
    assert live.room == (79, 22)
    del sizes[0]
    assert live.room == (20, 3)
