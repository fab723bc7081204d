"""Requests that came before, byte for byte: what was understood of them once need not be understood again.

Clients of one kind say the same thing in the same bytes, and a parser is a function of bytes alone. So this is no
second parser: an unknown request goes to the one there is. Knows nothing of connections, nor whether they are at rest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirror.log.access import AccessRecord
from mirror.server.access import Access, Asking, RequestIds, asking_of
from mirror.server.hot import HotAnswer, HotAnswers, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

LONGEST = 2048  # bytes of a request that is remembered
_KEPT = 2048
_SECRETS = ("Authorization", "Proxy-Authorization", "Cookie")  # not to lie in memory for longer than their request


@dataclass(frozen=True, slots=True)
class _Known:
    asking: Asking
    key: Key
    answer: HotAnswer


class Repeats:
    """Learns from requests that were answered from `hot`, and answers them when they come again.

    `now`: the wall clock, in seconds, by which answers last.
    """

    def __init__(self, hot: HotAnswers, access: Access, ids: RequestIds, now: Callable[[], float] = time.time) -> None:
        self._hot = hot
        self._access = access
        self._ids = ids
        self._now = now
        self._known: dict[bytes, _Known] = {}

    def answer(self, data: bytes, peer: str) -> bytes | None:
        """The whole answer to this whole request of the client at `peer`, after which the connection goes on.

        None for a request that is not known, or whose answer no longer holds. Never waits.
        """
        known = self._known.get(data)
        if known is None:
            return None
        began = time.perf_counter()
        now = self._now()
        if self._hot.holding(known.key, now) is not known.answer:
            # What took its place may be of a type that this client does not take.
            del self._known[data]
            return None
        asking, answer, request_id = known.asking, known.answer, self._ids.next()
        head, body = self._hot.again(answer, asking.method, request_id, now)
        self._access.keep(
            AccessRecord(
                now,
                request_id,
                self._access.clients.address(peer, asking.forwarded),
                asking.method,
                asking.path,
                200,
                answer.outcome,
                answer.upstream,
                answer.kind,
                answer.repository,
                answer.reference,
                len(body),
                time.perf_counter() - began,
                None,
                asking.user_agent,
            )
        )
        return b"%b\r\n%b" % (head, body)

    def learn(self, data: bytes, request: web.BaseRequest, answer: HotAnswer) -> None:
        """Remember that `data` is this request, which has just been answered with `answer`."""
        if len(data) > LONGEST or not request.keep_alive or any(name in request.headers for name in _SECRETS):
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[data] = _Known(asking_of(request), self._hot.key(request), answer)
