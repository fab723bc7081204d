"""Tar archives read as they come."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

import pytest

from mirror.bundles.tar_format import END, Header, Kind, header, padding
from mirror.bundles.tar_reader import TarReader
from mirror.errors import Code, Refused
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


def extension_of(*records: bytes) -> bytes:
    """An extension that consists of these."""
    body = b"".join(records)
    block = bytearray(header("x", len(body)))
    block[156:157] = b"x"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + body + bytes(padding(len(body)))


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 100_000])
def test_an_archive_is_read_in_whatever_pieces_it_comes(size: int) -> None:
    assert read(tar_of(FILES), size) == FILES


def test_long_names_are_read_as_gnu_writes_them() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("d" * 200))
    assert read(buffer.getvalue(), 512) == {"d" * 200: b""}


def test_long_targets_are_read_as_gnu_writes_them() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        link = tarfile.TarInfo("l" * 200)
        link.type, link.linkname = tarfile.SYMTYPE, "t" * 200
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("a"))
    assert [*TarReader().feed(buffer.getvalue())] == [
        Header(Kind.LINK, "l" * 200, 0, "t" * 200, is_symbolic=True),
        Header(Kind.FILE, "a", 0),
    ]


def test_what_is_said_of_all_members_is_passed_over() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", pax_headers={"comment": "for all", "path": "other"}) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    assert read(buffer.getvalue(), 512) == {"a": b""}


def test_what_is_said_of_a_member_is_said_of_no_other() -> None:
    long, plain = header("d" * 150, 3) + b"xyz" + bytes(509), header("a", 1) + b"z" + bytes(511)
    assert read(long + plain + END, 512) == {"d" * 150: b"xyz", "a": b"z"}


def test_a_size_may_be_told_apart_from_the_header() -> None:
    told = extension_of(b"12 size=512\n")
    assert read(told + header("a", 0) + b"y" * 512 + END, 512) == {"a": b"y" * 512}


def test_what_several_extensions_say_of_a_member_holds_together() -> None:
    told = extension_of(b"12 size=512\n", b"9 path=b\n") + extension_of(b"14 linkpath=t\n")
    member, *pieces = TarReader().feed(told + header("a", 0) + b"y" * 512 + END)
    assert (member, pieces) == (Header(Kind.FILE, "b", 512, "t"), [b"y" * 512])


def test_an_extension_without_a_word_says_nothing() -> None:
    assert read(extension_of() + header("a", 1) + b"z" + bytes(511) + END, 100) == {"a": b"z"}


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
    with pytest.raises(Refused, match="the archive cannot be read: it ends too soon") as refusal:
        fed([data[:end]])
    assert refusal.value.code is Code.BAD_REQUEST


def test_nothing_is_hidden_between_members_or_behind_the_end() -> None:
    with pytest.raises(Refused, match="where nothing should be"):
        fed([header("a", 1) + b"x" * 512 + END])
    with pytest.raises(Refused, match="follows its end"):
        fed([END, header("a", 0)])
    for more in (b"x", b"X", b" "):
        with pytest.raises(Refused, match="ends too soon"):
            fed([END, more])
    fed([END, bytes(100)])


def test_members_are_not_without_end() -> None:
    assert [*TarReader(most=3).feed(header("a", 0) * 3 + END)]
    with pytest.raises(Refused, match="too many"):
        list(TarReader(most=3).feed(header("a", 0) * 4))
