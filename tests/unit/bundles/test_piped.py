"""Bundles through a pipe."""

from __future__ import annotations

import io

import pytest

from mirror.bundles.piped import passed_on
from mirror.errors import Refused
from tests.support.bundles import Kept, docker_archive, named, packed, tar_of

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


@pytest.mark.parametrize("sent", [b"", b"x" * 2000, bundle()[:700], tar_of(docker_archive({"a": b"x"}, "app:1"))])
def test_what_does_not_say_at_its_beginning_what_it_is_is_refused(sent: bytes) -> None:
    with pytest.raises(Refused):
        passed_on(io.BytesIO(sent), None)
