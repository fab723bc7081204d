"""Bytes from a file to a client: by `sendfile`, in short turns, from a file that may still be growing.

Our own `os.sendfile` on a duplicate of the socket costs what nginx costs, on every event loop; with TLS, and
where the length is unknown, the bytes have to pass through here. A client that takes nothing is let go in the end.
"""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from typing import cast

from aiofiles.os import wrap
from aiohttp import web

from mirror.errors import Interrupted
from mirror.oci.byte_range import Span
from mirror.pull.content import Readable
from mirror.server.connection import Connection
from mirror.server.exchange import Exchange

TURN = 256 * 1024  # bytes a turn: with longer ones, or none, the small answers of others wait

# What a disk says of bytes that are lost. Nothing that a client does to its socket has one of these numbers.
_LOST = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA})

_read_at = wrap(os.pread)


@dataclass(frozen=True, slots=True)
class Sending:
    """What is to be sent: these bytes of that file. `span` None: all of a file of which nobody knows the size yet."""

    readable: Readable
    span: Span | None


class Stalled(ConnectionError):
    """The client has taken too little for too long."""


async def send(exchange: Exchange, response: web.StreamResponse, sending: Sending) -> None:
    """Send head and body; `exchange.sent` tells how far the body got, whatever happens.

    Raises OSError when the client leaves or stalls or the disk fails, MirrorError when the bytes end before they
    should: then the caller has to break the connection, for the client has been promised more. May be cancelled.
    What the disk does not give of the readable is doubted (S7): read again without that, it would fail for ever.
    """
    request = exchange.request
    await response.prepare(request)
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has left")
    if sending.span is None or transport.get_extra_info("sslcontext") is not None:
        await _copy(exchange, response, sending)
    else:
        await _sendfile(exchange, transport, sending, sending.span)


async def send_bytes(exchange: Exchange, response: web.StreamResponse, body: bytes) -> None:
    """As `send`, of a body in memory: no more than a turn of it is held once more for a client that does not read."""
    await response.prepare(exchange.request)
    for start in range(0, len(body), TURN):
        piece = body[start : start + TURN]
        await response.write(piece)
        exchange.sent += len(piece)


async def _sendfile(exchange: Exchange, transport: asyncio.Transport, sending: Sending, span: Span) -> None:
    """Let the kernel send. A duplicate of the socket is needed: asyncio lets nobody wait for one of its own."""
    await exchange.request.writer.drain()  # the head goes before the body
    if transport.is_closing():
        raise ConnectionResetError("the client has left")
    readable, offset = sending.readable, span.start
    socket = os.dup(transport.get_extra_info("socket").fileno())
    try:
        while offset < span.stop:
            end = min(await readable.ready(offset), span.stop)
            if end <= offset:
                raise Interrupted("the blob is shorter than it was said to be")
            while offset < end:
                try:
                    sent = os.sendfile(socket, readable.descriptor, offset, min(TURN, end - offset))
                except BlockingIOError:
                    await _writable(exchange, socket)
                    continue
                except OSError as error:  # of the file or of the socket
                    if error.errno in _LOST:
                        readable.doubt()
                    raise
                if sent == 0:
                    raise _shrunk(readable)
                offset += sent
                exchange.sent += sent
                await asyncio.sleep(0)
    finally:
        os.close(socket)


async def _copy(exchange: Exchange, response: web.StreamResponse, sending: Sending) -> None:
    """Read and write. Without a span to the end of the file, wherever that turns out to be."""
    readable, span = sending.readable, sending.span
    offset = 0 if span is None else span.start
    while span is None or offset < span.stop:
        end = await readable.ready(offset)
        if end <= offset:
            if span is not None:
                raise Interrupted("the blob is shorter than it was said to be")
            return
        if span is not None:
            end = min(end, span.stop)
        while offset < end:
            piece = await _read(readable, min(TURN, end - offset), offset)
            await response.write(piece)
            offset += len(piece)
            exchange.sent += len(piece)


async def _read(readable: Readable, most: int, offset: int) -> bytes:
    """Some of the bytes that are ready, at least one."""
    try:
        piece = await _read_at(readable.descriptor, most, offset)
    except OSError:
        readable.doubt()
        raise
    if not piece:
        raise _shrunk(readable)
    return piece


def _shrunk(readable: Readable) -> Interrupted:
    readable.doubt()
    return Interrupted("a cached blob has shrunk while it was read")


async def _writable(exchange: Exchange, socket: int) -> None:
    """Wait until the socket takes bytes again; Stalled when the client takes less than it has to."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    watch = cast(Connection, exchange.request.protocol).watch
    watch.begin(lambda: _reject(ready))
    loop.add_writer(socket, _resolve, ready)
    try:
        await ready
    finally:
        watch.end()
        loop.remove_writer(socket)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _reject(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(Stalled("the client has stalled"))
