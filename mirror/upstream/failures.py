"""What an upstream's status, or the lack of one, is called here. Pure: asks nobody and repeats nothing.

Neither an exception of the HTTP client nor an answer's text ever goes into a message: both can hold what an upstream
chose to send, and URLs with signatures.
"""

from __future__ import annotations

import errno
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from mirror.errors import Absent, Code, Denied, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream.breaker import Trouble
from mirror.upstream.egress import AddressForbidden

_RETRY_AFTER = (1, 3600)  # seconds; less would be a busy loop, more a typing error
_RETRY_UNKNOWN = 60
_seconds = re.compile(r"[0-9]{1,10}", re.ASCII).fullmatch
_DATE_LENGTH = 64
_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ETIMEDOUT: "no reply",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
    errno.EMFILE: "too many open files here",
}
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Failed:
    """An answer that is not the one asked for. `at` is the host that gave it, `retry_after` its header."""

    upstream: str
    at: str
    status: int
    retry_after: str | None = None


def by_status(failed: Failed, missing: Code, now: datetime | None = None) -> UpstreamError:
    """The error for an answer with this status; `missing` says what it is that a 404 knows nothing of."""
    said = f"{failed.upstream}: {failed.at} answered {failed.status}"
    match failed.status:
        case 401 | 403:
            return Denied(f"{said}: we may not have this")
        case 404 | 410:
            return Absent(f"{said}: not there", code=missing)
        case 429:
            wait = wait_of(failed.retry_after, now)
            return Throttled(f"{said}: it limits our requests; next try in {wait} s", retry_after=wait)
        case 408 | 425:
            return Unreachable(f"{said}: try again later")
        case status if status >= 500 and status != 501:
            later = None if failed.retry_after is None else wait_of(failed.retry_after, now)
            return Unreachable(f"{said}: it has trouble of its own", retry_after=later)
    return Nonsense(f"{said}, which is no answer to what was asked")


def by_exception(upstream: str, at: str, error: Exception, proxy: str | None = None) -> UpstreamError:
    """The error for a request that got no answer, as the HTTP client raised it. `proxy` is the host it went by."""
    place = f"{upstream}: {at}"
    match error:
        case TimeoutError():
            return Unreachable(f"{place} did not answer in time", code=Code.TIMEOUT)
        case aiohttp.ClientConnectorDNSError() if error.host == proxy:
            return Unreachable(f"{upstream}: the configured proxy cannot be found: its name does not resolve")
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(f"{place} cannot be found: its name does not resolve")
        case aiohttp.ClientConnectorCertificateError():
            return Unreachable(f"{place} shows a certificate that is not trusted{_why(error.certificate_error)}")
        case aiohttp.ClientConnectorSSLError():
            return Unreachable(f"{place} does not complete the TLS handshake")
        case aiohttp.ClientConnectorError() if _forbidden(error.os_error):
            return forbidden_address(upstream, at)
        case aiohttp.ClientProxyConnectionError():
            return Unreachable(f"{upstream}: the configured proxy cannot be reached{_reason(error.os_error)}")
        case aiohttp.ClientConnectorError():
            return Unreachable(f"{place} cannot be reached{_reason(error.os_error)}")
        case aiohttp.ClientHttpProxyError():
            return refused_by_proxy(upstream, at, error.status)
        case aiohttp.ClientResponseError():
            return Nonsense(f"{place} does not speak HTTP as it should")
        case aiohttp.InvalidURL() | UnicodeError():
            return Nonsense(f"{upstream}: an answer named an address that cannot be dialled")
        case aiohttp.ServerDisconnectedError():
            return Unreachable(f"{place} closed the connection without an answer")
        case OSError():
            return Unreachable(f"{place} broke the connection{_reason(error)}")
    return Unreachable(f"{place} could not be asked")


def trouble(error: Exception, connected: bool) -> Trouble | None:
    """What the host has to do with a request that got no answer; `connected`: there was a connection. None: nothing."""
    match error:
        case TimeoutError():
            return Trouble.SILENT if connected else Trouble.LOST
        case aiohttp.ClientConnectorError() if _forbidden(error.os_error):
            return None
        case OSError() if error.errno in _OURS:
            return None
        case OSError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientHttpProxyError():
            return Trouble.SILENT
    return None


def forbidden_address(upstream: str, at: str) -> UpstreamError:
    """The error for a host that an answer named and that lies on a private address."""
    return Nonsense(
        f"{upstream}: an answer leads to {at}, which lies on a private or reserved address; if that is meant, "
        "list the host in `realms` or set `allow_private_addresses`"
    )


def refused_by_proxy(upstream: str, at: str, status: int) -> UpstreamError:
    """The error for an answer that is the proxy's own: 407 to any request, others to one for a tunnel."""
    return Unreachable(f"{upstream}: the configured proxy answered {status} for {at}")


def wait_of(header: str | None, now: datetime | None = None) -> int:
    """Seconds that a `Retry-After` asks for, as a number or as a date, within 1 and 3600; 60 if it cannot be read."""
    shortest, longest = _RETRY_AFTER
    if header is None:
        return _RETRY_UNKNOWN
    if _seconds(header):
        return min(max(int(header), shortest), longest)
    try:
        distance = _moment(header) - (now or datetime.now(UTC))
    except (ValueError, OverflowError):
        return _RETRY_UNKNOWN
    return min(max(int(distance.total_seconds()), shortest), longest)


def by_senders_clock(retry_after: str | None, date: str | None) -> str | None:
    """A `Retry-After` that is a date as seconds from `date`, the answer's own: our clock may be a year off.

    Anything else is given back as it is.
    """
    if retry_after is None or date is None or _seconds(retry_after):
        return retry_after
    try:
        return str(max(int((_moment(retry_after) - _moment(date)).total_seconds()), 0))
    except (ValueError, OverflowError):
        return retry_after


def _moment(date: str) -> datetime:
    moment = parsedate_to_datetime(date[:_DATE_LENGTH])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _forbidden(error: OSError) -> bool:
    """Whether one of the addresses was forbidden; of several failures aiohttp keeps but the words."""
    return isinstance(error, AddressForbidden) or AddressForbidden.WORDS in str(error)


def _reason(error: OSError | None) -> str:
    """The kernel's word for it, and nothing that came over the wire."""
    number = None if error is None else error.errno
    return f": {_REASONS[number]}" if number in _REASONS else ""


def _why(error: Exception) -> str:
    return f" ({error.verify_message})" if isinstance(error, ssl.SSLCertVerificationError) else ""
