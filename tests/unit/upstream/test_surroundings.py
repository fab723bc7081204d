from __future__ import annotations

import os

from mirror.upstream.surroundings import Surroundings


def test_without_a_word_it_is_the_world_as_it_is() -> None:
    around = Surroundings()
    assert around.environment is os.environ
    assert around.resolver is None
    assert not around.contact.frozen
    assert 0 <= around.jitter() <= 1
    assert around.clock() <= around.clock()


def test_each_has_a_gate_of_its_own_unless_it_is_given_one() -> None:
    one, other = Surroundings(), Surroundings()
    one.contact.freeze()
    assert not other.contact.frozen
    assert Surroundings(contact=one.contact).contact.frozen
