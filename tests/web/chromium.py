"""A real Chromium, and windows in it that remember every complaint."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.web.site import Site, free_socket

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)


@dataclass
class Window:
    """A signed-in window, and everything it complained about."""

    page: Page
    context: BrowserContext
    complaints: list[str]


@asynccontextmanager
async def launch() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_window(site: Site, browser: Browser, **options: Any) -> AsyncIterator[Window]:
    context = await browser.new_context(**options)
    page = await context.new_page()
    complaints = listen(page)
    await page.goto(site.link())
    try:
        yield Window(page, context, complaints)
        # Whatever a test was about: no page of ours may ask for what its own policy forbids.
        assert not [said for said in complaints if "style-src" in said or "script-src" in said or "connect-src" in said]
    finally:
        await context.close()


def listen(page: Page) -> list[str]:
    """Remember what a page complains about: its console, errors, blocked requests, and scripts that ran."""
    complaints: list[str] = []
    page.on(
        "console",
        lambda said: (
            complaints.append(f"{said.text} {said.location['url']}") if said.type in {"error", "warning"} else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"a script ran: {dialog.message}"))
    # A stream that a page leaves behind is aborted, which is no complaint.
    page.on(
        "requestfailed",
        lambda asked: complaints.append(f"{asked.url}: {asked.failure}") if "BLOCKED" in str(asked.failure) else None,
    )
    return complaints


AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
_SERIOUS = frozenset({"serious", "critical"})


async def barriers(page: Page) -> list[str]:
    """What axe-core finds on a page that is serious for people who cannot see it or use no mouse."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in _SERIOUS
        for node in violation["nodes"]
    ]


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sock = free_socket()
    await web.SockSite(runner, sock).start()
    try:
        yield f"http://localhost:{sock.getsockname()[1]}/"
    finally:
        await runner.cleanup()
