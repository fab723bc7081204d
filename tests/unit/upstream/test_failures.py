from __future__ import annotations

import errno
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mirror.errors import Absent, Code, Denied, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream import failures
from mirror.upstream.breaker import Trouble
from mirror.upstream.egress import AddressForbidden
from mirror.upstream.failures import Failed

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = ConnectionKey("canary.test", 443, True, True, URL("http://user:canary@proxy.test"), None, None)
REQUEST = aiohttp.RequestInfo(
    URL("https://canary.test/?canary"), "GET", CIMultiDictProxy(CIMultiDict()), URL("https://canary.test")
)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, Denied, Code.DENIED),
        (403, Denied, Code.DENIED),
        (404, Absent, Code.BLOB_UNKNOWN),
        (410, Absent, Code.BLOB_UNKNOWN),
        (408, Unreachable, Code.UNAVAILABLE),
        (429, Throttled, Code.TOOMANYREQUESTS),
        (500, Unreachable, Code.UNAVAILABLE),
        (503, Unreachable, Code.UNAVAILABLE),
        (599, Unreachable, Code.UNAVAILABLE),
        (501, Nonsense, Code.BAD_UPSTREAM),
        (100, Nonsense, Code.BAD_UPSTREAM),
        (204, Nonsense, Code.BAD_UPSTREAM),
        (304, Nonsense, Code.BAD_UPSTREAM),
        (400, Nonsense, Code.BAD_UPSTREAM),
        (416, Nonsense, Code.BAD_UPSTREAM),
    ],
)
def test_a_status_has_one_meaning(status: int, kind: type[UpstreamError], code: Code) -> None:
    error = failures.by_status(Failed("fake", "registry.test", status), Code.BLOB_UNKNOWN)
    assert type(error) is kind
    assert error.code is code
    assert str(error).startswith(f"fake: registry.test answered {status}")


def test_a_forbidden_address_is_found_among_the_failures_of_several() -> None:
    # What aiohttp makes of the failures of several addresses of one name.
    several = OSError(f"Multiple exceptions: [Errno 101] Connect call failed, {AddressForbidden()}")
    error = failures.by_exception("fake", "cdn.test", aiohttp.ClientConnectorError(KEY, several))
    assert type(error) is Nonsense
    assert "allow_private_addresses" in str(error)


def test_a_name_that_dns_has_no_form_for_is_nonsense() -> None:
    error = failures.by_exception("fake", "cdn.test", UnicodeError("label canary empty or too long"))
    assert type(error) is Nonsense
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("3600", 3600),
        ("86400", 3600),
        ("9999999999", 3600),
        ("9" * 5000, 60),
        ("-5", 60),
        ("1.5", 60),
        ("٣", 60),
        ("soon", 60),
        ("", 60),
        (None, 60),
        ("Tue, 01 Jan 2030 00:01:30 GMT", 90),
        ("Tue, 01 Jan 2030 00:01:30 -0000", 90),
        ("Mon, 31 Dec 2029 23:00:00 GMT", 1),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600),
        ("Tue, 01 Jan 2030 00:01:30 GMT" + " " * 9000, 90),
        ("Tue, 99 Jan 2030 00:00:00 GMT", 60),
        ("Tue, 01 Jan 99999 00:00:00 GMT", 60),
    ],
)
def test_retry_after_is_read_and_kept_within_reason(header: str | None, seconds: int) -> None:
    assert failures.wait_of(header, NOW) == seconds


@pytest.mark.parametrize(
    ("header", "date", "told"),
    [
        ("Tue, 01 Jan 2030 00:01:30 GMT", "Tue, 01 Jan 2030 00:00:00 GMT", "90"),
        ("Tue, 01 Jan 2030 00:01:30 GMT", "Tue, 01 Jan 2030 01:00:00 +0100", "90"),
        ("Tue, 01 Jan 2030 00:01:30 GMT", "Tue, 01 Jan 2030 00:00:00 -0000", "90"),
        ("Tue, 01 Jan 2030 00:00:00 GMT", "Tue, 01 Jan 2030 00:01:30 GMT", "0"),
        ("Tue, 01 Jan 2030 00:01:30 GMT", None, "Tue, 01 Jan 2030 00:01:30 GMT"),
        ("Tue, 01 Jan 2030 00:01:30 GMT", "today", "Tue, 01 Jan 2030 00:01:30 GMT"),
        ("soon", "Tue, 01 Jan 2030 00:00:00 GMT", "soon"),
        ("7", "Tue, 01 Jan 2030 00:00:00 GMT", "7"),
        (None, "Tue, 01 Jan 2030 00:00:00 GMT", None),
    ],
)
def test_until_when_is_reckoned_by_the_clock_of_whoever_says_so(
    header: str | None, date: str | None, told: str | None
) -> None:
    assert failures.by_senders_clock(header, date) == told


