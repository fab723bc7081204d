"""The way to one host, step by step: its name, a connection, its certificate. Knows no HTTP and no registry."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mirror.doctor.findings import Finding, Level

STEP = 3.0  # seconds for each step
_DAY = 86400.0
_SOON = 14 * _DAY  # before the end of a certificate somebody should know
_SHOWN = 3  # addresses of a host that are told

Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Way:
    """`tls` is None for plain HTTP, and towards a proxy. `now`: by the wall clock; `step`: seconds for each step."""

    subject: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    now: float
    step: float = STEP


async def addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it. Raises OSError and UnicodeError. May be cancelled.

    In a thread that nobody waits for: a resolver may take half a minute to give up, and cannot be called off.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def tell(names: list[str] | None, error: Exception | None) -> None:
        if found.done():
            return  # nobody waits any more
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(names or [])

    def resolve() -> None:
        names, failure = None, None
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            names = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, names, failure)

    threading.Thread(target=resolve, name=f"resolve:{host}", daemon=True).start()
    return await found


async def walk(way: Way, resolve: Resolve = addresses) -> list[Finding]:
    """A finding for each step, up to the first that cannot be taken. Takes two steps at the most."""
    named = await _name(way, resolve)
    if named.level is Level.BAD:
        return [named]
    return [named, *await _connect(way)]


async def _name(way: Way, resolve: Resolve) -> Finding:
    try:
        async with asyncio.timeout(way.step):
            found = await resolve(way.host, way.port)
    except TimeoutError:
        words = f"nobody says within {way.step:g} s what {way.host} is"
        return Finding(Level.BAD, way.subject, "DNS", words, "the name servers do not answer: see /etc/resolv.conf")
    except (OSError, UnicodeError):
        words = f"{way.host} has no address"
        advice = "is the name written as it should be? If so, see whether this machine can resolve any name"
        return Finding(Level.BAD, way.subject, "DNS", words, advice)
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return Finding(Level.OK, way.subject, "DNS", f"{way.host} is at {', '.join(found[:_SHOWN])}{more}")


async def _connect(way: Way) -> list[Finding]:
    where = f"{way.host}:{way.port}"
    what = "TCP" if way.tls is None else "TLS"
    try:
        async with asyncio.timeout(way.step):
            _, writer = await asyncio.open_connection(
                way.host, way.port, ssl=way.tls, server_hostname=way.host if way.tls is not None else None
            )
    except TimeoutError:
        advice = "a firewall may drop what is sent there, or a proxy may be needed: see `proxy` and HTTPS_PROXY"
        return [Finding(Level.BAD, way.subject, what, f"{where} does not answer within {way.step:g} s", advice)]
    except ssl.SSLCertVerificationError as error:
        return [Finding(Level.BAD, way.subject, what, f"{where} shows {_why(error)}", _cure(error))]
    except ssl.SSLError:
        advice = "is it a server that speaks plain HTTP? Then the endpoint begins with http://"
        return [Finding(Level.BAD, way.subject, what, f"{where} does not complete the TLS handshake", advice)]
    except OSError as error:
        words = f"{where} cannot be reached: {os.strerror(error.errno or errno.ECONNABORTED).lower()}"
        return [Finding(Level.BAD, way.subject, what, words, "is it running, and does a firewall let us there?")]
    try:
        end = _end_of_certificate(writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await writer.wait_closed()
    return [_connected(way, where, end)]


def _connected(way: Way, where: str, end: float | None) -> Finding:
    if way.tls is None or end is None:
        return Finding(Level.OK, way.subject, "TCP", f"{where} takes connections")
    days = (end - way.now) / _DAY
    words = f"{where} shows a certificate that is trusted, for {days:.0f} days more"
    if end - way.now < _SOON:
        return Finding(Level.WARNING, way.subject, "TLS", words, "whoever runs that registry has to renew it")
    return Finding(Level.OK, way.subject, "TLS", words)


def _end_of_certificate(writer: asyncio.StreamWriter) -> float | None:
    certificate = writer.get_extra_info("peercert") or {}
    until = certificate.get("notAfter")
    return ssl.cert_time_to_seconds(until) if isinstance(until, str) else None


# https://www.openssl.org/docs/man3.0/man3/X509_STORE_CTX_get_error.html
_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, (18, 19)
_UNKNOWN, _OTHER_NAME = (2, 20, 21), (62, 64)


def _why(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case code if code == _EXPIRED:
            return "a certificate that has expired"
        case code if code == _NOT_YET:
            return "a certificate that is not valid yet"
        case code if code in _SELF_SIGNED or code in _UNKNOWN:
            return "a certificate of an authority that is not trusted here"
        case code if code in _OTHER_NAME:
            return "a certificate for another name"
    return "a certificate that is not trusted"


def _cure(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (_EXPIRED, _NOT_YET):
        return "is the clock of this machine right? If it is, whoever runs that registry has to renew it"
    if error.verify_code in _OTHER_NAME:
        return "the endpoint has to be written with the name that is in the certificate"
    return "if it is your own authority, name its certificate in `ca_file`; a proxy that opens TLS has one too"
