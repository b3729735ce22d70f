"""Real servers on loopback that stand for FreshBooks: the project's sandbox, and small ones that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from daemon.adapters.freshbooks.calls import Caller, open_session
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.core.model import AccountId
from daemon.sandbox.command import RunningSandbox, running
from daemon.sandbox.options import SandboxOptions
from tests.adapters.freshbooks_rows import Json

TOKEN = "a-token"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Clock:
    """A clock that moves a second each time it is read."""

    at: datetime = datetime(2026, 8, 4, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass
class Answers:
    """A server that answers what it is told, and remembers what it was asked."""

    base_url: str
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def answering(answers: Iterable[web.Response] | Handler) -> AsyncIterator[Answers]:
    """Serve these answers in turn, the last one for good; or let a handler answer."""
    told = Answers(base_url="")
    queue = None if callable(answers) else list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        told.asked.append(request)
        told.bodies.append(await request.read())
        if callable(answers):
            return await answers(request)
        assert queue is not None
        response = queue.pop(0) if len(queue) > 1 else queue[0]
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield told
    finally:
        await runner.cleanup()


@asynccontextmanager
async def speaking(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve raw bytes: `talk` does as it likes with each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def told(body: Json | bytes | str, status: int = 200, **headers: str) -> web.Response:
    """An answer of JSON, or of whatever the bytes are."""
    data = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else msgspec.json.encode(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    return web.Response(
        status=status, body=data, headers={"Content-Type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@asynccontextmanager
async def account_at(
    base_url: str,
    *,
    timeout: timedelta = timedelta(seconds=5),  # noqa: ASYNC109 - the setting under test
    bytes_max: int = 8 * 1024 * 1024,
    account_id: str = "wkMd2g",
    business_uuid: str = "b-uuid",
    token: str = TOKEN,
) -> AsyncIterator[FreshBooksAccount]:
    """A client of the FreshBooks that is served there."""

    async def give() -> str:
        return token

    async with open_session() as session:
        yield FreshBooksAccount(
            caller=caller(session, base_url, timeout=timeout, bytes_max=bytes_max),
            account_id=AccountId(account_id),
            business_uuid=business_uuid,
            token=give,
            now=Clock().now,
            post_timeout=timeout,
        )


def caller(
    session: aiohttp.ClientSession,
    base_url: str,
    *,
    timeout: timedelta = timedelta(seconds=5),
    bytes_max: int = 8 * 1024 * 1024,
) -> Caller:
    return Caller(
        session=session,
        base_url=base_url,
        user_agent="freshbooks-syncd/test",
        timeout=timeout,
        bytes_max=bytes_max,
    )


@asynccontextmanager
async def a_sandbox(**options: object) -> AsyncIterator[RunningSandbox]:
    """The project's own FreshBooks."""
    async with running(SandboxOptions(**{"invoices": (60,), "webhooks": False, **options})) as started:  # type: ignore[arg-type]
        yield started


@asynccontextmanager
async def account_of(started: RunningSandbox, **options: object) -> AsyncIterator[FreshBooksAccount]:
    """A client of the sandbox's first account."""
    own = started.greeting["accounts"][0]
    async with account_at(
        started.base_url,
        account_id=own["account_id"],
        business_uuid=own["business_uuid"],
        token=started.greeting["access_token"],
        **options,  # type: ignore[arg-type]
    ) as account:
        yield account


@asynccontextmanager
async def told_account(*answers: web.Response, **options: Any) -> AsyncIterator[FreshBooksAccount]:
    async with answering(answers) as server, account_at(server.base_url, **options) as account:
        yield account


def yes() -> bool:
    return True


def no() -> bool:
    return False
