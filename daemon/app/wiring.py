"""Makes every part that stands on an open Postgres, and hands each what it needs."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Final

from aiohttp import web
from structlog.stdlib import BoundLogger

from daemon.actors.account_setup import AccountSetup
from daemon.actors.admission import Admission
from daemon.actors.callbacks import Doorbell
from daemon.actors.consent import ConsentFlow
from daemon.actors.crash_points import Reached
from daemon.actors.invoice_pdfs import InvoicePdfs
from daemon.actors.limiter import Limiters
from daemon.actors.membership import Membership
from daemon.actors.ports import Clock
from daemon.actors.root import RootSupervisor
from daemon.actors.world import World
from daemon.adapters.freshbooks.callbacks import FreshBooksCallbacks
from daemon.adapters.freshbooks.calls import Caller, open_session
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.adapters.freshbooks.oauth import App, FreshBooksOAuth
from daemon.adapters.freshbooks.tokens import TokenKeeper, TokenSealer
from daemon.adapters.http.api.operations import Api
from daemon.adapters.http.context import Dashboard
from daemon.adapters.http.public import build_public_app
from daemon.adapters.http.security import WEBHOOKS
from daemon.adapters.http.sse import Hub
from daemon.adapters.metrics import Metrics, StructlogTelemetry, measure_requests, trace_freshbooks
from daemon.adapters.postgres.api_store import ApiStore
from daemon.adapters.postgres.callback_store import CallbackStore
from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.demo_platform import DemoPlatform
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.fleet_store import FleetStore
from daemon.adapters.postgres.page_news import PageNews
from daemon.adapters.postgres.pool import Pool, PoolLimits
from daemon.adapters.postgres.proof_desk import ProofDesk
from daemon.adapters.postgres.sealed_store import SealedStore
from daemon.adapters.postgres.session_store import SessionStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.adapters.postgres.token_store import TokenStore
from daemon.adapters.postgres.verify_store import VerifyStore
from daemon.app.books import PartnerBooks
from daemon.app.crashing import crash_points
from daemon.app.database import Database
from daemon.app.keys import LiveKeys, key_ring, require_keys
from daemon.app.launch import Launch
from daemon.app.leases import SharedLeases, lease_store
from daemon.app.reload import Reloadable
from daemon.core.desk import Topic
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.state import Connection
from daemon.settings import Settings, by_id

SECRET_BYTES: Final = 32
PAGES_SHARE: Final = 3
"""One in so many connections is for pages and the API, so that none of them waits behind hundreds of supervisors."""
PAGES_SETTINGS: Final = {
    # What is planned once for good is planned for tables that may be empty still, and a partner whose books come first.
    "plan_cache_mode": "force_custom_plan"
}
WORKS_PER_CONNECTION: Final = 2
"""While one waits for Postgres another one thinks."""
READS_SHARE: Final = 3 / 4
"""No more of the connections to FreshBooks than this are for reads that can wait."""
USER_AGENT: Final = f"freshbooks-syncd/{version('freshbooks-syncd')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a running daemon consists of, as far as its lifetime needs to know."""

    root: RootSupervisor
    public_app: web.Application
    fleet: FleetStore
    news: PageNews
    reloadable: Reloadable


