"""What the mirror needs of this machine beside the disk: open files, its ports. And which proxy variables are set."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator, Mapping

from mirror.config.addresses import ListenAddress
from mirror.config.settings import Settings
from mirror.doctor.findings import Finding, Level
from mirror.open_files import LEAST, needed
from mirror.workers.cores import number_of
from mirror.workers.shares import share_of

SUBJECT = "machine"
STEP = 3.0  # seconds for a port
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound
_VARIABLES = ("https_proxy", "http_proxy", "no_proxy")


async def examine(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Everything of these. Takes as long as `STEP`. May be cancelled."""
    sealed = settings.server.tls.certificate is not None
    ports = [_port(f"the registry, {address}", address, sealed) for address in settings.server.listen]
    ports += [_port(f"the admin listener, {address}", address, False) for address in settings.admin.listen]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = await asyncio.gather(*ports)
    share = share_of(settings, number_of(settings.server.workers)).limits.connections
    return [descriptors(share, hard), *found, *proxies(environment)]


def descriptors(connections: int, hard: int) -> Finding:
    """Whether a process with this hard limit can open what so many clients may need. The mirror raises the soft one.

    `connections` are those of one process.
    """
    wanted = needed(connections)
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return Finding(Level.OK, SUBJECT, "open files", f"up to {wanted} may be needed, and are allowed")
    words = f"up to {wanted} may be needed for limits.connections, and {hard} are allowed"
    if hard < LEAST:
        words = f"at least {LEAST} are needed for the mirror to start, and {hard} are allowed"
    return Finding(
        Level.BAD if hard < LEAST else Level.WARNING,
        SUBJECT,
        "open files",
        words,
        "raise LimitNOFILE of the unit, or `ulimit -Hn`",
    )


def proxies(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Which variables say that there is one. What they say may be a secret."""
    told = [name for each in _VARIABLES for name in (each, each.upper()) if environment.get(name, "").strip()]
    if told:
        words = f"{', '.join(told)} set: upstreams without a `proxy` of their own are asked as these say"
        yield Finding(Level.OK, SUBJECT, "proxy", words)


async def _port(what: str, address: ListenAddress, sealed: bool) -> Finding:
    """`sealed`: a mirror would speak TLS there, and is not to be known by its answer."""
    if address.port == 0:
        return Finding(Level.SKIPPED, SUBJECT, "port", f"{what}: the kernel chooses it")
    answer = await _answer(_ANY.get(address.host, address.host).strip("[]"), address.port)
    if answer is None:
        return Finding(Level.OK, SUBJECT, "port", f"{what}: nobody listens there, so a mirror can")
    if sealed:
        return Finding(Level.SKIPPED, SUBJECT, "port", f"{what}: somebody listens, by TLS perhaps; who was not asked")
    if b"mirror" in answer.lower():
        return Finding(Level.OK, SUBJECT, "port", f"{what}: a mirror answers")
    advice = "find who it is with `ss -ltnp`, or give the mirror another address"
    return Finding(Level.WARNING, SUBJECT, "port", f"{what}: another program seems to listen there", advice)


async def _answer(host: str, port: int) -> bytes | None:
    """The start of what is answered there to `GET /`; empty when that is nothing, None when nobody listens."""
    writer = None
    try:
        async with asyncio.timeout(STEP):
            reader, writer = await asyncio.open_connection(host, port, family=socket.AF_UNSPEC)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return await reader.read(4096)
    except (OSError, TimeoutError):
        return None if writer is None else b""
    finally:
        if writer is not None:
            writer.close()
