"""A disk that does not give what it should, told from a client that has left: only the first puts the file in doubt."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.support.raw_client import Cut
from tests.support.readables import Growing
from tests.support.sender import DATA, Sender, body, sending


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA], ids=errno.errorcode.get)
async def test_a_file_with_a_sector_that_cannot_be_read_is_doubted(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sendfile = os.sendfile

    def breaks(out: int, source: int, offset: int, count: int) -> int:
        if offset >= 1_000_000:
            raise OSError(number, os.strerror(number))
        return sendfile(out, source, offset, min(count, 1_000_000 - offset))

    monkeypatch.setattr(os, "sendfile", breaks)
    with Growing.whole(tmp_path / "blob", DATA) as readable:
        sender = Sender(readable)
        async with sending(sender) as client:
            with pytest.raises((Cut, ConnectionResetError)):
                await body(client)
            assert getattr(await sender.outcome(), "errno", None) == number
            assert sender.exchange.sent == 1_000_000
        assert readable.doubted


async def test_a_file_that_cannot_be_read_is_doubted_where_the_bytes_pass_through_here(tmp_path: Path) -> None:
    with Growing.whole(tmp_path / "blob", DATA) as readable:
        unreadable = os.open(tmp_path, os.O_RDONLY)  # a directory: reading it fails as a broken disk does
        os.dup2(unreadable, readable.descriptor)
        os.close(unreadable)
        sender = Sender(readable, None)
        async with sending(sender) as client:
            with pytest.raises((Cut, ConnectionResetError)):
                await body(client)
            assert isinstance(await sender.outcome(), OSError)
        assert readable.doubted


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT], ids=errno.errorcode.get)
async def test_what_a_client_does_to_its_socket_is_no_doubt_about_the_file(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "sendfile", breaks)
    with Growing.whole(tmp_path / "blob", DATA) as readable:
        sender = Sender(readable)
        async with sending(sender):
            assert getattr(await sender.outcome(), "errno", None) == number
        assert not readable.doubted
