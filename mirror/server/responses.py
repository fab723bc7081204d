"""Answers made of what the pull has found: manifests and blobs, whole or in part, from memory or from a file."""

from __future__ import annotations

from aiohttp import web

from mirror.errors import Malformed, MirrorError
from mirror.oci import byte_range
from mirror.oci.byte_range import Span
from mirror.outcome import Outcome
from mirror.pull.content import FoundBlob, FoundManifest, Readable
from mirror.server.errors import error_response
from mirror.server.exchange import Exchange, Lasting
from mirror.server.headers import headers_of, matches
from mirror.server.sending import Sending, send

_BLOB_TYPE = "application/octet-stream"


def manifest_response(exchange: Exchange, found: FoundManifest) -> web.StreamResponse:
    """The exact bytes, with the type that they were stored with; 304 for a client that has them; no body for HEAD."""
    manifest = found.manifest
    digest = str(manifest.digest)
    etag = f'"{digest}"'
    headers = headers_of(exchange, found.answer)
    headers["Docker-Content-Digest"] = digest
    headers["ETag"] = etag
    request = exchange.request
    if matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = manifest.media_type
    if manifest.body is not None and found.answer.outcome is Outcome.HIT:
        answer = found.answer
        exchange.lasting = Lasting(digest, manifest.body, manifest.media_type, answer.checked, answer.until)
    if request.method == "HEAD" or manifest.body is None:
        headers["Content-Length"] = str(manifest.size)
        return web.Response(headers=headers)
    exchange.sent = manifest.size
    return web.Response(headers=headers, body=manifest.body)


async def blob_response(exchange: Exchange, found: FoundBlob, stall: float) -> web.StreamResponse:
    """The blob or the one range of it that was asked for. Closes what it reads from. Raises MirrorError before a byte.

    After the first byte there is no way to say what went wrong but to break the connection, which it does.
    """
    content = found.content
    try:
        return await _blob_response(exchange, found, stall)
    finally:
        if content is not None and not isinstance(content, bytes):
            content.close()


async def _blob_response(exchange: Exchange, found: FoundBlob, stall: float) -> web.StreamResponse:
    request, digest = exchange.request, str(found.digest)
    etag = f'"{digest}"'
    headers = headers_of(exchange, found.answer)
    headers["Docker-Content-Digest"] = digest
    headers["ETag"] = etag
    headers["Accept-Ranges"] = "bytes"
    if matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = _BLOB_TYPE
    size, content = found.size, found.content
    if request.method == "HEAD" or content is None:
        if size is not None:
            headers["Content-Length"] = str(size)
        return web.Response(headers=headers)
    asked = _asked_range(request, etag)
    if size is None and not isinstance(content, bytes) and (asked is not None or request.version < (1, 1)):
        # Without the size there is no telling what the range means, nor, to an old client, where the body ends.
        size = await _whole(content)
    status, span = 200, None if size is None else Span(0, size)
    if asked is not None and size is not None:
        try:
            span = byte_range.resolve(asked, size)
        except Malformed as error:
            response = error_response(exchange, error)
            response.headers["Content-Range"] = byte_range.unsatisfied(size)
            return response
        status, headers["Content-Range"] = 206, byte_range.content_range(span, size)
    if isinstance(content, bytes):
        if found.answer.outcome is Outcome.HIT and status == 200:
            exchange.lasting = Lasting(digest, content, None, None, None)
        body = content if span is None else content[span.start : span.stop]
        exchange.sent = len(body)
        return web.Response(status=status, headers=headers, body=body)
    if span is not None:
        headers["Content-Length"] = str(len(span))
        if len(span):
            await content.ready(span.start)
    stream = web.StreamResponse(status=status, headers=headers)
    await stream.prepare(request)
    await _stream(exchange, stream, Sending(content, span, stall))
    return stream


async def _stream(exchange: Exchange, response: web.StreamResponse, sending: Sending) -> None:
    request = exchange.request
    try:
        exchange.sent = await send(request, response, sending)
    except (MirrorError, ConnectionError) as error:
        exchange.reason = str(error) or type(error).__name__
        if request.transport is not None:
            request.transport.abort()  # short of its length: the one thing that every client understands (F6, F8)


async def _whole(content: Readable) -> int:
    offset = 0
    while (end := await content.ready(offset)) > offset:
        offset = end
    return offset


def _asked_range(request: web.BaseRequest, etag: str) -> byte_range.ByteRange | None:
    header = request.headers.get("Range")
    if header is None or not byte_range.if_range_matches(request.headers.get("If-Range"), etag):
        return None
    return byte_range.parse(header)
