"""A blob on its way to us: its bytes as they arrive, from where they really begin. Verifies lengths, not digests."""

from __future__ import annotations

from collections.abc import Callable

from mirror.errors import Interrupted, Malformed, Nonsense
from mirror.oci.byte_range import parse_content_range
from mirror.upstream.exchange import Response

_PIECE = 512 * 1024  # bytes handed out at once, at most


class BlobBody:
    """`offset` is the position of the first byte, 0 when the upstream ignored the range; `total` the size if told."""

    def __init__(self, name: str, response: Response, asked: int, broken: Callable[[], None]) -> None:
        """Of the answer to a request for everything from position `asked`; Nonsense when it answers another one.

        `broken` is called when the body breaks off.
        """
        self._name = name
        self._response = response
        self._broken = broken
        self.total: int | None
        self.offset, self._stop, self.total = _extent(name, response, asked)
        self._at = self.offset

    async def read(self) -> bytes:
        """The next bytes as soon as there are any, at most 512 KiB; b"" when all have come.

        Raises Interrupted when the body breaks off, is silent for `read_timeout`, or is longer or shorter than
        announced. May be cancelled; has one caller at a time.
        """
        try:
            piece = await self._response.piece(_PIECE)
        except Interrupted:
            self._broken()
            raise
        if not piece and self._at < (self._stop or 0):
            raise self._interrupted("ended before the length that was announced")
        return self._counted(piece)

    def read_ready(self, limit: int = _PIECE) -> bytes:
        """What has arrived already, at most `limit` bytes; b"" says nothing about the end. Raises like `read`."""
        try:
            piece = self._response.ready(limit)
        except Interrupted:
            self._broken()
            raise
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


def _extent(name: str, response: Response, asked: int) -> tuple[int, int | None, int | None]:
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
    # The rest of a blob may come in several parts (RFC 9110, 15.3.7): whoever ends before `total` is asked again.
    return first, last + 1 if total is None else total, total
