"""The headers that say where an answer comes from (RFC 9211, RFC 9111) and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from multidict import CIMultiDict

from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.server.exchange import Exchange

_CACHE_STATUS = {
    Outcome.HIT: "mirror; hit",
    Outcome.MISS: "mirror; fwd=miss",
    Outcome.JOINED: "mirror; fwd=miss; collapsed",
    Outcome.REVALIDATED: "mirror; fwd=stale; detail=revalidated",
    Outcome.STALE: "mirror; hit; detail=stale",
    Outcome.ABSENT: "mirror; detail=absent",
    Outcome.BYPASS: "mirror; fwd=bypass",
    Outcome.DENIED: "mirror; detail=denied",
    Outcome.ERROR: "mirror; detail=error",
}
IN_VAIN = "mirror; fwd=miss; detail=error"  # an upstream was turned to, and has not answered


def headers_of(exchange: Exchange, answer: Answer) -> CIMultiDict[str]:
    """What every answer carries: the API's version, the namespace that was asked for, and where it comes from."""
    exchange.outcome = answer.outcome
    exchange.reason = answer.warning
    headers = CIMultiDict(
        {
            "Server": "mirror",
            "Docker-Distribution-Api-Version": "registry/2.0",
            "Cache-Status": _cache_status(answer),
            "X-Request-ID": exchange.request_id,
        }
    )
    if exchange.namespace is not None:
        headers["OCI-Namespace"] = exchange.namespace
    if answer.checked is not None:
        headers["Age"] = str(max(int(time() - answer.checked), 0))
    if answer.warning is not None:
        # The one form that the distribution specification allows: code 299, no agent, no date.
        headers["Warning"] = f'299 - "{answer.warning}"'
    return headers


def _cache_status(answer: Answer) -> str:
    """RFC 9211 section 2. Without `fwd-status` the one that we answer would be taken for the upstream's."""
    if answer.status is not None:
        return f"mirror; fwd=miss; fwd-status={answer.status}; detail={answer.outcome}"
    status = _CACHE_STATUS[answer.outcome]
    if answer.outcome is Outcome.STALE and answer.until is not None:
        return f"{status}; ttl={int(answer.until - time())}"
    return status


def matches(if_none_match: Sequence[str], etag: str) -> bool:
    """Whether the client holds this already, by the lines of that header, which are one list (RFC 9110 section 13.1.2,
    weak comparison). `etag` is quoted.
    """
    items = [item.strip() for item in ",".join(if_none_match).split(",")]
    return items == ["*"] or any(item.removeprefix("W/") == etag for item in items)
