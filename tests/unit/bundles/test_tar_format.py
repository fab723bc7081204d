"""The headers of tar archives, our own and those of strangers."""

from __future__ import annotations

import io
import tarfile
from typing import Literal

import pytest

from mirror.bundles.tar_format import BLOCK, Extension, Header, Kind, extended, extension, header, padding, parse
from mirror.errors import Refused


def member(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def checked(block: bytes) -> bytes:
    """A block with the checksum that it should have."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def test_a_header_is_what_the_standard_library_reads() -> None:
    block = header("blobs/sha256/" + "0" * 64, 5)
    with tarfile.open(fileobj=io.BytesIO(block + b"bytes" + bytes(padding(5)) + bytes(1024))) as archive:
        (read,) = archive.getmembers()
        assert (read.name, read.size, read.mtime) == ("blobs/sha256/" + "0" * 64, 5, 0)
    assert header("x", 5) == header("x", 5)


def test_what_was_written_is_read() -> None:
    assert parse(header("a/b", 7)) == Header(Kind.FILE, "a/b", 7)


@pytest.mark.parametrize("how", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_kind_of_archive_is_read(how: Literal[0, 1, 2]) -> None:
    assert parse(member("./a/" + "b" * 80, size=3).tobuf(how)) == Header(Kind.FILE, "a/" + "b" * 80, 3)
    linked = member("c", type=tarfile.SYMTYPE, linkname="../d")
    assert parse(linked.tobuf(how)) == Header(Kind.LINK, "c", 0, "../d", is_symbolic=True)
    found = parse(member("d/", type=tarfile.DIRTYPE).tobuf(how))
    assert found is not None
    assert (found.kind, found.path) == (Kind.DIRECTORY, "d")


def test_a_long_path_may_be_in_two_fields() -> None:
    path = "a" * 100 + "/" + "b" * 90
    assert parse(member(path).tobuf(tarfile.USTAR_FORMAT)) == Header(Kind.FILE, path, 0)


def test_a_large_size_may_be_written_in_bytes() -> None:
    found = parse(member("big", size=9 * 1024**3).tobuf(tarfile.GNU_FORMAT))
    assert found is not None
    assert found.size == 9 * 1024**3


def test_zeros_are_no_header() -> None:
    assert parse(bytes(BLOCK)) is None


@pytest.mark.parametrize(
    "block",
    [
        b"x" * BLOCK,
        header("x", 1)[:-1] + b"x",
        checked(member("x", type=tarfile.CHRTYPE).tobuf(tarfile.USTAR_FORMAT)),
        checked(member("x", type=tarfile.FIFOTYPE).tobuf(tarfile.USTAR_FORMAT)),
        checked(header("x", 1)[:124] + b"not octal!!!" + header("x", 1)[136:]),
        checked(header("x", 1)[:124] + b"\x80" + b"\xff" * 11 + header("x", 1)[136:]),
        checked(b"\xff" + header("x", 1)[1:]),
        checked(member("x", type=b"x", size=1 << 20).tobuf(tarfile.USTAR_FORMAT)),
    ],
    ids=["rubbish", "checksum", "device", "fifo", "size", "huge", "name", "note"],
)
def test_what_has_no_place_in_an_archive_of_images_is_refused(block: bytes) -> None:
    with pytest.raises(Refused, match="the archive cannot be read"):
        parse(block)


def test_every_changed_bit_of_a_header_is_noticed() -> None:
    block = header("blobs/x", 5)
    for position in range(BLOCK):
        changed = bytearray(block)
        changed[position] ^= 4
        try:
            read = parse(bytes(changed))
        except Refused:
            continue
        assert read == parse(block)  # in the checksum's own white space


def test_an_extension_stands_in_place_of_the_next_header_s_fields() -> None:
    first = Header(Kind.FILE, "short", 1)
    assert extension(Kind.LONG_PATH, b"./long\0") == Extension(path="long")
    assert extension(Kind.LONG_LINK, b"far\0") == Extension(target="far")
    read = extension(Kind.EXTENSION, b"14 path=./lon\n11 size=42\n18 linkpath=there\n19 mtime=1234.5678\n")
    assert read == Extension("lon", "there", 42)
    assert extended(first, read) == Header(Kind.FILE, "lon", 42, "there")
    assert extended(first, Extension()) == first


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"99 path=x\n",
        b"9 path=x\n\n",
        b"7 path\n",
        b"11 size=-1\n",
        b"23 GNU.sparse.size=100\n",
        b"9 path=\xff\n",
    ],
)
def test_an_extension_that_cannot_be_meant_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        extension(Kind.EXTENSION, body)


def test_a_path_has_an_end() -> None:
    with pytest.raises(Refused, match="too long"):
        extension(Kind.LONG_PATH, b"x" * 5000)
