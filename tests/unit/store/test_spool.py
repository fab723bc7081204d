"""Bytes that the disk does not take: readable by position, verified, and given back as soon as nobody needs them."""

from __future__ import annotations

import os
from random import Random

import pytest

from mirror.errors import DigestMismatch, SizeMismatch
from mirror.oci.digest import Digest
from mirror.store.spool import Spool

MIB = 1024 * 1024
DATA = Random(3).randbytes(8 * MIB + 17)
DIGEST = Digest.of(DATA)
PIECE = 300_000


def held(spool: Spool) -> int:
    """Bytes of memory that it takes."""
    return os.fstat(spool.descriptor).st_blocks * 512


def begun(offset: int, total: int | None = None) -> Spool:
    hasher = DIGEST.hasher()
    hasher.update(DATA[:offset])
    return Spool(DIGEST, hasher, offset, total)


@pytest.mark.parametrize("offset", [0, 1, MIB, MIB + 1, len(DATA)])
def test_what_follows_is_kept_where_it_belongs(offset: int) -> None:
    spool = begun(offset)
    for start in range(offset, len(DATA), PIECE):
        spool.append(DATA[start : start + PIECE])
    assert spool.offset == len(DATA)
    spool.verify()
    spool.expect(len(DATA))
    spool.verify()
    reader = spool.duplicate()
    spool.close()
    assert os.pread(reader, len(DATA), offset) == DATA[offset:]
    os.close(reader)
    spool.close()


@pytest.mark.parametrize("offset", [0, 5, MIB + 1])
def test_only_a_part_is_held(offset: int) -> None:
    spool = begun(offset)
    for start in range(offset, len(DATA), PIECE):
        spool.append(DATA[start : start + PIECE])
        spool.forget(start - MIB)
        assert held(spool) <= 3 * MIB
        kept = max(start - MIB, offset)
        assert os.pread(spool.descriptor, len(DATA), kept) == DATA[kept : start + PIECE]
    spool.verify()
    spool.close()


def test_what_is_wanted_stays_to_the_byte() -> None:
    spool = begun(0)
    spool.append(DATA)
    spool.forget(3 * MIB - 1)
    assert os.pread(spool.descriptor, len(DATA), 2 * MIB) == DATA[2 * MIB :]
    assert os.pread(spool.descriptor, MIB, MIB) == bytes(MIB)
    spool.forget(MIB)  # it does not come back
    assert held(spool) <= 7 * MIB
    spool.close()


def test_what_nobody_wants_is_held_no_longer_than_it_takes_to_come() -> None:
    spool = begun(0)
    for start in range(0, len(DATA), PIECE):
        spool.forget(len(DATA))  # all readers are far ahead
        spool.append(DATA[start : start + PIECE])
        assert held(spool) <= 2 * MIB
    spool.verify()
    spool.close()


def test_what_is_wrong_is_told() -> None:
    spool = begun(0, len(DATA))
    spool.append(DATA[:-1])
    with pytest.raises(SizeMismatch):
        spool.verify()
    with pytest.raises(SizeMismatch):
        spool.expect(5)
    spool.append(bytes([DATA[-1] ^ 1]))
    with pytest.raises(DigestMismatch):
        spool.verify()
    spool.close()
