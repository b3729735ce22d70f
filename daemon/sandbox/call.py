"""One API call from arrival to answer: log, faults, rate limit, token, scope, handler, headers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.accounts import Account, Login, Membership
from daemon.sandbox.clock import stopwatch_s
from daemon.sandbox.errors import PARSE_ERROR, ApiError, Family, error_body, forbidden, unauthorized
from daemon.sandbox.limits import Allowance
from daemon.sandbox.oauth import Grant
from daemon.sandbox.request_log import RequestEntry
from daemon.sandbox.sandbox import Sandbox

SANDBOX: web.AppKey[Sandbox] = web.AppKey("sandbox", Sandbox)
_VERSION = "2023-02-20"
_JSON = "application/json"


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a handler answers; `body` is JSON unless `content_type` says otherwise."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request with what was found out about it."""

    sandbox: Sandbox
    request: web.Request
    family: Family
    entry: RequestEntry
    now: datetime
    grant: Grant | None = None
    account: Account | None = None

    @property
    def login(self) -> Login:
        """The person behind the token; raises 401 without one."""
        if self.grant is None:
            raise unauthorized()
        return self.sandbox.directory.identities[self.grant.identity_id]

    async def json(self) -> Any:
        """The request's JSON; raises 400 errno 1005 when it is none."""
        try:
            return msgspec.json.decode(await self.request.read() or b"{}")
        except msgspec.DecodeError:
            raise ApiError(400, "The request body could not be parsed as JSON.", errno=PARSE_ERROR) from None

    def member(self, account: Account, scope: str | None, *, write: bool) -> Membership:
        """The caller's membership of `account`; raises for strangers, missing scopes, and clients who write."""
        if self.grant is None:
            raise unauthorized()
        membership = self.login.membership(str(account.account_id))
        if membership is None:
            status = self.sandbox.switches["foreign_account_status"]
            error = unauthorized()
            error.status = status
            raise error
        wanted = f"user:{scope}:{'write' if write else 'read'}"
        if scope is not None and wanted not in self.grant.scopes:
            raise forbidden(f"The token lacks the scope {wanted}.")
        if write and membership.role == "client":
            raise forbidden()
        self.account = account
        self.entry.account = account.account_id
        return membership


Handler = Callable[[Call], Awaitable[Answer]]


def endpoint(family: Family, handler: Handler, *, limited: bool = True) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap an API handler into the whole course of a call."""

    async def serve(request: web.Request) -> web.StreamResponse:
        sandbox = request.app[SANDBOX]
        started_s = stopwatch_s()
        now = sandbox.clock.now()
        entry = sandbox.log.open(at=now, method=request.method, path=request.path, query=request.query_string)
        entry.account = request.match_info.get("account")
        call = Call(sandbox=sandbox, request=request, family=family, entry=entry, now=now)
        answer = await _answer(call, handler, limited=limited)
        entry.status = answer.status
        entry.latency_s = stopwatch_s() - started_s
        resource = request.match_info.route.resource
        sandbox.log.close(entry, call=f"{request.method} {resource.canonical if resource else request.path}")
        return web.Response(
            body=answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers
        )

    return serve


async def _answer(call: Call, handler: Handler, *, limited: bool) -> Answer:
    allowance: Allowance | None = None
    try:
        call.grant = _grant(call)
        if limited:
            allowance = _take(call)
            if allowance.refused:
                answer = _too_many(call)
            else:
                answer = await handler(call)
        else:
            answer = await handler(call)
    except ApiError as error:
        answer = render_error(call, error)
    answer.headers.setdefault("x-api-version", call.request.headers.get("X-API-VERSION", _VERSION))
    answer.headers.setdefault("Server", "nginx")
    if allowance is not None:
        answer.headers.update(allowance.headers())
        if answer.status == 429 and not call.sandbox.switches["rate_limit_retry_after"]:  # noqa: PLR2004
            answer.headers.pop("retry-after", None)
    return answer


def _grant(call: Call) -> Grant | None:
    """The live grant of the call's token; endpoints that need one refuse when there is none."""
    header = call.request.headers.get("Authorization", "")
    try:
        return call.sandbox.oauth.authenticate(header, call.now) if header else None
    except ApiError:
        return None


def _take(call: Call) -> Allowance:
    scope = call.sandbox.switches["rate_limit_scope"]
    callers = {
        "grant": ("grant", call.grant.id) if call.grant else ("ip", call.request.remote),
        "account": ("account", call.request.match_info.get("account")),
        "app": ("app",),
        "ip": ("ip", call.request.remote),
    }
    create = call.request.method == "POST" and call.family is Family.ACCOUNTING
    return call.sandbox.windows.take(callers[scope], call.now, create=create)


def _too_many(call: Call) -> Answer:
    style = call.sandbox.switches["rate_limit_body"]
    error = ApiError(429, "Rate limit exceeded.", errno=429)
    if style == "text":
        return Answer(status=429, body=b"Too Many Requests", content_type="text/plain")
    if style == "empty":
        return Answer(status=429, body=b"")
    body = error_body(error, Family.ACCOUNTING, new_format=style == "google")
    return Answer(status=429, body=msgspec.json.encode(body))


def wants_new_errors(call: Call) -> bool:
    """Whether accounting errors come in the google.rpc shape (FB API s1, s8)."""
    style = call.sandbox.switches["error_format"]
    if style != "by_version":
        return bool(style == "new")
    version = call.request.headers.get("X-API-VERSION", _VERSION)
    return bool(version >= call.sandbox.switches["new_errors_since"])


def render_error(call: Call, error: ApiError) -> Answer:
    """The family's error answer."""
    body = error_body(error, call.family, new_format=wants_new_errors(call))
    if call.sandbox.switches["errors_as_object"] and "response" in body:
        body = {"response": {"errors": body["response"]["errors"][0]}}
    return Answer(status=error.status, body=msgspec.json.encode(body))
