"""The answer to one HTTP request, as the rest of this ring sees it. Follows nothing, logs nothing.

Of an answer only what was asked for is handed on: header values are given out printable or not at all, and bodies
only up to a limit that the reader names.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from mirror.errors import Interrupted, Nonsense, UpstreamError
from mirror.oci.descriptor import SIZE_LIMIT
from mirror.oci.digest import Digest
from mirror.tasks import worked
from mirror.upstream import contact
from mirror.upstream.failures import by_senders_clock
from mirror.upstream.report import Report

_DISCARD = 8 * 1024  # of an answer that nobody wants, so that its connection can be used again
_DISCARD_WAIT = 1.0  # seconds
_digits = re.compile(r"[0-9]{1,19}", re.ASCII).fullmatch

# Whatever the HTTP client raises; UnicodeError is what the resolver says of names that DNS has no form for.
BROKEN = (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, UnicodeError)


class Response:
    """An answer whose body may still be on its way. Whoever holds it closes it, by `close` or by reading to the end.

    `patience` is the longest silence within the body, in seconds.
    """

    def __init__(self, raw: aiohttp.ClientResponse, report: Report, patience: float) -> None:
        self.url = raw.url
        self.status = raw.status
        self._raw = raw
        self._report = report
        self._patience = patience
        self._cut = False

    def values(self, header: str) -> tuple[str, ...]:
        """Every value of this header, as it came."""
        return tuple(self._raw.headers.getall(header, ()))

    def value(self, header: str) -> str | None:
        """The value of this header; None when there is none, several that differ, or one that is not plain ASCII."""
        values = set(self.values(header))
        if len(values) != 1:
            return None
        value = values.pop()
        return value if value.isascii() and value.isprintable() else None

    @property
    def retry_after(self) -> str | None:
        """`Retry-After`, by the sender's clock where it is a date."""
        return by_senders_clock(self.value("Retry-After"), self.value("Date"))

    @property
    def source(self) -> str:
        """Who sent it, in messages: the upstream and its host."""
        return f"{self._report.upstream}: {self._report.place}"

    @property
    def length(self) -> int | None:
        """`Content-Length`, of a HEAD too; None when there is none, or one that no content can have."""
        value = self.value("Content-Length")
        length = int(value) if value is not None and _digits(value) else None
        return length if length is None or length <= SIZE_LIMIT else None

    @property
    def ends_with_connection(self) -> bool:
        """Whether the body's end is only told by the end of the connection, so that a broken one looks whole."""
        return self.length is None and "chunked" not in (self.value("Transfer-Encoding") or "").lower()

    def ready(self, limit: int) -> bytes:
        """At most `limit` bytes of the body that have already arrived, maybe none. Raises like `piece`."""
        try:
            data = self._arrived(limit) or self._raw.content.read_nowait(limit)
        except BROKEN as error:
            raise self._broken(error) from None
        self._report.bytes += len(data)
        return data

    async def piece(self, limit: int) -> bytes:
        """The next bytes of the body as soon as there are any, at most `limit`; b"" at its proper end.

        Raises Interrupted when the body breaks off or is silent for too long. May be cancelled; close it then.
        """
        data = self.ready(limit)
        if data or self._raw.content.at_eof():
            return data
        try:
            async with asyncio.timeout(self._patience):
                data = await self._raw.content.read(limit)
        except BROKEN as error:
            raise self._broken(error) from None
        self._report.bytes += len(data)
        return data

    async def whole(self, limit: int, proof: Digest | None = None) -> bytes:
        """The body; Nonsense if it is longer than `limit` bytes, whatever its length was said to be.

        Where nothing but the end of the connection tells its end (RFC 9112, section 6.3, rule 8), it is Nonsense, too,
        unless there is the digest `proof`; Interrupted when it does not have that one. Closes the answer.
        """
        with contextlib.closing(self):
            untold = self.ends_with_connection
            if untold and (proof is None or self.values("Content-Length") or self.values("Transfer-Encoding")):
                raise self._nonsense("without saying how long it is")
            body = await self._read(limit)
            if untold and proof is not None and not await worked(len(body), proof.verifies, body):
                self.close("interrupted")
                raise Interrupted(f"{self.source} broke off: what came without a word of its length has another digest")
        return body

    async def discard(self) -> None:
        """Closes the answer; reads a short rest of it before, so that the connection can be used again."""
        left = _DISCARD
        try:
            async with asyncio.timeout(_DISCARD_WAIT):
                while data := await self._raw.content.read(left):
                    left -= len(data)
        except BROKEN:
            pass  # the status was all that was wanted
        finally:
            self.close()

    def close(self, failure: str | None = None) -> None:
        """Gives the connection back if the body was read to its end, else ends it. Twice is as good as once.

        `failure` is the observer's word for why the answer is of no use.
        """
        self._raw.close()
        self._report.end(failure)

    def cut(self) -> None:
        """Break the body off because contact was frozen, of which whoever reads it hears."""
        self._cut = True
        self._raw.close()

    async def _read(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        left = limit
        while data := await self.piece(left + 1):
            left -= len(data)
            if left < 0:
                raise self._nonsense(f"of more than {limit} bytes")
            pieces.append(data)
        return b"".join(pieces)

    def _nonsense(self, what: str) -> Nonsense:
        self.close("nonsense")
        return Nonsense(f"{self.source} sent a document {what}")

    def _arrived(self, limit: int) -> bytes:
        """What had come before the connection broke: aiohttp's stream raises first, and keeps it for nobody."""
        content = self._raw.content
        failure = content.exception()
        if failure is None:
            return b""
        content.set_exception(None)  # type: ignore[arg-type]
        try:
            return content.read_nowait(limit)
        finally:
            content.set_exception(failure)

    def _broken(self, error: Exception) -> UpstreamError:
        self._raw.close()
        if self._cut:
            return self._report.failed(contact.refusal(self._report.upstream))
        silent = isinstance(error, TimeoutError)
        what = f"fell silent for {self._patience:g} s" if silent else "broke off"
        interrupted = Interrupted(f"{self.source} {what} in the middle of an answer")
        interrupted.silent = silent
        return self._report.failed(interrupted)
