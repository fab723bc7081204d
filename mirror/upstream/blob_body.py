"""A blob on its way to us: its bytes as they arrive, from where they really begin, and no faster than they may.

Verifies lengths, not digests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mirror.allowance import OPEN, Turnstile
from mirror.errors import Interrupted, Malformed, Nonsense
from mirror.oci.byte_range import parse_content_range
from mirror.trickle import Trickle
from mirror.upstream.exchange import Response

_PIECE = 512 * 1024  # bytes handed out at once, at most


@dataclass(frozen=True, slots=True)
class Source:
    """Whom a body comes from: the upstream's `name`; who hears that it `broke` off; the bandwidth that it keeps to."""

    name: str
    broke: Callable[[], None]
    bandwidth: Turnstile = OPEN
    clock: Callable[[], float] = time.monotonic


class BlobBody:
    """`offset` is the position of the first byte, 0 when the upstream ignored the range; `total` the size if told.

    `held`: the seconds that its bytes have waited for the bandwidth that an operator allows. No time-out counts them.
    """

    def __init__(self, source: Source, response: Response, asked: int, stop: int | None = None) -> None:
        """Of the answer to a request for everything from position `asked`; Nonsense when it answers another one.

        `stop`: the position before which what was asked for ends, where that is not the blob's end.
        """
        self._name = source.name
        self._response = response
        self._broken = source.broke
        self._bandwidth = source.bandwidth
        self._clock = source.clock
        self._trickle = Trickle()
        self.held = 0.0
        self.total: int | None
        self.offset, self._stop, self.total = _extent(source.name, response, asked, stop)
        self._at = self.offset

    @property
    def place(self) -> str:
        """Who sends it: the upstream and its host."""
        return self._response.source

    @property
    def has_come(self) -> bool:
        """Whether all of it has been read. False, too, where nobody has said how much that is."""
        return self._stop is not None and self._at >= self._stop

    async def read(self) -> bytes:
        """The next bytes as soon as there are any, at most 512 KiB; b"" when all have come.

        Raises Interrupted when the body breaks off, is silent for `read_timeout`, comes too slowly, or is longer or
        shorter than announced. May be cancelled; has one caller at a time.
        """
        asked = self._clock()
        try:
            piece = await self._response.piece(self._bandwidth.portion(_PIECE))
        except Interrupted:
            self._broken()
            raise
        if piece and self._trickle.is_too_thin(len(piece), self._clock() - asked):
            raise self._interrupted("comes too slowly to be waited for")
        if not piece and self._at < (self._stop or 0):
            raise self._interrupted("ended before the length that was announced")
        self._counted(piece)
        if piece and self._bandwidth.allowances:
            began = self._clock()
            await self._bandwidth.through(len(piece))
            self.held += self._clock() - began
        return piece

    def read_ready(self, limit: int = _PIECE) -> bytes:
        """What has arrived already, at most `limit` bytes; b"" says nothing about the end. Raises like `read`."""
        try:
            piece = self._response.ready(self._bandwidth.portion(limit))
        except Interrupted:
            self._broken()
            raise
        self._bandwidth.take(len(piece))
        return self._counted(piece)

    def doubt(self) -> None:
        """It is not the blob's: the other endpoints are asked before this one for a while."""
        self._response.close("nonsense")
        self._broken()

    def _counted(self, piece: bytes) -> bytes:
        self._at += len(piece)
        if self._stop is not None and self._at > self._stop:
            raise self._interrupted("went on beyond the length that was announced")
        return piece

    def _interrupted(self, what: str) -> Interrupted:
        self._response.close("interrupted")
        self._broken()
        return Interrupted(f"{self._name}: a blob {what}")


def _extent(name: str, response: Response, asked: int, stop: int | None) -> tuple[int, int | None, int | None]:
    """Where the body begins, where it has to end, and how long the whole blob is."""
    if response.status == 200:
        return 0, response.length, response.length
    try:
        first, last, total = parse_content_range(response.value("Content-Range") or "")
    except Malformed:
        raise Nonsense(f"{name}: a part of a blob was sent, without a word which one that can be read") from None
    if first != asked:
        raise Nonsense(f"{name}: another part of a blob was sent than was asked for")
    if response.length is not None and response.length != last + 1 - first:
        raise Nonsense(f"{name}: a part of a blob was sent that is not as long as it says")
    if stop is not None:
        if last + 1 > stop:
            raise Nonsense(f"{name}: more of a blob was sent than was asked for")
        return first, last + 1, total
    # The rest of a blob may come in several parts (RFC 9110, 15.3.7): whoever ends before `total` is asked again.
    return first, last + 1 if total is None else total, total
