"""Runs a sandbox until it is told to stop."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Login
from daemon.sandbox.control import account_rows
from daemon.sandbox.options import SandboxOptions
from daemon.sandbox.replay import opened_sandbox
from daemon.sandbox.sandbox import Sandbox
from daemon.sandbox.server import build_app

_BACKLOG = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """A sandbox that is listening at `base_url`; `greeting` is what the command prints."""

    sandbox: Sandbox
    base_url: str
    greeting: dict[str, Any]


def _ready_pair(sandbox: Sandbox, login: Login) -> tuple[str, str]:
    """An access and a refresh token of `login`; those an earlier run gave out are not spoiled by new ones."""
    known = sandbox.oauth.live_pair(login.identity_id)
    if known is not None:
        return known
    tokens = sandbox.issue_tokens(login)
    return tokens["access_token"], tokens["refresh_token"]


def _greeting(sandbox: Sandbox, base_url: str) -> dict[str, Any]:
    """Everything a client needs to connect: the start-up line."""
    logins = list(sandbox.directory.logins.values())
    access, refresh = _ready_pair(sandbox, logins[0])
    return {
        "base_url": base_url,
        "auth_url": base_url,
        "client_id": sandbox.options.client_id,
        "client_secret": sandbox.options.client_secret,
        "redirect_uris": list(sandbox.options.redirect_uris),
        "accounts": [row for login in logins for row in account_rows(login)],
        "refresh_token": refresh,
        "access_token": access,
        "logins": [
            {"email": login.email, "password": login.password, "accounts": account_rows(login)} for login in logins
        ],
        "control_url": f"{base_url}/_sandbox",
    }


@asynccontextmanager
async def running(options: SandboxOptions, sandbox: Sandbox | None = None) -> AsyncIterator[RunningSandbox]:
    """Serve a sandbox for as long as the context lasts; with port 0 a free one is taken."""
    sandbox = opened_sandbox(sandbox or Sandbox(options))
    sandbox.warm_up()
    runner = web.AppRunner(build_app(sandbox), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port, backlog=_BACKLOG)
        await site.start()
        port = runner.addresses[0][1]
        base_url = f"http://{options.host}:{port}"
        yield RunningSandbox(sandbox=sandbox, base_url=base_url, greeting=_greeting(sandbox, base_url))
    finally:
        await runner.cleanup()
        sandbox.store.close()


async def serve(options: SandboxOptions) -> None:
    """Run a sandbox until cancelled, or until SIGTERM or SIGINT; prints one JSON line once it is listening.

    Raises OSError when the port is taken, and ValueError when kept books or a fault plan do not fit the options.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Collections while millions of lasting records are made would double the time to start.
    gc.disable()
    try:
        async with running(options) as started:
            gc.freeze()
            gc.enable()
            sys.stdout.write(msgspec.json.encode(started.greeting).decode() + "\n")
            sys.stdout.flush()
            await stop.wait()
    finally:
        gc.enable()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
