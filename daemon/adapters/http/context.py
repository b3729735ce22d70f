"""What every handler finds on its application and request: the ports, the settings, and who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from daemon.adapters.http.ports import (
    AccountSetup,
    Clock,
    ConsentFlow,
    Desk,
    Pdfs,
    PlatformDesk,
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
    as a customer would. `webhooks` hears FreshBooks' deliveries; without it that address does not exist.
    `proof` shows comparisons with FreshBooks and the months' reconciliation; `pdfs`
    hands out invoices' PDFs.
    """

    public_url: str
    link_keys: Mapping[str, str] = field(repr=False)
    clock: Clock
    sessions: Sessions
    consent: ConsentFlow
    desk: Desk
    accounts: AccountSetup
    hub: Hub
    platform: PlatformDesk | None = None
    webhooks: Webhooks | None = None
    proof: Proof | None = None
    pdfs: Pdfs | None = None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it over https."""
        return self.public_url.startswith("https://")

    @property
    def is_demo(self) -> bool:
        """Whether the pages may act as a customer would."""
        return self.platform is not None


DASHBOARD = web.AppKey("dashboard", Dashboard)
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
SINCE: web.RequestKey[str] = web.RequestKey("since", str)
"""The hub's mark when the request began, before anything was read."""
