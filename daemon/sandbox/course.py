"""The course of an API call: log, faults, rate limit, token, handler, headers."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from daemon.sandbox.call import DEFAULT_VERSION, SANDBOX, Answer, Call, Cut, Handler
from daemon.sandbox.clock import stopwatch_s, wait_s
from daemon.sandbox.errors import ApiError, Family, error_body
from daemon.sandbox.faulting import answer_with_fault
from daemon.sandbox.faults import Action, Kind
from daemon.sandbox.limits import Allowance
from daemon.sandbox.oauth import Grant

_LOGGED_BODY = 2_000
_TOO_MANY = 429


def endpoint(
    family: Family, handler: Handler, *, limited: bool = True
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap an API handler into the whole course of a call."""

    async def serve(request: web.Request) -> web.StreamResponse:
        sandbox = request.app[SANDBOX]
        started_s = stopwatch_s()
        now = sandbox.clock.now()
        entry = sandbox.log.open(at=now, method=request.method, path=request.path, query=request.query_string)
        call = Call(sandbox=sandbox, request=request, family=family, entry=entry, now=now)
        entry.account = _account_id(call)
        try:
            answer = await _answer(call, handler, limited=limited)
            if request.method in ("POST", "PUT") and request.content_type == "application/json":
                entry.body = (await request.read())[:_LOGGED_BODY].decode(errors="replace")
        except ConnectionResetError:
            # The caller went away in the middle of its request.
            answer = Answer(status=0, cut=Cut.DROPPED)
        entry.status = answer.status
        entry.latency_s = stopwatch_s() - started_s
        resource = request.match_info.route.resource
        sandbox.log.close(entry, call=f"{request.method} {resource.canonical if resource else request.path}")
        return await _send(request, answer)

    return serve


def _account_id(call: Call) -> str | None:
    business = call.sandbox.directory.by_business_uuid.get(call.request.match_info.get("business", ""))
    return business.account_id if business is not None else call.request.match_info.get("account")


async def _answer(call: Call, handler: Handler, *, limited: bool) -> Answer:
    call.grant = _grant(call)
    allowance = _take(call) if limited else None
    try:
        if allowance is not None and allowance.refused:
            answer = _too_many(call)
        else:
            answer = await _through_faults(call, handler)
    except ApiError as error:
        answer = call.error(error)
    answer.headers.setdefault("x-api-version", call.request.headers.get("X-API-VERSION", DEFAULT_VERSION))
    answer.headers.setdefault("Server", "nginx")
    if allowance is not None:
        answer.headers = {**allowance.headers(), **answer.headers}
    if answer.status == _TOO_MANY and not call.sandbox.switches["rate_limit_retry_after"]:
        answer.headers["retry-after"] = ""
    return answer


async def _through_faults(call: Call, handler: Handler) -> Answer:
    request = call.request
    actions = call.sandbox.faults.for_request(
        method=request.method, path=request.path, query=request.query_string, account=call.entry.account
    )
    fault: Action | None = None
    for action in actions:
        if action.kind is Kind.LATENCY:
            await wait_s(call.sandbox.faults.draw_s(action))
        else:
            fault = action
    # Latency may have let the sandbox' clock move on: the handler writes with the later moment.
    call.now = call.sandbox.clock.now()
    return await (handler(call) if fault is None else answer_with_fault(call, fault, handler))


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
        "account": ("account", call.entry.account),
        "app": ("app",),
        "ip": ("ip", call.request.remote),
    }
    create = call.request.method == "POST" and call.family is Family.ACCOUNTING
    return call.sandbox.windows.take(callers[scope], call.now, create=create)


def _too_many(call: Call) -> Answer:
    """A 429 in the switched style, its body being unknown (FB API s13)."""
    style = call.sandbox.switches["rate_limit_body"]
    if style == "text":
        return Answer(status=_TOO_MANY, body=b"Too Many Requests", content_type="text/plain")
    if style == "empty":
        return Answer(status=_TOO_MANY, body=b"")
    error = ApiError(_TOO_MANY, "Rate limit exceeded.", errno=_TOO_MANY)
    body = error_body(error, Family.ACCOUNTING, new_format=style == "google")
    return Answer(status=_TOO_MANY, body=msgspec.json.encode(body))


async def _send(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Send the answer, whole or cut; headers with an empty value are left out."""
    headers = {name: value for name, value in answer.headers.items() if value}
    if answer.cut is Cut.DROPPED:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if answer.cut is Cut.TORN:
        return await _send_torn(request, answer, headers)
    return web.Response(body=answer.body, status=answer.status, content_type=answer.content_type, headers=headers)


async def _send_torn(request: web.Request, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Type": answer.content_type})
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
