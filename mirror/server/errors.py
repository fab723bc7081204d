"""How a client hears of an error: the specification's JSON, the status of the code, and no more than that."""

from __future__ import annotations

import orjson
from aiohttp import web

from mirror.errors import Code, Frozen, MirrorError, UpstreamError
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.server.exchange import Exchange
from mirror.server.headers import IN_VAIN, headers_of

_TYPE = "application/json"
_RETRY_AFTER = 5  # seconds
_OF_UPSTREAMS = {Code.BAD_UPSTREAM, Code.TOOMANYREQUESTS, Code.UNAVAILABLE, Code.TIMEOUT}


def error_body(code: Code, message: str | None = None) -> bytes:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes"""
    return orjson.dumps({"errors": [{"code": code.name, "message": message or code.message, "detail": None}]})


def error_response(exchange: Exchange, error: MirrorError) -> web.Response:
    """The answer to a request that ended with `error`. What goes with the status goes into its headers here."""
    code = error.code
    status = error.status if isinstance(error, UpstreamError) else None
    headers = headers_of(exchange, Answer(outcome_of(error), status=status))
    if status is None and code in _OF_UPSTREAMS and not isinstance(error, Frozen):
        headers["Cache-Status"] = IN_VAIN
    exchange.reason = str(error)
    headers["Content-Type"] = _TYPE
    if code.status == 405:
        headers["Allow"] = "GET, HEAD"
    if code.status == 503:
        headers["Retry-After"] = str(error.retry_after or _RETRY_AFTER)
    body = error_body(code, str(error))
    exchange.sends(len(body))
    return web.Response(status=code.status, headers=headers, body=body)


def outcome_of(error: MirrorError) -> Outcome:
    """The word for a request that ended with `error`."""
    if error.code.status == 404:
        return Outcome.ABSENT
    return Outcome.DENIED if error.code.status < 500 else Outcome.ERROR
