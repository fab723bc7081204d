"""Bundles through a pipe."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import pytest

from mirror.bundles.piped import passed_on
from mirror.errors import Refused
from tests.support.bundles import Kept, docker_archive, named, packed, tar_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KEY = b"0123456789abcdef"


def bundle(key: bytes | None = None) -> bytes:
    kept = Kept()
    return packed(kept, named("library/app", kept.image(b"x" * 100_000).digest), key=key)


@pytest.mark.parametrize("key", [None, KEY])
def test_every_byte_is_passed_on_once_the_seal_is_checked(key: bytes | None) -> None:
    sent = bundle(key)
    contents, is_signed, pieces = passed_on(io.BytesIO(sent), key)
    assert ([image.full_name for image in contents.images], is_signed) == (["docker.io/library/app:1"], bool(key))
    assert b"".join(pieces) == sent


def test_nothing_is_passed_on_of_what_is_not_signed() -> None:
    with pytest.raises(Refused, match="not signed"):
        passed_on(io.BytesIO(bundle()), KEY)


class Slow(io.RawIOBase):
    """A pipe in which bytes come little by little."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        with memoryview(buffer) as whole, whole[:1000] as room:
            return self._data.readinto(room)


def test_what_has_come_does_not_wait_for_more() -> None:
    sent = bundle()
    _, _, pieces = passed_on(io.BufferedReader(Slow(sent)), None)
    begin, *rest = pieces
    assert begin + b"".join(rest) == sent
    assert max(map(len, rest)) <= 1000


@pytest.mark.parametrize(
    "sent",
    [b"", b"x" * 2000, bundle()[:700], tar_of(docker_archive({"a": b"x"}, "app:1")), gzip.compress(bundle())],
)
def test_what_does_not_say_at_its_beginning_what_it_is_is_refused(sent: bytes) -> None:
    with pytest.raises(Refused):
        passed_on(io.BytesIO(sent), None)
