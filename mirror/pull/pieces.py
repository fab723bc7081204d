"""The bytes of a body in pieces that are worth a trip to a thread."""

from __future__ import annotations

import asyncio
import contextlib

from mirror.errors import Interrupted
from mirror.upstream.blob_body import BlobBody

_ENOUGH = 256 * 1024  # bytes
_SOON = 0.002  # seconds that a slow wire is given to bring more than a few packets, when somebody waits for them
_LATER = 0.02  # and when nobody does


async def next_piece(body: BlobBody) -> bytes:
    """What has come, and a little more if that is very little; b"" at the end. Raises Interrupted. May be cancelled."""
    piece = await body.read()
    return await _filled(piece, body, _SOON) if len(piece) < _ENOUGH // 4 and not body.has_come else piece


async def next_heap(body: BlobBody) -> bytes:
    """The same of bytes that nobody waits for yet: rather more at a time."""
    piece = await body.read()
    return await _filled(piece, body, _LATER) if len(piece) < _ENOUGH and not body.has_come else piece


async def _filled(piece: bytes, body: BlobBody, patience: float) -> bytes:
    if piece:
        await asyncio.sleep(patience)
        with contextlib.suppress(Interrupted):  # what has come counts; the next reading raises it again
            piece += body.read_ready(_ENOUGH - len(piece))
    return piece
