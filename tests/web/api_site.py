"""The API over real Postgres, and a client that calls it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.api.app import RATE
from daemon.adapters.http.api.credentials import Scope, hash_token, sign_jwt
from daemon.adapters.http.api.operations import Api
from daemon.adapters.postgres.api_store import ApiStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.proof_desk import ProofDesk
from daemon.adapters.postgres.session_store import SessionStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.model import PartnerId
from daemon.core.policy import RatePolicy
from tests.adapters.postgres_rows import ACCOUNT, PARTNER, Books
from tests.builders import INVOICE, make_fb_invoice
from tests.web.fakes import StillClock
from tests.web.site import KEYS, Site, serve

OTHER = PartnerId("other")
EVERY_SCOPE = frozenset(Scope)
MACHINE = "syncd_machine-1"

READS = {
    "/connection": ("status", "connected"),
    "/invoices": ("data.0.id", INVOICE),
    f"/invoices/{INVOICE}": ("line_items.0.quantity", "1"),
    "/customers": ("data", []),
    "/payments": ("data.0.freshbooks.label", "Sync issue"),
    "/payments/pay_1": ("amount", "100"),
    "/payouts": ("data.0.members.1.amount", "-3"),
    "/payouts/po_1": ("net", "97"),
    "/issues": ("data.0.actions", ["still_owes", "owes_nothing"]),
    "/runs": ("data.0.pages", 2),
    "/audit": ("data", []),
    "/events": ("data.0.kind", "issue_opened"),
    "/verifications": ("data", []),
}
"""What each list and record of the API tells: a path, a name in its answer, and the value there."""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class ApiSite:
    """The API of two partners: the first has books, the second nothing of them."""

    site: Site
    books: Books
    store: ApiStore
    client: aiohttp.ClientSession = field(repr=False)

    def jwt(self, partner_id: PartnerId = PARTNER, scopes: frozenset[Scope] = EVERY_SCOPE) -> str:
        return sign_jwt(partner_id, scopes, self.site.clock.now(), key_id="k1", secret=KEYS["k1"])

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        data: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Call the API as the first partner, or with the credential that is given; an empty one sends none."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token != "":
            sent["Authorization"] = f"Bearer {token or self.jwt()}"
        content = {"data": data} if data is not None else {"json": body} if body is not None else {}
        async with self.client.request(method, f"{self.site.url}/v1{path}", headers=sent, **content) as response:
            return Answer(response.status, response.headers, await response.text())

    async def get(self, path: str, **given: Any) -> Answer:
        return await self.call("GET", path, **given)

    async def post(self, path: str, body: Any = None, **given: Any) -> Answer:
        return await self.call("POST", path, body, **given)

    async def add_token(self, token: str = MACHINE, name: str = "machine", **given: Any) -> None:
        columns = {"scopes": list(EVERY_SCOPE), "now": self.site.clock.now(), "expires_at": None, **given}
        await self.store.add_token(PARTNER, name, hash_token(token), who="operator:root", **columns)


@asynccontextmanager
async def serving_api(
    database: str, rate: RatePolicy = RATE, clock: StillClock | None = None
) -> AsyncIterator[ApiSite]:
    """Serve the API beside the pages: two invoices, a payment, a payout, an issue, a customer, a run, an event."""
    async with Pool.open(database) as pool, aiohttp.ClientSession() as client:
        books = Books(pool, PostgresStore(pool, SystemClock().sleep))
        await books.add_partner()
        await books.add_partner(OTHER, "Xr2")
        await books.snapshot(make_fb_invoice())
        await books.pay()
        await _add_payout(books)
        desk, store = DeskActions(pool), ApiStore(pool)
        async with serve(
            sessions=SessionStore(pool),
            desk=desk,
            proof=ProofDesk(pool),
            demo=False,
            api=Api(desk=desk, store=store),
            rate=rate,
            clock=clock,
        ) as site:
            yield ApiSite(site=site, books=books, store=store, client=client)


async def _add_payout(books: Books) -> None:
    await books.execute(
        """INSERT INTO platform.payout (partner_id, payout_id, status, currency, net)
        VALUES ($1, 'po_1', 'succeeded', 'USD', 97)""",
        PARTNER,
    )
    await books.execute(
        """INSERT INTO platform.payout_member
        VALUES ($1, 'po_1', 'm1', 'payment', 'pay_1', 100), ($1, 'po_1', 'm2', 'fee', NULL, -3)""",
        PARTNER,
    )
    await books.execute(
        """INSERT INTO sync.issue (partner_id, account_id, kind, subject_type, subject_id, reason, next_step, actions)
        VALUES ($1, $2, 'refunded', 'payment', 'pay_1', 'It was refunded.', 'Tell whether it is still owed.',
                '{still_owes,owes_nothing}')""",
        PARTNER,
        ACCOUNT,
    )
    await books.execute(
        """INSERT INTO sync.run (partner_id, account_id, feed, stage, began_at, finished_at, outcome, pages, changed)
        VALUES ($1, $2, 'payments', '', now(), now() + $3, 'complete', 2, 5)""",
        PARTNER,
        ACCOUNT,
        timedelta(seconds=4),
    )
    await books.execute(
        """INSERT INTO platform.event (partner_id, kind, subject)
        VALUES ($1, 'issue_opened', 'payment/pay_1')""",
        PARTNER,
    )
