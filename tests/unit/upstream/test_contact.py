from __future__ import annotations

import pytest

from mirror.errors import Code, Unreachable
from mirror.upstream.contact import Contact


def _nothing() -> None:
    """Cuts nothing."""


def test_it_is_open_unless_made_frozen() -> None:
    assert not Contact().frozen
    assert Contact(frozen=True).frozen


def test_frozen_it_lets_nothing_begin_and_says_why() -> None:
    contact = Contact(frozen=True)
    with pytest.raises(Unreachable, match=r"^fake: upstream contact is frozen by the operator$") as caught:
        contact.check("fake")
    assert caught.value.code is Code.UNAVAILABLE
    with pytest.raises(Unreachable, match="frozen"):
        contact.enter("fake", _nothing)
    assert len(contact) == 0


def test_thawed_it_lets_everything_pass() -> None:
    contact = Contact(frozen=True)
    contact.thaw()
    contact.check("fake")
    contact.enter("fake", _nothing)
    assert (contact.frozen, len(contact)) == (False, 1)


def test_freezing_cuts_what_is_under_way_once_and_not_what_is_over() -> None:
    contact, cut = Contact(), []
    leave = [lambda number=number: cut.append(number) for number in range(3)]
    for one in leave:
        contact.enter("fake", one)
    contact.leave(leave[1])
    contact.leave(leave[1])
    contact.freeze()
    contact.freeze()
    assert sorted(cut) == [0, 2]
    assert len(contact) == 0


def test_what_leaves_as_it_is_cut_does_no_harm() -> None:
    contact = Contact()

    def cut() -> None:
        contact.leave(cut)

    contact.enter("fake", cut)
    contact.freeze()
    assert contact.frozen
