"""What gzip has packed, read from anywhere."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest

from mirror.bundles import gzipped as module
from mirror.bundles.gzipped import Gunzipped, gunzipped
from mirror.errors import Code, Refused

LARGEST = 1 << 30
NOISE = Random("gzipped").randbytes(300_000)
DATA = NOISE + bytes(5_000_000) + NOISE[::-1] + b"the end"
MEMBERS = [DATA[:100], b"", DATA[100:400_000], DATA[400_000:]]


def packed(members: list[bytes] = MEMBERS) -> bytes:
    return b"".join(gzip.compress(member, 1) for member in members)


class Memory:
    """A packed file. `given`: bytes of it that were read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.given = 0
        self.closed = False

    def read(self, at: int, size: int) -> bytes:
        found = self.data[at : at + size]
        self.given += len(found)
        return found

    def close(self) -> None:
        self.closed = True


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("data", [packed([DATA]), packed(), packed() + bytes(1000), packed([b""])])
def test_all_members_are_one_file_and_zeros_after_them_are_none(data: bytes) -> None:
    assert b"".join(gunzipped(in_pieces(data, 1000), LARGEST)) == gzip.decompress(data)


def test_it_is_read_from_anywhere_and_back_again() -> None:
    source = Memory(packed())
    file = Gunzipped(source, LARGEST, 100_000)
    chance = Random("places")
    for at in [len(DATA) - 7, 0, *(chance.randrange(len(DATA)) for _ in range(100))]:
        size = chance.choice([1, 512, 1_500_000])
        assert file.read(at, size) == DATA[at : at + size]
    assert (file.read(len(DATA), 10), file.read(len(DATA) + 1, 10)) == (b"", b"")
    file.close()
    assert source.closed


def test_to_go_back_is_to_unpack_a_step_again_and_no_more() -> None:
    noise = Random("step").randbytes(4_000_000)
    source = Memory(packed([noise]))
    file = Gunzipped(source, LARGEST, 100_000)
    file.read(len(noise) - 1, 1)
    for at in range(3_500_000, 0, -500_000):
        source.given = 0
        assert file.read(at, 100) == noise[at : at + 100]
        assert 0 < source.given < 1_500_000  # a step, and what zlib gives at once


def test_what_is_read_on_is_unpacked_once() -> None:
    source = Memory(packed([DATA]))
    file = Gunzipped(source, LARGEST, 100_000)
    assert b"".join(file.read(at, 512) for at in range(0, len(DATA), 512)) == DATA
    assert source.given == len(source.data)


def test_the_marks_are_no_more_than_so_many_however_long_it_is() -> None:
    noise = Random("marks").randbytes(1_000_000)
    file = Gunzipped(Memory(packed([noise[at : at + 100] for at in range(0, len(noise), 100)])), LARGEST, 100)
    file.read(len(noise), 1)
    assert 100 < len(file._marks) <= module._MARKS
    assert file.read(123_456, 1000) == noise[123_456:124_456]


@pytest.mark.parametrize("largest", [0, len(DATA) - 1])
def test_what_unpacks_to_more_than_may_come_is_refused_on_the_way(largest: int) -> None:
    with pytest.raises(Refused, match="larger than the cache") as caught:
        list(gunzipped([packed()], largest))
    assert caught.value.code is Code.STORAGE
    with pytest.raises(Refused, match="larger than the cache"):
        Gunzipped(Memory(packed()), largest).read(len(DATA), 1)


def test_a_bomb_costs_no_more_memory_than_a_piece() -> None:
    bomb = gzip.compress(bytes(20_000_000), 1)
    assert max(map(len, gunzipped([bomb], LARGEST))) <= 1024 * 1024


def test_no_member_costs_a_copy_of_all_that_comes_after_it() -> None:
    """Else the time for a piece of members that hold nothing grows with its square: hours for a layer of them."""
    hostile = gzip.compress(b"") * 20_000
    tracemalloc.start()
    try:
        assert list(gunzipped([hostile], LARGEST)) == []
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < len(hostile) / 2


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        packed()[:-1],
        packed()[:5000],
        packed()[:3],
        damaged(packed(), 2000),
        damaged(packed(), len(packed()) - 5),
        packed() + b"more",
    ],
)
def test_what_is_damaged_or_cut_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match=r"what gzip has packed cannot be read: .*: have it carried again"):
        list(gunzipped(in_pieces(data, 1000), LARGEST))
    with pytest.raises(Refused):
        Gunzipped(Memory(data), LARGEST).read(len(DATA) + 1, 1)
