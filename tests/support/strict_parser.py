"""What another parser makes of a client's bytes: h11, which was written to take nothing that RFC 9112 does not."""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

_LARGEST = 1024 * 1024  # bytes of a head that has not ended; what is too large for us is another question

# RFC 9112 section 3 lets a recipient take more than one space there; no boundary depends on it.
_SPACES = re.compile(rb"^(GET|HEAD) +([^ \r\n]+) +(HTTP/1\.[01]\r)$", re.MULTILINE)
# RFC 9112 section 2.2 has a server ignore empty lines before a request.
_EMPTY_LINES = re.compile(rb"(\A|\r\n\r\n)[\r\n]+")


@dataclass(frozen=True, slots=True)
class Understood:
    """One request: its method and target, and the bytes of its body as far as they came."""

    method: str
    target: str
    body: bytes


def understood(data: bytes) -> list[Understood]:
    """The requests up to the first thing that is none, each supposed to be answered before the next."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST)
    found: list[Understood] = []
    try:
        connection.receive_data(_SPACES.sub(rb"\1 \2 \3", _EMPTY_LINES.sub(rb"\1", data)))
        while _next(connection, found):
            pass
    except h11.ProtocolError:
        pass
    return found


def _next(connection: h11.Connection, found: list[Understood]) -> bool:
    """Whether there may be more."""
    event = connection.next_event()
    if isinstance(event, h11.Request):
        found.append(Understood(event.method.decode("latin-1"), event.target.decode("latin-1"), b""))
    elif isinstance(event, h11.Data):
        last = found.pop()
        found.append(Understood(last.method, last.target, last.body + bytes(event.data)))
    elif isinstance(event, h11.EndOfMessage):
        connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
        if connection.our_state is not h11.DONE:
            return False  # the client wanted no more
        connection.start_next_cycle()
    else:
        return False
    return True
