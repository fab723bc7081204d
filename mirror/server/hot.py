"""Answers given before that still hold, found by the request's own target: the whole hot path of small content.

An answer is kept only while nobody has to be asked for it again: by digest always, by tag while it is fresh. What it
looks like on the wire is made once. Knows neither registries nor freshness: whoever answers says what lasts, and how
long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import HttpVersion11, web
from cachetools import LRUCache

from mirror.oci.media_types import accepts
from mirror.outcome import Outcome
from mirror.server.exchange import Exchange, Lasting
from mirror.server.heard import Asked
from mirror.server.prepared import LARGEST, PreparedResponse, head_of, last_lines, prepare_again

_CAPACITY = 16 * 1024**2  # bytes: of bodies that the pull's own memory may have forgotten meanwhile, and of the rest
_OVERHEAD = 2000  # bytes that an answer takes beside its body
_TARGET = 1024  # characters of a target: with an endless number of long ones, keys would fill the memory
_HOST = 255  # characters of a `Host`, which is as long as a name can be
_ACCEPT = 512  # characters of an `Accept` line of which it is kept what it takes
_ACCEPTS_KEPT = 512
_GONE_KEPT = 4096  # digests, more than answers; then it is cheaper to forget them all
_CONDITIONAL = ("Range", "If-None-Match")
_EACH_TIME = frozenset({"x-request-id", "age", "date", "connection", "content-length"})

Key = tuple[str, str]  # target, and `Host` where that has a say
Image = tuple[str, str, str]  # upstream, repository, digest


@dataclass(frozen=True, slots=True, weakref_slot=True)
class HotAnswer:
    """What was said once, and may be again."""

    head: bytes  # up to the headers that differ from one answer to the next
    lasting: Lasting
    kind: str  # and the rest of what the log says of the request that it was made for
    upstream: str | None
    repository: str | None
    reference: str | None
    outcome: Outcome
    image: Image | None = None  # of a manifest


class HotAnswers:
    """`by_host`: whether the `Host` header has a say in what a target means. `used` hears of each digest given, and
    `pulled` of each manifest by its upstream, repository and digest.

    `now`: the wall clock, in seconds, by which answers last.
    """

    def __init__(
        self,
        by_host: bool,
        used: Callable[[str, float], None],
        now: Callable[[], float] = time.time,
        pulled: Callable[[Image, float], None] = lambda *_: None,
    ) -> None:
        self._by_host = by_host
        self._used = used
        self._now = now
        self._pulled = pulled
        self._gone: set[str] = set()
        self._answers: LRUCache[Key, HotAnswer] = LRUCache(
            _CAPACITY, getsizeof=lambda answer: len(answer.lasting.body) + _OVERHEAD
        )
        self._accepted: dict[tuple[str, str], bool] = {}  # by `Accept` line and media type

    def find(self, request: web.BaseRequest, exchange: Exchange) -> PreparedResponse | None:
        """The answer to this GET or HEAD, if it was given before and still holds. Never waits."""
        now = self._now()
        answer = self.match(request, now)
        if answer is None:
            return None
        exchange.kind, exchange.upstream, exchange.outcome = answer.kind, answer.upstream, answer.outcome
        exchange.repository, exchange.reference = answer.repository, answer.reference
        exchange.sends(len(answer.lasting.body))
        head, body = self.again(answer, request.method, exchange.request_id, now)
        return prepare_again(request, head, body)

    def match(self, asked: Asked, now: float) -> HotAnswer | None:
        """The answer that this GET or HEAD was given before, if it still holds, and for this client too."""
        answer = self.holding(self.key(asked), now)
        if answer is None or asked.version != HttpVersion11:
            return None
        headers = asked.headers
        if _CONDITIONAL[0] in headers or _CONDITIONAL[1] in headers:
            return None
        return answer if self._takes(asked, answer.lasting.media_type) else None

    def holding(self, key: Key, now: float) -> HotAnswer | None:
        """The answer that is kept under `key`, if it still holds."""
        answer = self._answers.get(key)
        if answer is not None and (not answer.lasting.holds(now) or answer.lasting.digest in self._gone):
            del self._answers[key]
            return None
        return answer

    def again(self, answer: HotAnswer, method: str, request_id: str, now: float) -> tuple[bytes, bytes]:
        """The head of `answer`, without the empty line that ends it, and its body. What it holds has been used."""
        lasting = answer.lasting
        if lasting.digest is not None:
            self._used(lasting.digest, now)
        if answer.image is not None:
            self._pulled(answer.image, now)
        tail = last_lines(request_id, None if lasting.checked is None else max(int(now - lasting.checked), 0))
        return answer.head + tail, b"" if method == "HEAD" else lasting.body

    def offer(self, exchange: Exchange, response: web.StreamResponse) -> None:
        """Keep what this exchange was answered with, if it lasts, for whoever asks the same."""
        lasting = exchange.lasting
        target, host = key = self.key(exchange.request)
        if (
            lasting is not None
            and response.status == 200
            and len(lasting.body) <= LARGEST
            and len(target) <= _TARGET
            and len(host) <= _HOST
        ):
            head = head_of(response.headers, _EACH_TIME, len(lasting.body))
            self._answers[key] = HotAnswer(
                head,
                lasting,
                exchange.kind,
                exchange.upstream,
                exchange.repository,
                exchange.reference,
                exchange.outcome,
                _image(exchange, lasting),
            )
            self._gone.discard(lasting.digest or "")

    def clear(self) -> None:
        """Forget all of them."""
        self._answers.clear()
        self._gone.clear()

    def gone(self, digest: str) -> None:
        """Give this no more until it is offered again: it is stored no more, and is to be from its next pull on."""
        self._gone.add(digest)
        if len(self._gone) > _GONE_KEPT:
            self.clear()

    def forget(self, upstream: str, repository: str, reference: str) -> None:
        """Forget what was answered about this: another process has learned something else."""
        about = (upstream, repository, reference)
        for key, answer in list(self._answers.items()):
            if (answer.upstream, answer.repository, answer.reference) == about:
                del self._answers[key]

    def key(self, asked: Asked) -> Key:
        """What an answer to this request is kept under."""
        return asked.raw_path, asked.headers.get("Host", "") if self._by_host else ""

    def _takes(self, asked: Asked, media_type: str | None) -> bool:
        """Whether the client takes the type of this manifest."""
        if media_type is None:
            return True
        lines = asked.headers.getall("Accept", ())
        if len(lines) != 1 or len(lines[0]) > _ACCEPT:
            return accepts(lines, media_type)
        key = (lines[0], media_type)
        taken = self._accepted.get(key)
        if taken is None:
            if len(self._accepted) >= _ACCEPTS_KEPT:
                self._accepted.clear()
            taken = self._accepted[key] = accepts(lines, media_type)
        return taken


def _image(exchange: Exchange, lasting: Lasting) -> Image | None:
    if exchange.kind != "manifest" or None in (exchange.upstream, exchange.repository, lasting.digest):
        return None
    return exchange.upstream or "", exchange.repository or "", lasting.digest or ""
