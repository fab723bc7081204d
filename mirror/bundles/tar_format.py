"""The format of tar archives, as far as images come in it: headers written, and headers read from strangers. Pure.

POSIX.1-2017, pax, "ustar Interchange Format"; of GNU's additions the long names and the large sizes.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from mirror.errors import Code, Refused

BLOCK = 512
END = bytes(2 * BLOCK)
LARGEST_NOTE = 64 * 1024  # bytes of a header's extension
_LONGEST_PATH = 1024
_LARGEST = 1 << 50  # bytes of a file

_octal = re.compile(rb"[ \0]*([0-7]*)[ \0]*").fullmatch
_record = re.compile(rb"([1-9][0-9]{0,5}) ").match


class Kind(Enum):
    FILE = "file"
    LINK = "link"
    DIRECTORY = "directory"
    EXTENSION = "extension"  # of the next header
    LONG_PATH = "long path"
    LONG_LINK = "long link"
    IGNORED = "ignored"  # what says something of all members, or of nothing here


_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.LINK,
    b"2": Kind.LINK,
    b"5": Kind.DIRECTORY,
    b"x": Kind.EXTENSION,
    b"g": Kind.IGNORED,
    b"L": Kind.LONG_PATH,
    b"K": Kind.LONG_LINK,
}


@dataclass(frozen=True, slots=True)
class Header:
    """`size` bytes follow. `target` is where a link leads, as it is written. Paths are anything that is text."""

    kind: Kind
    path: str
    size: int
    target: str = ""
    is_symbolic: bool = False


@dataclass(frozen=True, slots=True)
class Extension:
    """What stands in place of the same in the next header; None where nothing does."""

    path: str | None = None
    target: str | None = None
    size: int | None = None


def header(path: str, size: int) -> bytes:
    """The blocks before the content of a file: the same for the same file, whoever writes it and when."""
    member = tarfile.TarInfo(path)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> int:
    """Bytes after so many, up to the next block."""
    return -size % BLOCK


def parse(block: bytes) -> Header | None:
    """The header in a block, None for the block of zeros that ends an archive. Raises Refused."""
    if not any(block):
        return None
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        _refuse("it is damaged, or no tar archive")
    kind = _KINDS.get(block[156:157])
    if kind is None:
        _refuse("it has members that are neither files nor directories")
    path = _text(block[:100])
    if block[257:263] == b"ustar\0" and block[345] != 0:
        path = f"{_text(block[345:500])}/{path}"
    size = 0 if kind in (Kind.LINK, Kind.DIRECTORY) else _number(block[124:136])
    if kind in (Kind.EXTENSION, Kind.IGNORED, Kind.LONG_PATH, Kind.LONG_LINK) and size > LARGEST_NOTE:
        _refuse("a header of it is too large")
    return Header(kind, _path(path), size, _text(block[157:257]), block[156:157] == b"2")


def extension(kind: Kind, body: bytes) -> Extension:
    """What the body of such a member says of the next one. Raises Refused."""
    if kind is Kind.LONG_PATH:
        return Extension(path=_path(_text(body)))
    if kind is Kind.LONG_LINK:
        return Extension(target=_path(_text(body)))
    records = dict(_records(body))
    size = records.get(b"size")
    if any(key.startswith(b"GNU.sparse") for key in records) or (size is not None and not _is_size(size)):
        _refuse("it has files with holes in them, or of no size")
    path, target = records.get(b"path"), records.get(b"linkpath")
    return Extension(
        None if path is None else _path(_text(path)),
        None if target is None else _path(_text(target)),
        None if size is None else int(size),
    )


def extended(header: Header, more: Extension) -> Header:
    """The header with what an extension says."""
    return Header(
        header.kind,
        header.path if more.path is None else more.path,
        header.size if more.size is None or header.kind is not Kind.FILE else more.size,
        header.target if more.target is None else more.target,
        header.is_symbolic,
    )


def _records(body: bytes) -> list[tuple[bytes, bytes]]:
    """Key and value of each record, which begins with its own length."""
    records, at = [], 0
    while at < len(body):
        found = _record(body, at)
        end = at + int(found[1]) if found is not None else 0
        key, equals, value = body[found.end() : end - 1].partition(b"=") if found is not None else (b"", b"", b"")
        if not equals or end > len(body) or body[end - 1 : end] != b"\n":
            _refuse("a header of it cannot be read")
        records.append((key, value))
        at = end
    return records


def _is_size(text: bytes) -> bool:
    return text.isdigit() and len(text) < 16 and int(text) <= _LARGEST


def _number(field: bytes) -> int:
    """Octal digits, or after a high bit the number itself, which is GNU's way for large ones."""
    if field[0] == 0x80:
        number = int.from_bytes(field[1:], "big")
    else:
        found = _octal(field)
        if found is None:
            _refuse("a header of it cannot be read")
        number = int(found[1] or b"0", 8)
    if number > _LARGEST:
        _refuse("a file in it is larger than any")
    return number


def _text(field: bytes) -> str:
    try:
        return field.partition(b"\0")[0].decode()
    except UnicodeDecodeError:
        _refuse("a name in it is no text")


def _path(text: str) -> str:
    """Without the `./` that some put before every path. It names a member, and no place on any disk."""
    if len(text) > _LONGEST_PATH:
        _refuse("a name in it is too long")
    return text.removeprefix("./").rstrip("/")


def _refuse(words: str) -> NoReturn:
    raise Refused(f"the archive cannot be read: {words}", code=Code.BAD_REQUEST)
