"""Answers made of what the pull has found: manifests and blobs, whole or in part, from memory or from a file."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDict

from mirror.errors import Malformed, MirrorError
from mirror.oci import byte_range
from mirror.oci.byte_range import ByteRange, Span
from mirror.oci.digest import Digest
from mirror.pull.content import FoundBlob, FoundManifest, Readable
from mirror.server.errors import error_response
from mirror.server.exchange import Exchange
from mirror.server.headers import headers_of, matches
from mirror.server.prepared import LARGEST
from mirror.server.sending import Sending, send, send_bytes

_BLOB_TYPE = "application/octet-stream"


@dataclass(slots=True)
class _Head:
    """What is said before a body: of the whole, or of the `span` of it that was asked for."""

    headers: CIMultiDict[str]
    status: int = 200
    span: Span | None = None  # None: all of it


async def manifest_response(exchange: Exchange, reference: str | Digest, found: FoundManifest) -> web.StreamResponse:
    """The exact bytes, with the type that they were stored with; 304 for a client that has them; no body for HEAD.

    What a tag, unlike a digest, is answered with depends on the types that a client takes (RFC 9110 section 12.5.5).
    """
    manifest = found.manifest
    headers = headers_of(exchange, found.answer)
    if isinstance(reference, str):
        headers["Vary"] = "Accept"
    if _names(exchange, str(manifest.digest), headers):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = manifest.media_type
    if exchange.request.method == "HEAD" or manifest.body is None:
        return _without_body(headers, manifest.size)
    return await _of_bytes(exchange, _Head(headers), manifest.body)


async def json_response(exchange: Exchange, headers: CIMultiDict[str], body: bytes) -> web.StreamResponse:
    """A document that is made for this answer; its type may be told in `headers`."""
    headers.setdefault("Content-Type", "application/json")
    if exchange.request.method == "HEAD":
        return _without_body(headers, len(body))
    return await _of_bytes(exchange, _Head(headers), body)


async def blob_response(exchange: Exchange, found: FoundBlob) -> web.StreamResponse:
    """The blob or the one range of it that was asked for. Closes what it reads from. Raises MirrorError before a byte.

    After the first byte there is no way to say what went wrong but to break the connection, which it does.
    """
    content = found.content
    try:
        return await _blob_response(exchange, found)
    finally:
        if content is not None and not isinstance(content, bytes):
            content.close()


def _names(exchange: Exchange, digest: str, headers: CIMultiDict[str]) -> bool:
    """Say which content it is; whether the client has it already."""
    etag = f'"{digest}"'
    headers["Docker-Content-Digest"] = digest
    headers["ETag"] = etag
    return matches(exchange.request.headers.getall("If-None-Match", ()), etag)


async def _blob_response(exchange: Exchange, found: FoundBlob) -> web.StreamResponse:
    request, content, size = exchange.request, found.content, found.size
    headers = headers_of(exchange, found.answer)
    headers["Accept-Ranges"] = "bytes"
    if _names(exchange, str(found.digest), headers):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = _BLOB_TYPE
    if request.method == "HEAD" or content is None:
        return _without_body(headers, size)
    asked = _asked_range(request, headers["ETag"])
    if size is None and not isinstance(content, bytes) and (asked is not None or request.version < (1, 1)):
        # Without the size there is no telling what the range means, nor, to an old client, where the body ends.
        size = await _whole(content)
    try:
        head = _head(headers, asked, size)
    except Malformed as error:
        response = error_response(exchange, error)
        response.headers["Content-Range"] = byte_range.unsatisfied(size or 0)
        return response
    if isinstance(content, bytes):
        return await _of_bytes(exchange, head, content)
    if head.span is not None:
        headers["Content-Length"] = str(len(head.span))
        if len(head.span):
            await content.ready(head.span.start)
    stream = web.StreamResponse(status=head.status, headers=headers)
    await _unbroken(exchange, send(exchange, stream, Sending(content, head.span)))
    return stream


def _head(headers: CIMultiDict[str], asked: ByteRange | None, size: int | None) -> _Head:
    """Raises Malformed when the range has no bytes of so many."""
    if size is None:
        return _Head(headers)
    if asked is None:
        return _Head(headers, 200, Span(0, size))
    span = byte_range.resolve(asked, size)
    headers["Content-Range"] = byte_range.content_range(span, size)
    return _Head(headers, 206, span)


def _without_body(headers: CIMultiDict[str], size: int | None) -> web.StreamResponse:
    """What a HEAD is answered with: the length that a GET would have, if anybody knows it."""
    if size is not None:
        headers["Content-Length"] = str(size)
    return web.Response(headers=headers)


async def _of_bytes(exchange: Exchange, head: _Head, body: bytes) -> web.StreamResponse:
    """A body that is in memory: at once if it is small, else no faster than the client takes it."""
    if head.span is not None and len(head.span) < len(body):
        body = body[head.span.start : head.span.stop]
    if len(body) <= LARGEST:
        exchange.sent = len(body)
        return web.Response(status=head.status, headers=head.headers, body=body)
    head.headers["Content-Length"] = str(len(body))
    stream = web.StreamResponse(status=head.status, headers=head.headers)
    await _unbroken(exchange, send_bytes(exchange, stream, body))
    return stream


async def _unbroken(exchange: Exchange, sending: Awaitable[None]) -> None:
    """Send; and if that fails, break the connection short of what was promised, which every client understands.

    F6 and F8: a body that ends too early but tidily would be taken for the whole.
    """
    try:
        await sending
    except (MirrorError, OSError) as error:
        exchange.reason = str(error) or type(error).__name__
        transport = exchange.request.transport
        if transport is not None:
            transport.abort()


async def _whole(content: Readable) -> int:
    offset = 0
    while (end := await content.ready(offset)) > offset:
        offset = end
    return offset


def _asked_range(request: web.BaseRequest, etag: str) -> ByteRange | None:
    if not byte_range.if_range_matches(request.headers.get("If-Range"), etag):
        return None
    return byte_range.parse(*request.headers.getall("Range", ()))
