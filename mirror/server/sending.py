"""Bytes from a file to a client: by `sendfile`, in short turns, from a file that may still be growing.

Our own `os.sendfile` on a duplicate of the socket costs what nginx costs, on every event loop; with TLS, and
where the length is unknown, the bytes have to pass through here. A client that takes nothing is let go in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from aiohttp import web
from aiohttp.http import StreamWriter

from mirror.errors import Interrupted
from mirror.oci.byte_range import Span
from mirror.pull.content import Readable
from mirror.server.connection import Connection
from mirror.server.exchange import Exchange
from mirror.server.warmth import is_warm, warm

_COPIED = 256 * 1024  # bytes that are read and written at once; with more, memory and not speed would grow
_WORTH_A_CORK = 512 * 1024  # bytes that are there to be sent
_ADMITTED = 4 * 1024**2  # bytes that are looked at together, whether they are in memory

# What a disk says of bytes that are lost. Nothing that a client does to its socket has one of these numbers.
_LOST = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA})


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
        await _copy(exchange, sending)
    else:
        await _sendfile(exchange, transport, sending, sending.span)


async def send_bytes(exchange: Exchange, response: web.StreamResponse, body: bytes) -> None:
    """As `send`, of a body in memory: no more than a piece of it is held once more for a client that does not read."""
    await response.prepare(exchange.request)
    for start in range(0, len(body), _COPIED):
        piece = body[start : start + _COPIED]
        await response.write(piece)
        exchange.sent += len(piece)


async def _sendfile(exchange: Exchange, transport: asyncio.Transport, sending: Sending, span: Span) -> None:
    """Let the kernel send. A duplicate of the socket is needed: asyncio lets nobody wait for one of its own."""
    await exchange.request.writer.drain()  # the head goes before the body
    if transport.is_closing():
        raise ConnectionResetError("the client has left")
    readable, offset, admitted = sending.readable, span.start, span.start
    connection = _connection(exchange)
    turns, who = connection.server.turns, id(connection)
    line = _same(transport)
    try:
        while offset < span.stop:
            end = min(await readable.ready(offset), span.stop)
            if end <= offset:
                raise Interrupted("the blob is shorter than it was said to be")
            with turns.taken, _corked(line, end - offset):
                while offset < end:
                    if offset >= admitted:
                        admitted = await _admitted(exchange, readable, offset, end)
                    try:
                        most = min(turns.length(who), admitted - offset)
                        sent = os.sendfile(line.fileno(), readable.descriptor, offset, most)
                    except BlockingIOError:
                        await _writable(exchange, line.fileno())
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
        exchange.bandwidth.give_back(admitted - offset)
        line.close()


def _same(transport: asyncio.Transport) -> socket.socket:
    """A duplicate of its socket, for the caller to close. Its family is of no account, and costs a call to find out."""
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, descriptor)


@contextlib.contextmanager
def _corked(line: socket.socket, size: int) -> Iterator[None]:
    """Have the kernel send nothing but full packets until this is left, if that is worth it for so many bytes.

    Else it pushes what each of its buffers ends with, which costs a fifth of all that is spent on sending.
    """
    if size < _WORTH_A_CORK:
        yield
        return
    with contextlib.suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # nobody is left to whom it would matter
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


async def _copy(exchange: Exchange, sending: Sending) -> None:
    """Read and write. Without a span to the end of the file, wherever that turns out to be."""
    readable, span = sending.readable, sending.span
    offset = admitted = 0 if span is None else span.start
    connection = _connection(exchange)
    turns, who = connection.server.turns, id(connection)
    try:
        while span is None or offset < span.stop:
            end = await readable.ready(offset)
            if end <= offset:
                if span is not None:
                    raise Interrupted("the blob is shorter than it was said to be")
                return
            if span is not None:
                end = min(end, span.stop)
            with turns.taken:
                while offset < end:
                    if offset >= admitted:
                        admitted = await _admitted(exchange, readable, offset, end)
                    piece = _read(readable, min(turns.length(who), _COPIED, admitted - offset), offset)
                    offset += len(piece)
                    await _write(exchange, piece)
                    exchange.sent += len(piece)
    finally:
        exchange.bandwidth.give_back(admitted - offset)


async def _write(exchange: Exchange, piece: bytes) -> None:
    """Hand it over, and wait until there is room for the next one."""
    connection, writer = _connection(exchange), exchange.request.writer
    await cast(StreamWriter, writer).write(piece, drain=False)
    if connection.writing_paused:
        with connection.server.turns.resting:
            await writer.drain()
    else:
        await asyncio.sleep(0)


def _read(readable: Readable, most: int, offset: int) -> bytes:
    """Some of the bytes that are ready, at least one. On the loop: they are in memory, and a thread costs more."""
    try:
        piece = os.pread(readable.descriptor, most, offset)
    except OSError:
        readable.doubt()
        raise
    if not piece:
        raise _shrunk(readable)
    return piece


async def _admitted(exchange: Exchange, readable: Readable, start: int, end: int) -> int:
    """Up to where bytes may be sent now, `end` at most: within the bandwidth, and without waiting for a disk."""
    turns, bandwidth = _connection(exchange).server.turns, exchange.bandwidth
    stop = min(start + _ADMITTED, end)
    if not bandwidth.allowances and is_warm(readable.descriptor, stop):
        return stop
    stop = start + bandwidth.portion(min(stop - start, _COPIED))
    with turns.resting:
        if not is_warm(readable.descriptor, stop):
            try:
                await warm(readable.descriptor, start, stop)
            except OSError:
                readable.doubt()
                raise
        await bandwidth.through(stop - start)
    return stop


def _shrunk(readable: Readable) -> Interrupted:
    readable.doubt()
    return Interrupted("a cached blob has shrunk while it was read")


def _connection(exchange: Exchange) -> Connection:
    return cast(Connection, exchange.request.protocol)


async def _writable(exchange: Exchange, line: int) -> None:
    """Wait until the socket takes bytes again; Stalled when the client takes less than it has to."""
    loop, connection = asyncio.get_running_loop(), _connection(exchange)
    ready: asyncio.Future[None] = loop.create_future()
    connection.watch.begin(lambda: _reject(ready))
    loop.add_writer(line, _resolve, ready)
    try:
        with connection.server.turns.resting:
            await ready
    finally:
        connection.watch.end()
        loop.remove_writer(line)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _reject(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(Stalled("the client has stalled"))
