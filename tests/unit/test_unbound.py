"""Whoever is told that an address cannot be listened on is told what to do, too."""

from __future__ import annotations

import errno
import socket

import pytest

from mirror.config.addresses import ListenAddress
from mirror.unbound import cannot_listen

WHERE = ListenAddress("127.0.0.1", 5001)


@pytest.mark.parametrize(
    ("error", "reason", "advice"),
    [
        (OSError(errno.EADDRINUSE, "of asyncio"), "Address already in use", "a mirror runs already"),
        (OSError(errno.EADDRNOTAVAIL, "of asyncio"), "Cannot assign requested address", "an address of this machine"),
        (PermissionError(errno.EACCES, "of asyncio"), "Permission denied", "below 1024"),
        (socket.gaierror(socket.EAI_NONAME, "Name not known"), "Name not known", "an address of this machine"),
    ],
)
def test_the_reason_the_setting_and_what_to_do_are_told(error: OSError, reason: str, advice: str) -> None:
    for setting in ("server.listen", "admin.listen"):
        words = str(cannot_listen(WHERE, setting, error))
        assert words.startswith(f"cannot listen on 127.0.0.1:5001: {reason}")
        assert advice in words
        assert setting in words


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError(errno.EMFILE, ""), "Too many open files"), (OSError("no number"), "no number")]
)
def test_where_there_is_no_advice_the_reason_is_all(error: OSError, reason: str) -> None:
    assert str(cannot_listen(WHERE, "server.listen", error)) == f"cannot listen on 127.0.0.1:5001: {reason}"
