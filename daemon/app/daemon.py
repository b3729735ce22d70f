"""One daemon: opens its parts in order, runs, reloads, drains, and closes them in reverse."""

import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
from aiohttp import web
from anyio.abc import TaskGroup, TaskStatus
from prometheus_client import CollectorRegistry
from structlog.stdlib import BoundLogger

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.internal import build_internal_app
from daemon.adapters.http.public import RUNNER_LIMITS
from daemon.adapters.metrics import Metrics
from daemon.adapters.systemd import SystemdNotifier, inherited_sockets
from daemon.app.board import FleetBoard
from daemon.app.database import Database, bring_up_to_date, opened_database, require_schema
from daemon.app.errors import PartLost
from daemon.app.health import DaemonHealth, Phase
from daemon.app.heartbeat import Heartbeat
from daemon.app.launch import Launch
from daemon.app.listeners import bound, served
from daemon.app.memory import keep_settled, settle
from daemon.app.reload import Reloader
from daemon.app.sampler import FleetSampler, describe
from daemon.app.wiring import Parts, wired
from daemon.core.fleet import FleetRow


class Daemon:
    """A daemon's lifetime. `run` is it; `ask_reload` and `stop` are what signals call."""

    def __init__(self, launch: Launch, environ: Mapping[str, str], log: BoundLogger) -> None:
        self._launch = launch
        self._environ = environ
        self._log = log
        self._clock = SystemClock()
        self._notifier = SystemdNotifier(environ)
        self._metrics = Metrics(CollectorRegistry(), partner_series=launch.settings.internal.partner_series)
        self._heartbeat = Heartbeat(self._clock, self._notifier, self._metrics.event_loop_lag.observe)
        self._health = DaemonHealth(self._clock, self._heartbeat)
        self._board = FleetBoard(self._clock)
        self._reloader = Reloader(
            launch.settings,
            launch.load,
            clock=self._clock,
            notifier=self._notifier,
            metrics=self._metrics,
            health=self._health,
            log=log,
        )
        self._reload_asked = anyio.Event()
        self._stop_asked = anyio.Event()
        self._now_or_never = anyio.CancelScope()

    # ---- what signals ask for ----------------------------------------------------------------------------------------

    def ask_reload(self) -> None:
        """Read the settings anew as soon as possible; several requests before it begins are one."""
        self._reload_asked.set()

    def stop(self) -> None:
        """Drain and end; while still starting, or when asked again, end at once."""
        if self._stop_asked.is_set() or self._health.phase is Phase.STARTING:
            self._now_or_never.cancel()
        self._stop_asked.set()

    # ---- the lifetime ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until stopped. Raises SettingsError, StartRefused, PartLost, StoreUnavailable."""
        settings = self._launch.settings
        inherited = inherited_sockets(self._environ)
        try:
            with (
                self._now_or_never,
                bound("internal.listen", settings.internal.listen, inherited) as internal,
                bound("public.listen", settings.public.listen, inherited) as public,
            ):
                await self._run_on(internal, public)
        finally:
            self._notifier.close()

    async def _run_on(self, internal: Sequence[socket.socket], public: Sequence[socket.socket]) -> None:
        app = build_internal_app(self._health, self._metrics.registry, self._board)
        async with anyio.create_task_group() as watchers:
            watchers.start_soon(self._heartbeat.run)
            async with self._listening("internal", app, internal), self._opened(watchers) as parts:
                watchers.start_soon(self._sampler(parts).run)
                watchers.start_soon(parts.news.run)
                await self._work(parts, public)
            watchers.cancel_scope.cancel()

    @asynccontextmanager
    async def _opened(self, watchers: TaskGroup) -> AsyncIterator[Parts]:
        """Open Postgres, check that it is the right one, and make everything that stands on it."""
        async with opened_database(self._launch.settings) as database:
            if database.server is not None:
                watchers.start_soon(self._watch_server, database)
            with self._closing_after():
                await self._prepare_schema(database)
                parts = wired(self._launch, database, self._reloader.policy, self._clock, self._metrics, self._log)
                async with parts as made:
                    self._health.watch_postgres(made.fleet.ping)
                    self._heartbeat.watch(made.root.stalled)
                    self._board.watch(made.root)
                    yield made

    @contextmanager
    def _closing_after(self) -> Iterator[None]:
        """Let a server that ends from here on be one that we stop."""
        try:
            yield
        finally:
            self._health.phase = Phase.DRAINING

    async def _prepare_schema(self, database: Database) -> None:
        if database.server is not None or self._launch.migrate:
            for done in await bring_up_to_date(database.dsn):
                self._log.info("migrated", migration=done)
        await require_schema(database.dsn)

    async def _watch_server(self, database: Database) -> None:
        """Notice that the daemon's own Postgres ended by itself: only a fresh start brings it back."""
        if database.server is not None:
            code = await database.server.wait()
            if self._health.phase in {Phase.STARTING, Phase.RUNNING}:
                raise PartLost(f"the daemon's own Postgres ended (code {code}): see server.log in its directory")

    async def _work(self, parts: Parts, public: Sequence[socket.socket]) -> None:
        """Supervise the partners and serve their pages until asked to stop; then let work in flight finish."""
        drained = anyio.Event()

        async def supervise(*, task_status: TaskStatus[None]) -> None:
            await parts.root.run(task_status=task_status)
            drained.set()

        async with anyio.create_task_group() as work:
            await work.start(supervise)
            async with self._listening("public", parts.public_app, public, RUNNER_LIMITS):
                self._tell_ready()
                async with anyio.create_task_group() as reloads:
                    reloads.start_soon(self._follow_reloads, parts)
                    reloads.start_soon(keep_settled, parts.root.begun_and_served, self._clock)
                    await self._stop_asked.wait()
                    reloads.cancel_scope.cancel()
                self._tell_draining()
                parts.root.drain()
            with anyio.move_on_after(self._grace_s()):
                await drained.wait()
            if not drained.is_set():
                # What is in flight stays claimed, and is looked up at the next start.
                self._log.warning("drain_cut_short", grace_s=self._grace_s())
                work.cancel_scope.cancel()

    def _tell_ready(self) -> None:
        settle()
        self._health.phase = Phase.RUNNING
        self._metrics.ready.set(1)
        self._metrics.settings_loaded(self._clock.now())
        self._log.info("ready")
        self._notifier.ready("Running")

    def _tell_draining(self) -> None:
        self._health.phase = Phase.DRAINING
        self._metrics.ready.set(0)
        self._log.info("draining", grace_s=self._grace_s())
        self._notifier.stopping("Stopping: work in flight finishes")

    def _grace_s(self) -> float:
        return self._reloader.settings.shutdown.grace.total_seconds()

    async def _follow_reloads(self, parts: Parts) -> None:
        while True:
            await self._reload_asked.wait()
            self._reload_asked = anyio.Event()
            self._reloader.reload(parts.reloadable)

    # ---- parts -------------------------------------------------------------------------------------------------------

    def _sampler(self, parts: Parts) -> FleetSampler:
        return FleetSampler(parts.fleet, self._metrics, self._tell_fleet, self._clock, self._log)

    def _tell_fleet(self, rows: Sequence[FleetRow]) -> None:
        self._board.sampled(rows)
        self._metrics.set_budgets(self._board.seen().shares.values())
        if self._health.phase is Phase.RUNNING:
            refused = self._health.settings_refused
            self._notifier.status(describe(rows) + (f"; settings {refused}" if refused else ""))

    @asynccontextmanager
    async def _listening(
        self,
        listener: str,
        app: web.Application,
        sockets: Sequence[socket.socket],
        limits: Mapping[str, int] | None = None,
    ) -> AsyncIterator[None]:
        async with served(app, sockets, limits) as places:
            for address in places:
                self._log.info("listening", listener=listener, address=address)
            yield
