"""What every handler finds on its application and request: the ports, the settings, and who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from daemon.adapters.http.platform_port import PlatformDesk
from daemon.adapters.http.ports import (
    AccountSetup,
    Clock,
    ConsentFlow,
    Desk,
    Pdfs,
    Proof,
    Session,
    Sessions,
    Webhooks,
)
from daemon.adapters.http.sse import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Everything that the public listener was given.

    `public_url` is how browsers reach it (scheme, host, port). `link_keys` are the secrets of signed links by key id;
    any of them is accepted, so that keys can be rotated. `platform` is set in the demo only: with it the pages can act
    as a customer would. `invoice_link` is where a person sees an invoice in FreshBooks, with `{account_id}` and
    `{invoice_id}` in it where FreshBooks has an address for each. `webhooks` hears FreshBooks' deliveries; without it
    that address does not exist. `proof` shows comparisons with FreshBooks and the months' reconciliation; `pdfs` hands
    out invoices' PDFs.
    """

    public_url: str
    link_keys: Mapping[str, str] = field(repr=False)
    clock: Clock
    sessions: Sessions
    consent: ConsentFlow
    desk: Desk
    accounts: AccountSetup
    hub: Hub
    invoice_link: str = "https://my.freshbooks.com"
    platform: PlatformDesk | None = None
    webhooks: Webhooks | None = None
    proof: Proof | None = None
    pdfs: Pdfs | None = None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it over https."""
        return self.public_url.startswith("https://")

    def books_link(self, account_id: str | None, invoice_id: int | str) -> str:
        """Where a person sees an invoice in FreshBooks, or at least FreshBooks."""
        return self.invoice_link.replace("{account_id}", account_id or "").replace("{invoice_id}", str(invoice_id))

    @property
    def is_demo(self) -> bool:
        """Whether the pages may act as a customer would."""
        return self.platform is not None


DASHBOARD = web.AppKey("dashboard", Dashboard)
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
SINCE: web.RequestKey[str] = web.RequestKey("since", str)
"""The hub's mark when the request began, before anything was read."""
