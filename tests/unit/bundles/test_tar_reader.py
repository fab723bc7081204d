"""Tar archives read as they come."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

import pytest

from mirror.bundles.tar_format import END, Header, header, padding
from mirror.bundles.tar_reader import TarReader
from mirror.errors import Refused
from tests.support.bundles import tar_of

FILES = {"a": b"", "b/c": b"x" * 512, "d" * 150: b"y" * 1000, "e": b"z"}


def read(data: bytes, size: int) -> dict[str, bytes]:
    reader, found, name = TarReader(), dict[str, bytes](), ""
    for at in range(0, len(data), size):
        for event in reader.feed(data[at : at + size]):
            if isinstance(event, Header):
                name = event.path
                found[name] = b""
            else:
                found[name] += event
    reader.close()
    return found


def fed(pieces: Iterable[bytes]) -> None:
    reader = TarReader()
    for piece in pieces:
        for _ in reader.feed(piece):
            pass
    reader.close()


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 100_000])
def test_an_archive_is_read_in_whatever_pieces_it_comes(size: int) -> None:
    assert read(tar_of(FILES), size) == FILES


def test_long_names_are_read_as_gnu_writes_them() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("d" * 200))
    assert read(buffer.getvalue(), 512) == {"d" * 200: b""}


def test_what_is_said_of_all_members_is_passed_over() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", pax_headers={"comment": "for all"}) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    assert read(buffer.getvalue(), 512) == {"a": b""}


def test_content_can_be_left_out() -> None:
    data, reader, names, at = tar_of(FILES), TarReader(), list[str](), 0
    while not reader.ended:
        block = data[at : at + 512]
        at += 512
        for event in reader.feed(block):
            assert isinstance(event, Header)
            names.append(event.path)
            at += reader.skip()
    assert names == [*FILES]


@pytest.mark.parametrize("end", [0, 100, 512, 600, 1100])
def test_an_archive_that_ends_too_soon_is_refused(end: int) -> None:
    data = header("a", 100) + b"x" * 100 + bytes(padding(100)) + END
    with pytest.raises(Refused, match="ends too soon"):
        fed([data[:end]])


def test_nothing_is_hidden_between_members_or_behind_the_end() -> None:
    with pytest.raises(Refused, match="where nothing should be"):
        fed([header("a", 1) + b"x" * 512 + END])
    with pytest.raises(Refused, match="follows its end"):
        fed([END, header("a", 0)])
    with pytest.raises(Refused, match="ends too soon"):
        fed([END, b"x"])


def test_members_are_not_without_end() -> None:
    assert [*TarReader(most=3).feed(header("a", 0) * 3 + END)]
    with pytest.raises(Refused, match="too many"):
        list(TarReader(most=3).feed(header("a", 0) * 4))