def test_throttled_carries_how_long_to_wait() -> None:
    assert failures.by_status(Failed("fake", "r", 429, "30"), Code.NAME_UNKNOWN).retry_after == 30
    assert failures.by_status(Failed("fake", "r", 429), Code.NAME_UNKNOWN).retry_after == 60
    assert failures.by_status(Failed("fake", "r", 503, "30"), Code.NAME_UNKNOWN).retry_after == 30
    assert failures.by_status(Failed("fake", "r", 503), Code.NAME_UNKNOWN).retry_after is None


def _certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "canary")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (TimeoutError(), Unreachable, "did not answer in time"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "canary")), Unreachable, "name does not resolve"),
        (aiohttp.ClientConnectorCertificateError(KEY, _certificate_error()), Unreachable, "certificate has expired"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "canary")), Unreachable, "TLS handshake"),
        (aiohttp.ClientConnectorError(KEY, AddressForbidden()), Nonsense, "allow_private_addresses"),
        (aiohttp.ClientProxyConnectionError(KEY, OSError(errno.ECONNREFUSED, "canary")), Unreachable, "proxy"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "canary")), Unreachable, "connection refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EPERM, "canary")), Unreachable, "cannot be reached"),
        (aiohttp.ClientHttpProxyError(REQUEST, (), status=407, message="canary"), Unreachable, "proxy answered 407"),
        (aiohttp.ClientResponseError(REQUEST, (), status=400, message="canary"), Nonsense, "does not speak HTTP"),
        (aiohttp.InvalidURL("https://canary/"), Nonsense, "cannot be dialled"),
        (aiohttp.ServerDisconnectedError("canary"), Unreachable, "without an answer"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "canary"), Unreachable, "connection reset"),
        (aiohttp.ClientError("canary"), Unreachable, "could not be asked"),
    ],
)
def test_a_failed_request_is_explained_in_our_own_words(
    raised: Exception, kind: type[UpstreamError], words: str
) -> None:
    error = failures.by_exception("fake", "registry.test", raised)
    assert type(error) is kind
    assert words in str(error)
    assert "canary" not in str(error)


def test_only_a_time_out_is_called_one() -> None:
    assert failures.by_exception("fake", "r", TimeoutError()).code is Code.TIMEOUT
    assert failures.by_exception("fake", "r", OSError()).code is Code.UNAVAILABLE


def _os_error(number: int) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, OSError(number, "canary"))


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, OSError("canary")), Trouble.SILENT),
        (_os_error(errno.ECONNREFUSED), Trouble.SILENT),
        (_os_error(errno.EHOSTUNREACH), Trouble.SILENT),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLError("canary")), Trouble.SILENT),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("canary")), Trouble.SILENT),
        (aiohttp.ClientProxyConnectionError(KEY, OSError("canary")), Trouble.SILENT),
        (aiohttp.ClientHttpProxyError(REQUEST, (), status=502), Trouble.SILENT),
        (aiohttp.ServerDisconnectedError("canary"), Trouble.SILENT),
        (ConnectionResetError("canary"), Trouble.SILENT),
        # These are one request's, or our own.
        (aiohttp.ClientConnectorError(KEY, AddressForbidden()), None),
        (_os_error(errno.EMFILE), None),
        (OSError(errno.ENFILE, "canary"), None),
        (aiohttp.InvalidURL("canary"), None),
        (UnicodeError("canary"), None),
        (aiohttp.ClientResponseError(REQUEST, (), status=400, message="canary"), None),
    ],
)
def test_what_a_failed_request_says_of_the_host(error: Exception, trouble: Trouble | None) -> None:
    assert failures.trouble(error, connected=True) is trouble
    assert failures.trouble(error, connected=False) is trouble


def test_a_connection_that_takes_too_long_says_more_than_an_answer_that_does() -> None:
    assert failures.trouble(TimeoutError(), connected=False) is Trouble.LOST
    assert failures.trouble(TimeoutError(), connected=True) is Trouble.SILENT
