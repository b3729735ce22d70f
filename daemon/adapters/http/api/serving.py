"""From an HTTP request to a handler and back: who calls, what it brings, how it is answered."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from aiohttp import hdrs, web
from pydantic import ValidationError

from daemon.adapters.http.api.credentials import Caller, NotAuthorised, identify
from daemon.adapters.http.api.gate import Gate
from daemon.adapters.http.api.messages import Input
from daemon.adapters.http.api.operations import API, Call, Operation, Reply
from daemon.adapters.http.api.problems import Problem, answer, of_http, of_validation
from daemon.adapters.http.context import DASHBOARD
from daemon.core.errors import StoreUnavailable

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_JSON: Final = "application/json"
_RETRY_S: Final = 10


def serve(operation: Operation, gate: Gate) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make the aiohttp handler of an operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await admit(request, operation.scope, gate)
        query, raw = _query(request, operation), await request.read()
        call = Call(request=request, caller=caller, query=query, body=_body(request, raw, operation))
        key = request.headers.get(IDEMPOTENCY_KEY)
        if key is None or operation.method != hdrs.METH_POST:
            return _write(request, await operation.handler(call))
        return await _once(call, operation, key, raw)

    return handle


async def admit(request: web.Request, scope: str, gate: Gate) -> Caller:
    """Tell who calls, if they may and not too often. Raises Problem, StoreUnavailable."""
    dashboard, header = request.app[DASHBOARD], request.headers.get(hdrs.AUTHORIZATION, "")
    try:
        caller = await identify(header, request.app[API].store, dashboard.link_keys, dashboard.clock.now())
    except NotAuthorised as refused:
        raise Problem(401, str(refused)) from refused
    wait_s = gate.knock(caller.partner_id, dashboard.clock.monotonic())
    if wait_s > 0:
        raise Problem(429, "Too many requests for this partner. Slow down.", retry_after_s=max(1, round(wait_s)))
    if scope not in caller.scopes:
        raise Problem(403, f"This credential lacks the scope {scope}.")
    return caller


async def told_as_json(work: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Do the work of a request, and tell as JSON why it was refused."""
    try:
        return await work()
    except Problem as problem:
        return answer(problem)
    except web.HTTPException as refused:
        response = answer(of_http(refused))
        if hdrs.ALLOW in refused.headers:
            response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
        return response
    except StoreUnavailable:
        return answer(Problem(503, "We cannot reach our records right now. Nothing is lost.", retry_after_s=_RETRY_S))
    except TimeoutError:
        return answer(Problem(503, "This took too long. Try again in a minute.", retry_after_s=_RETRY_S))


def _query(request: web.Request, operation: Operation) -> Input:
    twice = {name: "given more than once" for name in request.query if len(request.query.getall(name)) > 1}
    if twice:
        raise Problem(422, "Some fields do not fit: see validation_errors.", twice)
    try:
        return operation.query.model_validate(dict(request.query))
    except ValidationError as error:
        raise of_validation(error) from error


def _body(request: web.Request, raw: bytes, operation: Operation) -> Input:
    if not operation.takes_body:
        return operation.body()
    if request.content_type != _JSON:
        raise Problem(415, f"Send {_JSON}.")
    try:
        sent = json.loads(raw)
        return operation.body.model_validate(sent)
    except ValidationError as error:
        raise of_validation(error) from error
    except (ValueError, RecursionError) as error:
        raise Problem(400, "The body is no valid JSON.") from error


async def _once(call: Call[Any, Any], operation: Operation, key: str, raw: bytes) -> web.Response:
    """Act once however often a request with this key comes; later ones are answered as the first one was."""
    if not _KEY.fullmatch(key):
        raise Problem(
            422, f"{IDEMPOTENCY_KEY} takes 1 to 200 visible ASCII characters.", {IDEMPOTENCY_KEY: "wrong form"}
        )
    store, partner_id = call.api.store, call.partner_id
    digest = hashlib.sha256(f"{operation.method} {call.request.rel_url}\n".encode() + raw).digest()
    kept = await store.begin_answer(partner_id, key, digest, call.now)
    if kept is not None:
        if not kept.is_same:
            raise Problem(
                409, f"This {IDEMPOTENCY_KEY} was used for another request.", {IDEMPOTENCY_KEY: "used before"}
            )
        if kept.status is None:
            raise Problem(409, "The first request with this key is still being worked on. Try again.", retry_after_s=1)
        return _json(kept.body, kept.status, {"Idempotency-Replayed": "true"})
    reply: Reply | None = None
    try:
        reply = await operation.handler(call)
    finally:
        if reply is None:
            # Refused, failed or given up by its caller: the key may try again.
            with anyio.CancelScope(shield=True):
                await store.drop_answer(partner_id, key)
    text = reply.body.model_dump_json() if reply.body else ""
    await store.keep_answer(partner_id, key, reply.status, text)
    return _write(call.request, reply)


def _write(request: web.Request, reply: Reply) -> web.Response:
    text = reply.body.model_dump_json() if reply.body else ""
    if request.method != hdrs.METH_GET:
        return _json(text, reply.status, {})
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    return _json(text, reply.status, headers)


def _json(text: str, status: int, headers: Mapping[str, str]) -> web.Response:
    return web.Response(text=text, status=status, content_type=_JSON, headers=headers)
