"""One request on its way to its answer: what it asks, and what the log will say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirror.allowance import OPEN, Turnstile
from mirror.outcome import Outcome

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True, slots=True)
class Lasting:
    """Content that was answered without asking anybody, and may be again. Times are of the wall clock, in seconds."""

    digest: str | None  # that it is stored under, if it is
    body: bytes
    media_type: str | None = None  # of a manifest asked for by its tag, if a client may not take that type
    checked: float | None = None  # when the upstream last vouched for it
    until: float | None = None  # from then on somebody has to be asked; None: never

    def holds(self, now: float) -> bool:
        """Whether it may still be said. A clock that was set back ends it, lest it be said for too long."""
        return self.until is None or (self.checked or now) <= now < self.until


@dataclass(slots=True)
class Exchange:
    """Filled in as the request is understood and answered."""

    request: web.BaseRequest
    request_id: str
    kind: str = "other"
    namespace: str | None = None  # `ns`, once it is known to be an upstream
    upstream: str | None = None
    repository: str | None = None
    reference: str | None = None
    outcome: Outcome = Outcome.BYPASS
    reason: str | None = None
    sent: int = 0  # bytes of body
    lasting: Lasting | None = None  # what the answer holds, where the same may be said again
    bandwidth: Turnstile = OPEN  # what the bytes of a large body keep to

    def sends(self, length: int) -> None:
        """The answer has a body of so many bytes, which go out unless only its head was asked for."""
        self.sent = 0 if self.request.method == "HEAD" else length
