"""One upstream, looked at from where the mirror stands: each endpoint, by which way, what it answers, as whom.

Nothing is pulled. No login and no token is told, only whose it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

from yarl import URL

from mirror.config.settings import Limits, Upstream
from mirror.doctor.connection import Resolve, Way, addresses, walk
from mirror.doctor.findings import Finding, Level
from mirror.doctor.pulling import Wanted, follow
from mirror.errors import ConfigurationError, Denied, UpstreamError
from mirror.upstream import origins
from mirror.upstream.accounts import holders
from mirror.upstream.auth import Access, Keys, Proof
from mirror.upstream.credentials import Credentials
from mirror.upstream.exchange import Response
from mirror.upstream.proxies import Proxies
from mirror.upstream.refusals import Refusals
from mirror.upstream.report import Request
from mirror.upstream.schemes import Door
from mirror.upstream.selection import base_urls
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.tls import Tls
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport, unobserved

PATIENCE = 10.0  # seconds for one upstream
_SKEW, _WRONG = 30.0, 300.0  # seconds between two clocks: worth a word; tokens and certificates may be refused

# Whether a token can be had is asked for a repository that everybody may pull.
_PUBLIC = {
    "docker.io": "library/hello-world",
    "ghcr.io": "homebrew/core/hello",
    "quay.io": "prometheus/busybox",
    "registry.k8s.io": "pause",
    "gcr.io": "distroless/static",
    "mcr.microsoft.com": "hello-world",
    "public.ecr.aws": "docker/library/hello-world",
    "nvcr.io": "nvidia/cuda",
}
_ANY = "library/hello-world"

_RIGHT = "is the password or token still the right one?"
_PLAIN = "use https there; over plain http a login is only shown with `insecure: true`"
_ORDER = "the step after the last one above takes too long: it goes DNS, connection, answer, login, redirects"


@dataclass(frozen=True, slots=True)
class Examined:
    """An upstream to look at, and what is around it.

    `wanted` is an image to pull the manifests of, if one may be pulled. `now` is the wall clock; `patience`: seconds
    for all of it.
    """

    name: str
    upstream: Upstream
    limits: Limits
    surroundings: Surroundings = field(default_factory=Surroundings)
    resolve: Resolve = addresses
    now: Callable[[], float] = time.time
    patience: float = PATIENCE
    wanted: Wanted | None = None


async def examine(one: Examined) -> list[Finding]:
    """Everything that is found of an upstream, within its `patience`. May be cancelled."""
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(one.patience):
            await _Examination(one, findings).run()
    except TimeoutError:
        words = f"the rest was not looked at within {one.patience:g} s"
        findings.append(Finding(Level.BAD, one.name, "time", words, _ORDER))
    except ConfigurationError as error:
        findings.append(Finding(Level.BAD, one.name, "configuration", "; ".join(error.problems), "see `mirror check`"))
    return findings


class _Examination:
    """`findings` is added to as it goes, so that what was found is there when time is up."""

    def __init__(self, one: Examined, findings: list[Finding]) -> None:
        self._one = one
        self._findings = findings
        self._proxies = Proxies(
            None if one.upstream.proxy is None else one.upstream.proxy.get_secret_value(), one.surroundings.environment
        )
        self._tls = Tls(one.name, one.upstream)

    async def run(self) -> None:
        one = self._one
        urls = base_urls(one.name, one.upstream)
        credentials = Credentials(one.name, one.upstream, one.surroundings.environment)
        transport = Transport(one.name, one.upstream, one.limits, unobserved, one.surroundings)
        refusals = Refusals()
        tokens = Tokens(transport, one.limits, refusals)
        own = Keys(credentials, tokens, refusals)
        nobody = Keys(Credentials(one.name, Upstream()), tokens, refusals)
        known = holders(one.name, urls) if credentials.configured else frozenset(urls)
        try:
            for url in urls:
                certified = one.upstream.client_certificate is not None
                door = Door(one.name, url, frozenset(one.upstream.realms), one.upstream.insecure, certified)
                if await self._reached(url):
                    access = Access(door, own if url in known else nobody)
                    who = credentials.describe() if url in known else "anonymous"
                    if await self._answered(transport, access, url, who):
                        await self._redirected(transport, access, url)
        finally:
            await tokens.aclose()
            await credentials.aclose()
            await transport.aclose()

    async def _reached(self, url: URL) -> bool:
        one, proxy = self._one, self._proxies.of(url)
        if proxy is not None:
            self._add(Level.OK, "proxy", f"requests go by {origins.place(proxy)}{self._whose()}")
        dialled = url if proxy is None else proxy
        contexts = await self._tls.contexts() if proxy is None and url.scheme == "https" else None
        tls = None if contexts is None else contexts.own
        way = Way(one.name, origins.host(dialled), dialled.port or 443, tls, one.now())
        found = await walk(way, one.resolve)
        self._findings += found
        return all(finding.level is not Level.BAD for finding in found)

    def _whose(self) -> str:
        return ", as `proxy` says" if self._one.upstream.proxy is not None else ", as the environment says"

    async def _redirected(self, transport: Transport, access: Access, url: URL) -> None:
        wanted = self._one.wanted
        if wanted is None:
            self._add(Level.SKIPPED, "redirects", "where its blobs are sent from takes a pull to learn: see --pull")
        else:
            self._findings.append(await follow(transport, access, url, wanted))

    async def _answered(self, transport: Transport, access: Access, url: URL, who: str) -> bool:
        """Whether there was an answer as a registry gives one, and a way to be let in."""
        place = origins.place(url)
        asked = url.with_path(f"{url.raw_path.rstrip('/')}/v2/", encoded=True)
        try:
            response = await transport.exchange(Request("ping", "GET", asked))
        except UpstreamError as error:
            self._add(Level.BAD, "answer", str(error), "see whether a browser on this machine gets an answer there")
            return False
        await response.discard()
        self._clock(response, place)
        if response.status == 200:
            self._add(Level.OK, "answer", f"{place} asks nobody for a login")
            return True
        if response.status == 401:
            return await self._proven(transport, access, response, asked, who)
        self._odd(response.status, place)
        return False

    async def _proven(self, transport: Transport, access: Access, response: Response, asked: URL, who: str) -> bool:
        wanted = self._one.wanted
        repository = wanted.repository if wanted is not None else _PUBLIC.get(self._one.name, _ANY)
        asked_as = f"(asked as {who})"
        try:
            proof = await access.answer(response.values("WWW-Authenticate"), repository, None)
            refused = proof.token is None and await self._refuses(transport, asked, proof)
        except Denied as error:
            if who == "anonymous":
                advice = "give it a login, or it serves what is public and no more: see `username` in mirror.yml"
                self._add(Level.WARNING, "login", str(error), advice)
            else:
                plain = asked.scheme == "http" and not self._one.upstream.insecure
                self._add(Level.BAD, "login", f"{error} {asked_as}", _PLAIN if plain else _RIGHT)
            return False
        except UpstreamError as error:
            self._add(Level.BAD, "login", f"{error} {asked_as}", "without it nothing can be pulled from there")
            return False
        if refused:
            self._add(Level.BAD, "login", f"{origins.place(asked)} refuses the login {asked_as}", _RIGHT)
            return False
        did = "takes the login" if proof.token is None else "gives a token"
        self._add(Level.OK, "login", f"{origins.place(asked)} {did} {asked_as}")
        return True

    async def _refuses(self, transport: Transport, asked: URL, proof: Proof) -> bool:
        response = await transport.exchange(Request("ping", "GET", asked, {"Authorization": proof.header}))
        await response.discard()
        return response.status == 401

    def _odd(self, status: int, place: str) -> None:
        said = f"{place} answers {status} to /v2/"
        if status == 429:
            self._add(
                Level.WARNING, "answer", f"{said}: it limits our requests", "see `mirror budget`; a login has more"
            )
        elif status >= 500:
            self._add(Level.BAD, "answer", f"{said}: it has trouble of its own", "wait, or ask whoever runs it")
        elif status in (301, 302, 303, 307, 308):
            self._add(Level.WARNING, "answer", f"{said}: it redirects its API", "name in `endpoints` where it leads")
        else:
            advice = "is it a registry? Its base URL may need a path, which goes into `endpoints`"
            self._add(Level.BAD, "answer", said, advice)

    def _clock(self, response: Response, place: str) -> None:
        there = _date(response.value("Date"))
        if there is None:
            self._add(Level.SKIPPED, "clock", f"{place} does not say what time it is")
            return
        skew = self._one.now() - there
        words = f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of {place}"
        advice = "set the clock, by NTP if you can: tokens and certificates are refused by a wrong one"
        level = Level.BAD if abs(skew) > _WRONG else Level.WARNING if abs(skew) > _SKEW else Level.OK
        self._add(level, "clock", words, "" if level is Level.OK else advice)

    def _add(self, level: Level, what: str, words: str, advice: str = "") -> None:
        self._findings.append(Finding(level, self._one.name, what, words, advice))


def _date(value: str | None) -> float | None:
    try:
        parsed: datetime = parsedate_to_datetime((value or "")[:64])
        return parsed.timestamp()
    except (ValueError, OverflowError):
        return None
