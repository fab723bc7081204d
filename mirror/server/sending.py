"""Bytes from a file to a client: by `sendfile`, in short turns, from a file that may still be growing.

Our own `os.sendfile` on a duplicate of the socket costs what nginx costs, on every event loop; with TLS, and
where the length is unknown, the bytes have to pass through here. A client that takes nothing is let go in the end.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from aiofiles.os import wrap
from aiohttp import web

from mirror.errors import Interrupted
from mirror.oci.byte_range import Span
from mirror.pull.content import Readable

TURN = 256 * 1024  # bytes a turn: with longer ones, or none, the small answers of others wait
_EMPTYING = 0.002  # seconds between two looks at a send buffer that is not empty yet

_read_at = wrap(os.pread)


@dataclass(frozen=True, slots=True)
class Sending:
    """What is to be sent: these bytes of that file. `span` None: all of a file of which nobody knows the size yet."""

    readable: Readable
    span: Span | None
    stall: float  # seconds that the client may take nothing


class Stalled(ConnectionError):
    """The client has taken nothing for too long."""


async def send(request: web.BaseRequest, response: web.StreamResponse, sending: Sending) -> int:
    """Send the body of a response that is prepared; how many bytes went out.

    Raises ConnectionError when the client leaves or stalls, MirrorError when the bytes end before they should: then
    the caller has to break the connection, for the client has been promised more. May be cancelled.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has left")
    if sending.span is None or transport.get_extra_info("sslcontext") is not None:
        return await _copy(response, sending)
    return await _sendfile(transport, sending.readable, sending.span, sending.stall)


async def _sendfile(transport: asyncio.Transport, readable: Readable, span: Span, stall: float) -> int:
    """Let the kernel send. A duplicate of the socket is needed: asyncio lets nobody wait for one of its own."""
    await _emptied(transport, stall)
    socket = os.dup(transport.get_extra_info("socket").fileno())
    offset = span.start
    try:
        while offset < span.stop:
            end = min(await readable.ready(offset), span.stop)
            if end <= offset:
                raise Interrupted("the blob is shorter than it was said to be")
            while offset < end:
                try:
                    sent = os.sendfile(socket, readable.descriptor, offset, min(TURN, end - offset))
                except BlockingIOError:
                    await _writable(socket, stall)
                    continue
                if sent == 0:
                    raise Interrupted("a cached blob has shrunk while it was read")
                offset += sent
                await asyncio.sleep(0)
    finally:
        os.close(socket)
    return offset - span.start


async def _copy(response: web.StreamResponse, sending: Sending) -> int:
    """Read and write. Without a span to the end of the file, wherever that turns out to be."""
    readable, span = sending.readable, sending.span
    offset = start = 0 if span is None else span.start
    while span is None or offset < span.stop:
        end = await readable.ready(offset)
        if end <= offset:
            if span is not None:
                raise Interrupted("the blob is shorter than it was said to be")
            break
        if span is not None:
            end = min(end, span.stop)
        while offset < end:
            piece = await _read_at(readable.descriptor, min(TURN, end - offset), offset)
            if not piece:
                raise Interrupted("a cached blob has shrunk while it was read")
            try:
                async with asyncio.timeout(sending.stall):
                    await response.write(piece)
            except TimeoutError:
                raise Stalled("the client has stalled") from None
            offset += len(piece)
    return offset - start


async def _emptied(transport: asyncio.Transport, stall: float) -> None:
    """Wait until the head of the answer has left the transport's own buffer; it nearly always has."""
    deadline = asyncio.get_running_loop().time() + stall
    while transport.get_write_buffer_size():
        if transport.is_closing():
            raise ConnectionResetError("the client has left")
        if asyncio.get_running_loop().time() > deadline:
            raise Stalled("the client has stalled")
        await asyncio.sleep(_EMPTYING)


async def _writable(socket: int, stall: float) -> None:
    """Wait until the socket takes bytes again; Stalled when it does not within `stall` seconds."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(socket, _resolve, ready)
    timer = loop.call_later(stall, _reject, ready)
    try:
        await ready
    finally:
        timer.cancel()
        loop.remove_writer(socket)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _reject(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(Stalled("the client has stalled"))
