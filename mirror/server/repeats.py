"""Requests that came before, byte for byte: what was understood of them once need not be understood again.

Clients of one kind say the same thing in the same bytes, and a parser is a function of bytes alone. So this is no
second parser: an unknown request goes to the one there is. Knows nothing of connections, nor whether they are at rest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from mirror.log.access import AccessRecord
from mirror.server.access import Access, Asking, RequestIds, asking_of
from mirror.server.heard import Asked, Heard, is_sound
from mirror.server.hot import HotAnswer, HotAnswers, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.http_parser import RawRequestMessage

LONGEST = 2048  # bytes of a request that is remembered
_KEPT = 2048
_SECRETS = ("Authorization", "Proxy-Authorization", "Cookie")  # not to lie in memory for longer than their request


class _Known(NamedTuple):
    asking: Asking
    key: Key
    answer: ref[HotAnswer]  # not held by it: how much of them lies in memory is bounded elsewhere


class Repeats:
    """Answers from `hot`, and learns what it has answered for when the same bytes come again.

    `now`: the wall clock, in seconds, by which answers last.
    """

    def __init__(self, hot: HotAnswers, access: Access, ids: RequestIds, now: Callable[[], float] = time.time) -> None:
        self._hot = hot
        self._access = access
        self._ids = ids
        self._now = now
        self._known: dict[bytes, _Known] = {}
        self._once: set[int] = set()  # marks of bytes that have come once

    def answer(self, data: bytes, peer: str) -> bytes | None:
        """The whole answer to this whole request of the client at `peer`, after which the connection goes on.

        None for a request that is not known, or whose answer no longer holds. Never waits.
        """
        known = self._known.get(data)
        if known is None:
            return None
        began = time.perf_counter()
        answer = self._hot.holding(known.key, self._now())
        if answer is None or answer is not known.answer():
            # What took its place may be of a type that this client does not take.
            del self._known[data]
            return None
        return self._said(known.asking, answer, peer, began)

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:
        """The whole answer to a request that is new in these bytes, if one that was given before fits it.

        It came as the whole of `data` and has no body. None for what is not to be answered so. Never waits.
        """
        began = time.perf_counter()
        asked = Heard.of(message)
        if len(data) > LONGEST or not asked.keep_alive or not is_sound(asked):
            return None
        answer = self._hot.match(asked, self._now())
        if answer is None:
            return None
        asking = asking_of(asked)
        self._learn(data, asked, _Known(asking, self._hot.key(asked), ref(answer)))
        return self._said(asking, answer, peer, began)

    def _learn(self, data: bytes, asked: Asked, known: _Known) -> None:
        """Remember what these bytes mean, the second time that they come: some clients never say the same twice."""
        if any(name in asked.headers for name in _SECRETS):
            return
        mark = hash(data)
        if mark not in self._once:
            if len(self._once) >= _KEPT:
                self._once.clear()
            self._once.add(mark)
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[data] = known

    def _said(self, asking: Asking, answer: HotAnswer, peer: str, began: float) -> bytes:
        now, request_id = self._now(), self._ids.next()
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