@asynccontextmanager
async def wired(
    launch: Launch, database: Database, policy: Callable[[], Policy], clock: Clock, metrics: Metrics, log: BoundLogger
) -> AsyncIterator[Parts]:
    """Open what must be closed again, and make the rest; `policy` tells the one in force.

    Raises SettingsError for encryption keys that do not open what is stored, StartRefused, StoreUnavailable.
    """
    settings = launch.settings
    reached = crash_points(os.environ, settings.freshbooks.api_url)
    tracing = [trace_freshbooks(metrics, clock.monotonic, log)]
    name = f"{socket.gethostname()}:{os.getpid()}"
    leases = lease_store(settings, database, name)
    for_pages = max(1, settings.postgres.connections_max // PAGES_SHARE)
    work = settings.postgres.connections_max - for_pages
    async with (
        Pool.open(database.dsn, _limits(settings, work), leases.application) as pool,
        Pool.open(database.dsn, _limits(settings, for_pages), leases.application, **PAGES_SETTINGS) as pages,
        open_session(
            connections=settings.freshbooks.connections_max, tracing=tracing, egress=settings.freshbooks.egress_dir
        ) as session,
    ):
        metrics.watch_pool(lambda: pool.size() + pages.size(), lambda: pool.idle() + pages.idle())
        ring = key_ring(settings)
        require_keys(ring, await SealedStore(pool).samples())
        caller = Caller(
            session=session,
            base_url=settings.freshbooks.api_url,
            user_agent=USER_AGENT,
            api_version=settings.freshbooks.api_version,
        )
        yield _Workshop(
            launch, pool, pages, leases, caller, LiveKeys(ring), policy, clock, metrics, log, reached
        ).parts()


@dataclass(slots=True)
class _Workshop:
    """What all parts are made from."""

    launch: Launch
    pool: Pool
    pages: Pool
    leases: SharedLeases
    caller: Caller
    keys: LiveKeys
    policy: Callable[[], Policy]
    clock: Clock
    metrics: Metrics
    log: BoundLogger
    reached: Reached

    def parts(self) -> Parts:
        """Make everything."""
        settings, hub = self.launch.settings, Hub()
        oauth = FreshBooksOAuth(caller=self.caller, app=_application(settings), now=self.clock.now)
        news = PageNews(self.pool, self.clock.sleep, hub.publish, hub.publish_all)

        def changed(partner_id: PartnerId, topics: frozenset[Topic]) -> None:
            hub.publish(partner_id, topics)
            news.tell(partner_id, topics)

        telemetry = StructlogTelemetry(self.metrics, self.log, changed)
        tokens = TokenKeeper(
            store=TokenStore(self.pool),
            oauth=oauth,
            keys=self.keys,
            clock=self.clock,
            spoiled=telemetry.secret_spoiled,
        )
        membership = Membership(self.leases, self.clock, telemetry)
        store = PostgresStore(self.pool, self.clock.sleep, membership.epoch, news)
        world = self._world(store, tokens, telemetry, membership)
        root = RootSupervisor(world, self.policy(), membership)
        link_keys = by_id(settings.public.link_keys)
        api = Api(desk=DeskActions(self.pages), store=ApiStore(self.pages))
        public_app = build_public_app(self._dashboard(world, oauth, hub, link_keys), api)
        public_app.middlewares.insert(0, measure_requests(self.metrics, self.clock.monotonic))
        return Parts(
            root=root,
            public_app=public_app,
            fleet=FleetStore(self.pool),
            news=news,
            reloadable=Reloadable(root=root, oauth=oauth, keys=self.keys, link_keys=link_keys),
        )

    def _world(
        self, store: PostgresStore, tokens: TokenKeeper, telemetry: StructlogTelemetry, membership: Membership
    ) -> World:
        """Make what the supervisors act through."""
        account = partial(self._account, tokens)
        return World(
            clock=self.clock,
            store=store,
            verify=VerifyStore(self.pool),
            tokens=tokens,
            telemetry=telemetry,
            limiters=Limiters(self.clock),
            admission=self._admission(),
            account=account,
            doorbell=self._doorbell(telemetry),
            callbacks=lambda connection: FreshBooksCallbacks(account=account(connection)),
            reached=self.reached,
            holds=membership.holds,
        )

    def _admission(self) -> Admission:
        """Bound who reads at once by what all of them share, and leave the payments some of it."""
        admission = Admission(
            self.clock,
            works=WORKS_PER_CONNECTION * self.pool.limits.size,
            calls=max(1, int(self.launch.settings.freshbooks.connections_max * READS_SHARE)),
        )
        self.metrics.watch_line(lambda: admission.waiting, lambda: admission.longest_s)
        return admission

    def _doorbell(self, telemetry: StructlogTelemetry) -> Doorbell:
        return Doorbell(
            store=CallbackStore(self.pool),
            keys=self.keys,
            clock=self.clock,
            address=self._webhook_address,
            heard=lambda outcome: self.metrics.webhooks.labels(outcome).inc(),
            spoiled=telemetry.secret_spoiled,
        )

    def _account(self, tokens: TokenKeeper, connection: Connection) -> FreshBooksAccount:
        """Reach the account of a connection, with the time-outs of the settings in force."""
        if connection.scope is None:
            raise ValueError(f"{connection.partner_id} is not connected and has no account")
        policy = self.policy()
        return FreshBooksAccount(
            caller=replace(self.caller, timeout=policy.call_timeout),
            account_id=connection.scope.account_id,
            business_uuid=connection.business_uuid,
            token=partial(tokens.access_token, connection.partner_id),
            now=self.clock.now,
            post_timeout=policy.push.post_timeout,
        )

    def _webhook_address(self, partner_id: PartnerId) -> str | None:
        """Where FreshBooks is told to ring; nowhere while browsers' address of the daemon is not configured."""
        base = self.launch.settings.public.base_url
        return f"{base.rstrip('/')}{WEBHOOKS}{partner_id}" if base else None

    def _dashboard(
        self,
        world: World,
        oauth: FreshBooksOAuth,
        hub: Hub,
        link_keys: dict[str, str],
    ) -> Dashboard:
        consents = ConsentStore(self.pages)
        books = PartnerBooks(world=world, rate=lambda: self.policy().rate)
        return Dashboard(
            public_url=self.launch.settings.origin(),
            link_keys=link_keys,
            clock=self.clock,
            sessions=SessionStore(self.pages),
            consent=ConsentFlow(
                store=consents,
                authority=oauth,
                sealer=TokenSealer(self.keys),
                clock=self.clock,
                secret=partial(secrets.token_urlsafe, SECRET_BYTES),
            ),
            desk=DeskActions(self.pages),
            accounts=AccountSetup(store=consents, books=books, clock=self.clock),
            hub=hub,
            invoice_link=self.launch.settings.freshbooks.invoice_link,
            webhooks=world.doorbell,
            proof=ProofDesk(self.pages),
            pdfs=InvoicePdfs(clock=self.clock, fetch=books.invoice_pdf),
            platform=DemoPlatform(self.pages) if self.launch.demo else None,
        )


def _limits(settings: Settings, size: int) -> PoolLimits:
    return PoolLimits(
        size=size,
        acquire_timeout_s=settings.postgres.acquire_timeout.total_seconds(),
        command_timeout_s=settings.postgres.command_timeout.total_seconds(),
    )


def _application(settings: Settings) -> App:
    return App(
        client_id=settings.freshbooks.client_id,
        client_secret=settings.freshbooks.client_secret.get_secret_value(),
        redirect_uri=settings.redirect_uri(),
        scopes=settings.freshbooks.scopes,
        auth_url=settings.freshbooks.auth_url,
    )
