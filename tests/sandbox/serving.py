"""A running sandbox and a plain client for it, for the sandbox's own tests."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import msgspec
from multidict import CIMultiDictProxy

from daemon.sandbox.accounts import Account
from daemon.sandbox.books import Books
from daemon.sandbox.command import RunningSandbox, running
from daemon.sandbox.options import RateLimits, SandboxOptions
from daemon.sandbox.sandbox import Sandbox

Json = Any
NOON = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)  # 12:00 in New York
UNLIMITED = RateLimits(calls=0, creates=0)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Json:
        return msgspec.json.decode(self.body)

    @property
    def result(self) -> Json:
        """`response.result` of the accounting family."""
        assert self.status == 200, (self.status, self.body[:500])
        return self.json["response"]["result"]

    @property
    def error(self) -> Json:
        """The first error of the accounting family's older shape."""
        return self.json["response"]["errors"][0]


@dataclass
class Api:
    """The first account of a running sandbox, as an app with a token sees it."""

    running: RunningSandbox
    session: aiohttp.ClientSession
    token: str

    @property
    def sandbox(self) -> Sandbox:
        return self.running.sandbox

    @property
    def greeting(self) -> Json:
        return self.running.greeting

    @property
    def account_id(self) -> str:
        return str(self.greeting["accounts"][0]["account_id"])

    @property
    def business_uuid(self) -> str:
        return str(self.greeting["accounts"][0]["business_uuid"])

    @property
    def account(self) -> Account:
        return self.sandbox.directory.accounts[self.account_id]

    @property
    def books(self) -> Books:
        return self.account.books

    async def call(self, method: str, path: str, body: Json = None, *, headers: dict[str, str] | None = None) -> Reply:
        """Any path; one that does not start with a slash is below the account's accounting root."""
        url = path if path.startswith("/") else f"/accounting/account/{self.account_id}/{path}"
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        async with self.session.request(method, self.running.base_url + url, json=body, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **query: str | int) -> Reply:
        return await self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    async def post(self, path: str, body: Json) -> Reply:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: Json) -> Reply:
        return await self.call("PUT", path, body)

    async def form(self, path: str, fields: dict[str, str], *, headers: dict[str, str] | None = None) -> Reply:
        """Post a form as a browser would; redirects are not followed."""
        url = self.running.base_url + path
        async with self.session.post(url, data=fields, headers=headers, allow_redirects=False) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def token_call(self, **fields: str) -> Reply:
        secret = {"client_id": self.greeting["client_id"], "client_secret": self.greeting["client_secret"]}
        return await self.form("/auth/oauth/token", {**secret, **fields})

    async def switch(self, **values: Json) -> None:
        assert (await self.put("/_sandbox/switches", values)).status == 200

    async def advance(self, **step: float) -> None:
        seconds = step.get("seconds", 0) + 60 * step.get("minutes", 0) + 3600 * step.get("hours", 0)
        reply = await self.post("/_sandbox/clock", {"advance": seconds + 86_400 * step.get("days", 0)})
        assert reply.status == 200

    async def move_clock(self, **request: Json) -> None:
        """Move the clock as the control API is asked to, and take a fresh token where the old one may have expired."""
        assert (await self.post("/_sandbox/clock", request)).status == 200
        login = self.sandbox.directory.logins[self.greeting["logins"][0]["email"]]
        self.token = self.sandbox.issue_tokens(login)["access_token"]

    async def fault(self, action: Json, **rule: Json) -> None:
        reply = await self.put("/_sandbox/faults", {"action": action, **rule})
        assert reply.status == 200, reply.body

    async def client(self, **fields: Json) -> Json:
        reply = await self.post("users/clients", {"client": {"organization": "Acme", **fields}})
        return reply.result["client"]

    async def invoice(self, cost: str = "100.00", *, include: str = "", **fields: Json) -> Json:
        """A sent invoice of one line, for a client made for it unless `customerid` is given."""
        if "customerid" not in fields:
            fields["customerid"] = (await self.client())["id"]
        line = {"name": "Work", "description": "Hours", "qty": "1", "unit_cost": {"amount": cost}}
        body = {"create_date": "2026-03-01", "due_offset_days": 30, "status": 2, "lines": [line], **fields}
        reply = await self.post(f"invoices/invoices{include}", {"invoice": body})
        return reply.result["invoice"]

    async def read_invoice(self, key: int, *, include: str = "") -> Json:
        return (await self.get(f"invoices/invoices/{key}{include}")).result["invoice"]

    async def pay(self, invoice: Json, amount: str, /, **fields: Json) -> Json:
        return (await self.try_pay(invoice, amount, **fields)).result["payment"]

    async def try_pay(self, invoice: Json, amount: str, /, **fields: Json) -> Reply:
        key = invoice if isinstance(invoice, int) else invoice["id"]
        body = {"invoiceid": key, "amount": {"amount": amount}, "date": "2026-03-10", "type": "Check", **fields}
        return await self.post("payments/payments", {"payment": body})

    async def edit(self, path: str, thing: str, **fields: Json) -> Json:
        return (await self.put(path, {thing: fields})).result[thing]


@asynccontextmanager
async def sandbox_api(**options: Any) -> AsyncIterator[Api]:
    """A sandbox of its own with small books, standing still at `NOON` unless told otherwise."""
    given = {"clock_start": NOON, "clock_rate": 0.0, "invoices": (13,), "rate_limits": UNLIMITED, **options}
    jar = aiohttp.CookieJar(unsafe=True)
    async with running(SandboxOptions(**given)) as started, aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Api(running=started, session=session, token=str(started.greeting["access_token"]))


def hidden_fields(page: bytes) -> dict[str, str]:
    """The hidden inputs of a page's forms by name."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.decode())
    return {name: unescape(value) for name, value in found}


async def consent(
    api: Api, asked: dict[str, str] | None = None, *, decision: str = "allow", login: int = 0
) -> dict[str, str]:
    """Go through login and consent as a person does; what the redirect carries back to the app."""
    query = {
        "response_type": "code",
        "client_id": api.greeting["client_id"],
        "redirect_uri": api.greeting["redirect_uris"][0],
        **(asked or {}),
    }
    person = api.greeting["logins"][login]
    page = await api.get("/oauth/authorize/", **query)
    assert page.status == 200, page.body
    if b'id="login-form"' in page.body:
        fields = {**hidden_fields(page.body), "email": person["email"], "password": person["password"]}
        signed_in = await api.form("/oauth/login", fields)
        assert signed_in.status == 303, signed_in.body
        page = await api.get(signed_in.headers["Location"])
    fields = {key: value for key, value in hidden_fields(page.body).items() if key != "next"}
    done = await api.form("/oauth/authorize/", {**fields, "decision": decision})
    assert done.status == 302, done.body
    parts = urlsplit(done.headers["Location"])
    return {key: values[0] for key, values in parse_qs(parts.query).items()}
