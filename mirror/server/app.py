"""The composition root: makes everything, in the reverse of the order of its end. Knows all rings, decides nothing."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from math import ceil

import structlog
from aiohttp import web

from mirror import __version__
from mirror.admin.app import admin_app
from mirror.admin.budget import budget_routes
from mirror.admin.contact import contact_routes
from mirror.admin.explain import explain_routes
from mirror.admin.gc import gc_routes
from mirror.admin.images import image_routes
from mirror.admin.importing import import_routes
from mirror.admin.pins import pin_routes
from mirror.admin.pulls import pull_routes
from mirror.admin.rehearse import rehearse_routes
from mirror.admin.stats import stats_routes
from mirror.admin.tags import tag_routes
from mirror.bundles.receiving import Receiving
from mirror.config.addresses import ListenAddress
from mirror.config.served import unserved
from mirror.config.settings import Settings
from mirror.errors import DigestMismatch, SizeMismatch
from mirror.jobs.jobs import Means
from mirror.jobs.orders import Orders
from mirror.log.access import AccessLog
from mirror.log.access_lines import open_access_log
from mirror.log.exchanges import asked
from mirror.log.stream import stream_to
from mirror.metrics import Metrics
from mirror.notices.notices import Notices, noticing
from mirror.pull.configured import Making
from mirror.pull.explaining import explanations, is_own, keeping
from mirror.pull.fetch import Fetch
from mirror.pull.fetches import Bounds
from mirror.pull.freezing import Freezing
from mirror.pull.pulls import Pulls, Sizes
from mirror.rehearsal.rehearsal import Rehearsals, Stage
from mirror.server.access import Access, Clients
from mirror.server.announcing import announce
from mirror.server.dispatch import Dispatch
from mirror.server.footing import Figures, Footing, alone
from mirror.server.handlers import Handlers
from mirror.server.hot import HotAnswers
from mirror.server.listening import Listeners
from mirror.server.measuring import Measured, measure
from mirror.server.operating import AdminListener, listen_admin
from mirror.server.protocol import ClientLimits, RegistryServer
from mirror.server.uploads import Uploads
from mirror.siblings import Alone, Siblings
from mirror.stock.collecting import Collecting
from mirror.stock.premises import premises_of
from mirror.stock.stock import Stock
from mirror.store.anyhow import open_anyhow
from mirror.store.eviction import Room
from mirror.store.removal import everybody
from mirror.store.scrub import Scrub, tell_of_a_fault
from mirror.store.store import Store
from mirror.tasks import end, spawn
from mirror.upstream.concord import Concord
from mirror.upstream.report import Exchange
from mirror.upstream.surroundings import Surroundings

_log = structlog.get_logger(__name__)
_ALONE = Alone()


class Mirror:
    """A running mirror. Entering it makes it answer; leaving it ends it within the grace period.

    `surroundings` are what its upstreams share; tests have their own. `siblings` serve the same cache directory;
    `footing` is what a worker among them has been given.
    """

    def __init__(
        self,
        settings: Settings,
        surroundings: Surroundings | None = None,
        siblings: Siblings = _ALONE,
        footing: Footing | None = None,
    ) -> None:
        self.settings = settings
        self.siblings = siblings
        self._given = footing
        self.surroundings = surroundings or Surroundings()
        self.metrics = Metrics(__version__)
        self._stack = AsyncExitStack()
        self._unready: str | None = "starting"
        self.freezing: Freezing
        self.listeners: Listeners
        self.admin: AdminListener
        self.store: Store
        self.pulls: Pulls
        self.scrub: Scrub
        self.notices: Notices
        self.orders: Orders

    async def __aenter__(self) -> Mirror:
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        self._unready = None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._unready = "stopping"
        await self._stack.aclose()

    def announce(self) -> None:
        """Say what is served, where the cache lies, and what to write into Docker's configuration."""
        admin = [ListenAddress(*address[:2]) for address in self.admin.addresses]
        announce(self.settings, self.listeners.bound, admin, self.store.size)

    async def _begin(self) -> None:
        settings, stack = self.settings, self._stack
        footing = self._footing = self._given or alone(settings)
        figures = footing.figures(self.metrics)
        stack.push_async_callback(figures.publish)
        worker = self.siblings.number if self.siblings.count > 1 else None
        access_log = open_access_log(settings.log, stream_to(sys.stderr.fileno()), worker)
        if access_log is not None:
            writing = spawn(access_log.run(), "access-log")
            stack.push_async_callback(end, writing)
            stack.push_async_callback(access_log.aclose)
        self.store = await self._open_store()
        stack.push_async_callback(self.store.aclose)
        self.notices = noticing(settings, self.store.facts.journal, self.surroundings)
        stack.push_async_callback(self.notices.aclose)
        stack.push_async_callback(self.store.flush)  # what has just been seen is still told
        self.scrub = self.store.scrub()
        if settings.storage.scrub and self.siblings.number == 0:
            scrubbing = spawn(self.scrub.run(settings.storage.scrub), "scrub")
            scrubbing.add_done_callback(tell_of_a_fault)
            stack.push_async_callback(end, scrubbing)
        self.freezing = Freezing(self.surroundings.contact, self.store)
        await self.freezing.resume()
        self.pulls = await self._make_pulls()
        stack.push_async_callback(self.pulls.aclose)
        self.pulls.fetches.on_end = self._fetch_ended
        self.orders = Orders(Means(self.pulls, self.store, self._making.lent), settings.images)
        stack.push_async_callback(self.orders.aclose)
        if self.siblings.number == 0:
            self.orders.keep_ready()
        server = self._serve(access_log)
        self.admin = await listen_admin(self._admin(figures), footing.admin)
        stack.push_async_callback(self.admin.cleanup)
        stack.push_async_callback(self.listeners.drain, settings.server.shutdown_grace)
        await self.listeners.open(footing.registry, footing.tls)
        parts = Measured(self.store, self.scrub, self.pulls, server, self.freezing, footing, self.notices)
        measure(self.metrics, parts)
        sharing = spawn(figures.run(), "figures")
        stack.push_async_callback(end, sharing)

    async def _open_store(self) -> Store:
        storage = self.settings.storage
        store = await open_anyhow(
            storage.root,
            Room(storage.max_size.of, storage.min_free.of),
            durable=storage.durability == "safe",
            siblings=self.siblings,
        )
        store.blobs.on_corrupt = lambda _: self.metrics.corrupt("store")
        if not storage.evict_unreachable:
            store.removal.unreachable = everybody  # until there are upstreams, before the first round looks
        return store

    async def _make_pulls(self) -> Pulls:
        settings = self.settings
        limits = settings.limits
        around = replace(self.surroundings, concord=Concord(self.siblings))
        making = self._making = Making(settings, self._exchanged, around)
        self._stack.push_async_callback(making.aclose)
        table = await making.make()
        self.metrics.requests.label = table.label
        at_once, ahead = (
            ceil(number / self.siblings.count) for number in (limits.fetches_per_upstream, limits.prefetch)
        )
        bounds = Bounds(at_once, limits.fetch_wait, limits.resumes, self._footing.fetches, ahead, limits.answer_timeout)
        if not settings.storage.evict_unreachable:
            self.store.removal.unreachable = table.out_of_reach
        return Pulls(table, self.store, bounds, Sizes(limits.memory_cache, limits.manifest_size))

    def _admin(self, figures: Figures) -> web.Application:
        explaining = explanations(self.settings, self.pulls.upstreams, self.surroundings.contact, self.store)
        api = [*contact_routes(self.freezing), *budget_routes(self.pulls.upstreams, self.pulls.ledger)]
        api += explain_routes(explaining)
        api += import_routes(lambda: Receiving(self.store), partial(unserved, self.settings))
        api += gc_routes(Collecting(self.store))
        api += pull_routes(self.orders)
        api += tag_routes(keeping(self.settings, self.pulls.upstreams, self.store, self.pulls.manifests))
        premises = premises_of(self.settings, partial(is_own, self.settings))
        stage = Stage(self.store, self.pulls.upstreams, premises, self.settings.limits.manifest_size)
        api += rehearse_routes(Rehearsals(stage).run)
        stock = Stock(self.store, premises)
        api += [*image_routes(stock), *pin_routes(stock), *stats_routes(figures.render, stock)]
        names = {address.host.lower() for address in self.settings.admin.listen}
        return admin_app(figures.render, lambda: self._unready or self._footing.lacks(), api, names)

    def _serve(self, access_log: AccessLog | None) -> RegistryServer:
        settings = self.settings
        note = None if access_log is None else access_log.note
        clients = Clients(settings.server.trusted_proxies)
        access = Access(self.metrics.requests, note, clients)
        hot = HotAnswers(bool(settings.hosts()), self.store.used, pulled=self.store.images.pulled)
        self.store.blobs.watch_gone(hot.gone)
        self.store.facts.watch(
            lambda key: hot.clear() if key is None else hot.forget(key.upstream, key.repository, key.reference)
        )
        self.pulls.repositories.told = settings.catalog
        told = self.pulls.repositories if settings.catalog else None
        uploads = Uploads.configured(settings.limits)
        dispatch = Dispatch(Handlers(self.pulls, clients, told, uploads), hot, access)
        server = RegistryServer(dispatch, ClientLimits.configured(settings.limits), clients.trusts)
        self.listeners = Listeners(server)
        return server

    def _exchanged(self, exchange: Exchange) -> None:
        code = exchange.failure or str(exchange.status)
        upstream = self.pulls.upstreams.label(exchange.upstream)
        self.metrics.exchange(upstream, exchange.operation, code, exchange.seconds, exchange.bytes)
        asked(exchange)

    def _fetch_ended(self, fetch: Fetch) -> None:
        failure = fetch.failure
        if isinstance(failure, (DigestMismatch, SizeMismatch)):
            self.metrics.corrupt("upstream")
            _log.error("an upstream sent a blob that is not what its digest names", digest=str(fetch.digest))
