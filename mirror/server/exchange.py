"""One request on its way to its answer: what it asks, and what the log will say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirror.outcome import Outcome

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True, slots=True)
class Lasting:
    """Content that was answered without asking anybody, and may be again. Times are of the wall clock, in seconds."""

    digest: str  # that it is stored under
    body: bytes
    media_type: str | None  # of a manifest: not every client takes every type
    checked: float | None  # when the upstream last vouched for it
    until: float | None  # from then on somebody has to be asked; None: never


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
