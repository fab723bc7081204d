"""How long a turn is: long for one alone, short where others wait for small things."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from mirror.server.turns import Turns

KIB = 1024


ME, SOMEBODY, SOMEBODY_ELSE = 1, 2, 3


def in_company(turns: Turns) -> int:
    turns.disturb(SOMEBODY)
    return turns.length(ME)


@pytest.mark.parametrize(
    ("sending", "alone", "company"),
    [(0, 4096, 256), (1, 4096, 256), (4, 2048, 256), (8, 1024, 256), (16, 512, 128), (32, 256, 128), (1000, 256, 128)],
)
def test_many_have_shorter_turns_than_few_and_shorter_ones_in_company(sending: int, alone: int, company: int) -> None:
    turns = Turns()
    with ExitStack() as stack:
        for _ in range(sending):
            stack.enter_context(turns.taken)
        assert turns.length(ME) == alone * KIB
        assert in_company(turns) == company * KIB


def test_company_that_stays_away_is_forgotten() -> None:
    turns = Turns()
    turns.disturb(SOMEBODY)
    lengths = [turns.length(ME) for _ in range(200)]
    assert lengths[0] < lengths[-1]
    assert lengths == sorted(lengths)  # once forgotten, it stays so
    assert in_company(turns) == lengths[0]


def test_who_sends_is_no_company_to_himself() -> None:
    turns = Turns()
    alone = turns.length(ME)
    turns.disturb(ME)
    assert turns.length(ME) == alone
    turns.disturb(SOMEBODY)
    turns.disturb(ME)
    assert turns.length(ME) < alone  # whatever he asks for, the other one is still there
    turns.disturb(ME)
    assert turns.length(ME) < alone
    assert turns.length(SOMEBODY) < alone
    turns.disturb(SOMEBODY_ELSE)
    assert turns.length(SOMEBODY_ELSE) == turns.length(SOMEBODY) == turns.length(ME) < alone


def test_who_waits_does_not_count() -> None:
    turns = Turns()
    with turns.taken, turns.taken:
        with turns.resting:
            assert turns.sending == 1
        assert turns.sending == 2
    assert turns.sending == 0


def test_who_fails_is_counted_no_more() -> None:
    turns = Turns()
    with pytest.raises(ConnectionResetError), turns.taken, turns.resting:
        raise ConnectionResetError
    assert turns.sending == 0
