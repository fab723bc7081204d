"""An address that cannot be listened on: why, and what to do about it, in words. Knows no socket."""

from __future__ import annotations

import errno
import os
import socket

from mirror.config.addresses import ListenAddress
from mirror.errors import MirrorError

_ADVICE = {
    errno.EADDRINUSE: "perhaps a mirror runs already, else `ss -ltnp` tells who has it; {} can name another one",
    errno.EADDRNOTAVAIL: "{} has to name an address of this machine",
    errno.EACCES: "ports below 1024 take a privilege (CAP_NET_BIND_SERVICE); {} can name another one",
}


def cannot_listen(where: ListenAddress, setting: str, error: OSError) -> MirrorError:
    """What to raise for `error`, at an address of this setting. The system's own words name the address once more."""
    if isinstance(error, socket.gaierror):
        reason, advice = error.strerror, _ADVICE[errno.EADDRNOTAVAIL]
    else:
        reason = os.strerror(error.errno) if error.errno else str(error)
        advice = _ADVICE.get(error.errno or 0, "")
    return MirrorError(f"cannot listen on {where}: {reason}{advice and f' ({advice.format(setting)})'}")
