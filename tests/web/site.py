"""A dashboard on a real socket, with its ports in memory, and a browser's half of a conversation with it."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy

from daemon.adapters.http import ports
from daemon.adapters.http.api.app import RATE
from daemon.adapters.http.api.operations import Api
from daemon.adapters.http.context import Dashboard
from daemon.adapters.http.links import sign_link
from daemon.adapters.http.platform_port import PlatformDesk
from daemon.adapters.http.public import RUNNER_LIMITS, build_public_app
from daemon.adapters.http.sse import Hub
from daemon.core.model import PartnerId
from daemon.core.policy import RatePolicy
from tests.web.fakes import (
    MemoryAccounts,
    MemoryConsent,
    MemoryPlatform,
    MemorySessions,
    StillClock,
)
from tests.web.memory_desk import MemoryDesk
from tests.web.rows import PARTNER

KEYS = {"k1": "a-secret-of-the-platform-that-is-long", "k0": "its-former-secret-that-is-as-long"}


@dataclass
class Site:
    """A running dashboard and all that stands behind it."""

    url: str
    clock: StillClock
    sessions: MemorySessions
    consent: MemoryConsent
    desk: MemoryDesk
    accounts: MemoryAccounts
    platform: MemoryPlatform
    hub: Hub
    stack: AsyncExitStack = field(repr=False)

    def link(self, partner_id: PartnerId = PARTNER, minutes: float = 5) -> str:
        expires_at = self.clock.now() + timedelta(minutes=minutes)
        return sign_link(self.url, partner_id, expires_at, key_id="k1", secret=KEYS["k1"])

    async def browser(self, partner_id: PartnerId | None = PARTNER) -> "Browser":
        """A fresh browser, signed in as the partner, or as nobody."""
        jar = aiohttp.CookieJar(unsafe=True)
        client = await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        browser = Browser(site=self, client=client)
        if partner_id is not None:
            assert (await browser.get(self.link(partner_id))).status == 303
        return browser


@dataclass
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def location(self) -> str:
        return self.headers["Location"]


@dataclass
class Browser:
    """Sends what a browser would: cookies, and with a form its token and origin. Redirects are not followed."""

    site: Site
    client: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> Answer:
        url = path if path.startswith("http") else self.site.url + path
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(url, headers=sent, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.text())

    async def token(self) -> str:
        page = await self.get("/integrations")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found, "the page holds no form"
        return found[1]

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send a form from a page of the dashboard."""
        fields = {"csrf": await self.token(), **(form or {})}
        return await self.post_raw(path, fields, **{"Origin": self.site.url, **headers})

    async def post_raw(self, path: str, data: dict[str, str] | bytes | None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(self.site.url + path, data=data, headers=sent, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.text())

    async def follow(self, answer: Answer) -> Answer:
        assert answer.status == 303, answer.text
        return await self.get(answer.location)


@asynccontextmanager
async def serve(
    *,
    demo: bool = True,
    public_url: str | None = None,
    sessions: ports.Sessions | None = None,
    desk: ports.Desk | None = None,
    platform: PlatformDesk | None = None,
    proof: ports.Proof | None = None,
    pdfs: ports.Pdfs | None = None,
    api: Api | None = None,
    rate: RatePolicy = RATE,
    clock: StillClock | None = None,
) -> AsyncIterator[Site]:
    """Serve the dashboard with its ports in memory, but for those that are given."""
    async with AsyncExitStack() as stack:
        sock = free_socket()
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        site = Site(
            url=url,
            clock=clock or StillClock(),
            sessions=MemorySessions(),
            consent=MemoryConsent(),
            desk=MemoryDesk(),
            accounts=MemoryAccounts(),
            platform=MemoryPlatform(),
            hub=Hub(),
            stack=stack,
        )
        app = build_public_app(
            Dashboard(
                public_url=public_url or url,
                link_keys=KEYS,
                clock=site.clock,
                sessions=sessions or site.sessions,
                consent=site.consent,
                desk=desk or site.desk,
                accounts=site.accounts,
                hub=site.hub,
                platform=(platform or site.platform) if demo else None,
                proof=proof,
                pdfs=pdfs,
            ),
            api,
            rate,
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, **RUNNER_LIMITS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, sock).start()
        yield site


def free_socket() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock
