"""So many connections in all, and so many from one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.server.admission import Admission, address_of, place_of

PROXY = "10.0.0.1"


def admission(most: int = 100, most_each: int = 3) -> Admission:
    return Admission(most, most_each, lambda address: address == PROXY)


def test_there_is_an_end_to_all_of_them() -> None:
    doors = admission(most=2)
    assert [doors.enter(f"192.0.2.{number}") for number in range(3)] == [True, True, False]
    assert (doors.held, doors.refused) == (2, 1)
    doors.leave("192.0.2.0")
    assert doors.enter("192.0.2.9")


def test_nobody_has_all_of_them() -> None:
    doors = admission()
    assert [doors.enter("192.0.2.1") for _ in range(5)] == [True] * 3 + [False] * 2
    assert doors.enter("192.0.2.2")
    doors.leave("192.0.2.1")
    assert [doors.enter("192.0.2.1") for _ in range(2)] == [True, False]


def test_a_trusted_proxy_stands_for_many() -> None:
    doors = admission(most=10)
    assert [doors.enter(PROXY) for _ in range(12)] == [True] * 10 + [False] * 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:db8:0:1::1", "2001:db8::1:8000:0:0:2"),
        ("fe80::1", "fe80::2%eth0"),
        ("-", "-"),
    ],
)
def test_addresses_of_one_client_are_one_place(one: str, other: str) -> None:
    assert place_of(one) == place_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("192.0.2.1", "192.0.2.2"), ("2001:db8:0:1::1", "2001:db8:0:2::1"), ("192.0.2.1", "::192.0.2.1"), ("-", "::")],
)
def test_those_of_two_are_not(one: str, other: str) -> None:
    assert place_of(one) != place_of(other)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["192.0.2.1", "192.0.2.2", "::1", PROXY])), max_size=60))
def test_what_is_held_is_what_has_entered_and_not_left(steps: list[tuple[bool, str]]) -> None:
    doors = admission(most=6)
    inside: list[str] = []
    for enters, address in steps:
        if enters:
            alike = inside.count(address)
            expected = len(inside) < 6 and (alike < 3 or address == PROXY)
            assert doors.enter(address) == expected
            inside += [address] * expected
        elif address in inside:
            inside.remove(address)
            doors.leave(address)
        assert doors.held == len(inside)
    for address in inside:
        doors.leave(address)
    assert doors.held == 0
    assert doors._held == {}


@pytest.mark.parametrize(
    ("peer", "address"), [(("192.0.2.1", 80), "192.0.2.1"), (("::1", 80, 0, 0), "::1"), ("", "-"), (None, "-")]
)
def test_an_address_is_had_of_whatever_a_transport_says(peer: object, address: str) -> None:
    assert address_of(peer) == address
